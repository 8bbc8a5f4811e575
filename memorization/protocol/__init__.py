"""What is measured, and of which sequences; no file and no database is touched, but for lists of sequences.

protocol       Protocol: prompt, continuation, measure, type, and the definition that its digest stands for
measures       Measure: the numbers that a measure gives, and how arrays store them
selection      Selection: the steps and sequences that a job asks for
sequence_list  SequenceList: sequences listed one by one, in a file under its digest
blocks         how an order is cut into blocks
"""
