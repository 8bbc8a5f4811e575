"""Every exposure of a text in an order: `seenat find`.

viewpoint  whose exposures are asked for: an order, a model, or a checkpoint
variants   the ways in which a text may have been encoded
words      texts that are cut within words
coverage   which part of the order is searched, by what, and how completely
matches    the places of one variant, in training order
reading    how far the reading of an order is
answers    what is found
curve      how many exposures there had been by which step
find       texts and ids to answers
measure    checkpoints run over a found text
chart      exposures, and what checkpoints reproduce, on one axis of steps
"""
