"""What studies read.

study_data  StudyData: a model's committed values, a range of sequences at a time; StudyAnswer: the base of answers
quantities  the number whose means are compared: a log-likelihood, a prefix, memorized or not
pages       lists of sequences, a page at a time
panels      sequences by cohort, with a quantity at every measured checkpoint
"""
