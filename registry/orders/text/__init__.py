"""Ids and text, by the tokenizer that an order names.

tokenizer   loads it: a file, a folder, or a repository on the hub
encode      text to ids, and where its words begin
documents   the documents within a sequence
detokenize  ids back to text
"""
