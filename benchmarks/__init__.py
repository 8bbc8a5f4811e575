"""Ratios against the reference procedure: run by hand, by `make bench`.

__main__   `python -m benchmarks [PART]...`: measures parts and writes docs/benchmarks.md
page       the page, its sections, and figures beside their targets
chart      the chart of the page
rounds     ways of measuring side by side, turn by turn in one process
apart      measuring in a process of its own
machine    the processor, versions and load, for the page
limit      multiplications that a run issues, and the most that this core does
ties       how near the two largest logits are where results differ
gpu        `python -m benchmarks.gpu`: the engine on a GPU
retraining/  `python -m benchmarks.retraining`: what leaving training sequences out does to a loss
parts/     a module for each part of the page
material/  models and results to measure
"""
