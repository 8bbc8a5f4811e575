"""GPT-NeoX, Pythia's architecture, by a forward pass of its own.

engine             NeoxEngine: shares sequences among threads, or gives a device all of them
forward            Body: the forward pass over rearranged weights
first_layer_cache  what the first layer makes of an id, computed once
early_exit         prefixes: after each pass only sequences without a mistake are continued
greedy             scores: greedy decoding of whole blocks
"""
