"""A small model whose order repeats itself, and commands run over it."""

from support.repeated_windows import call, made

__all__ = ["call", "made"]
