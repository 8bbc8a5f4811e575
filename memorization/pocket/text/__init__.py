"""What the pocket suite's models are trained on.

corpus     the documentation of torch.distributed, from the sources of the installed PyTorch
tokenizer  byte-level BPE, trained on it
order      which sequence of the corpus stands where, and how often
"""
