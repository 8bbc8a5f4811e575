"""Models and results to measure.

shapes     Pythia's shapes with weights, and rows of ids for them
trained    a model of Pythia-14m's shape, trained on real text
synthetic_suite  a suite of sequences that do not exist, which the tests use too
measured   suites with as many checkpoints as Pythia's, with results, ids and a tokenizer
browser    how long Chromium takes to draw a page
phrases    an order of Pythia's shape, of made-up ids as unevenly frequent as text's
served     `seenat serve` in a process of its own; load.lua has wrk ask it
synthetic  results without models, drawn from a law and committed as a job commits
full_catalog  a catalog as large as that of the whole suite
catalog_questions  what the documents ask of a catalog, and whether its plan reads a table whole
"""
