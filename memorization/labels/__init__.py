"""Labels: named values of the sequences of an order, such as the part of the Pile that each is from.

A label is a column with a value for some sequences. Its values are few; a file holds a code a sequence, one byte or two, and SQL
the value of each code. Labels belong to the content of an order, as results and indexes do.

read      chunks of a Parquet, CSV or JSON lines file, within bounds of memory
codes     the file of a label: written once, read by position
table     the tables `labels` and `label_values`, and the label as an answer
store     a file's columns become labels; removal
choose    LABEL=VALUE: which sequences that chooses; the value of each, to group by
onsets    counts and onsets of the sequences that labels choose
"""
