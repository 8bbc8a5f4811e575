"""Answers of a service, read as those of the library are.

answers   RemoteAnswer: an object of the JSON, read by attributes
views     attributes that are neither keys nor follow from them
hints     the annotations by which an answer is read
"""
