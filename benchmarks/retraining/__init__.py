"""What leaving training sequences out does: the check of influence by training again, `python -m benchmarks.retraining`.

__main__  the command: chooses, trains what is missing, writes the section of docs/influence.md and its figure
chosen    queries, and the sequences that each way of choosing would leave out
training  a run of the smallest pocket model in which some sequences have no loss
trials    every run that the check needs, and the losses that are kept of it
left_out  what the ways chose: contents and their occurrences, how early, in common with BM25
page      means with confidence intervals, as text and as a figure
"""
