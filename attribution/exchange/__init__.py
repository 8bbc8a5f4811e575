"""Files of other attribution tools, out and in.

suffix_array  the sorted suffixes of ids
infini_gram   an index of infini-gram's engine, out
tokengrams    an index of tokengrams, out and in
export        one door to both, a part of an order at a time
bergson       a dataset for bergson out, its scores in and out
scores        scores as sequences, batches and steps
"""
