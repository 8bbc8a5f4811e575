"""The engine for GPT-NeoX on CPU: a forward pass of its own, and work only for sequences and positions that are undecided."""
