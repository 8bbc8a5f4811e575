"""Ratios against the reference procedure: run by hand, by `make bench`."""
