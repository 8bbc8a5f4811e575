"""Statistics from numbers alone; nothing here knows models or catalogs.

proportion     the Clopper-Pearson interval of a share counted in a random sample
distributions  chi-square's tail, Poisson's quantiles, Student's tail and quantiles
"""
