"""The parts of the public catalog about what was measured.

which     lists of sequences
studies   the studies
exports   results and batches as files
"""
