"""Fuzzing of every parser: damaged input may raise seenat's own errors and nothing else.

mutator      damaged copies of valid input: of bytes, and of JSON by its structure
target       Target: a parser, samples of what it reads, and how they are damaged
targets/     the targets, a module a room; each lists its own in TARGETS
campaign     run inputs one by one in this process, within 5 seconds and 1 GB each
__main__     `make fuzz`: campaigns in processes of their own, which may die
corpus/      inputs that once failed, a folder a target; every run begins with them
test_fuzz    a slice of each campaign
service      the same of the service: random requests, of which none is a fault
description  and of its description: each operation in both databases, answered as described
"""
