"""What the pocket suite's models are trained on.

corpus     the Python language reference that every CPython carries
tokenizer  byte-level BPE, trained on it
order      which sequence of the corpus stands where, and how often
"""
