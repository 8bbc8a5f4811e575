"""Models and results to measure.

shapes     Pythia's shapes with weights, and rows of ids for them
trained    a model of Pythia-14m's shape, trained on real text
synthetic  results without models, drawn from a law and committed as a job commits
"""
