"""Adaptive jobs: a coarse grid of checkpoints first, the others only where the grid found something.

adaptive_job  AdaptiveJob: plan and run its two parts
coverage      what adaptive jobs left unmeasured, which answers must say
miss_rate     MissRate: what a grid missed, estimated from an audit
"""
