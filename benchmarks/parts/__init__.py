"""The parts of the page, each a module with a function `section(page)`.

equality   the engine's prefixes and scores beside the reference's, cell by cell
engine     rows a second, and how many times faster than the reference
loss       losses beside the one pass that they need
memory     the most memory that measuring takes
whole_job  a job as users run it, beside the engine alone
influence  influence by differences, forward mode and gradients
scale      results of ten million sequences: written, compacted, read
service    the service under load: look-ups, latency, memory, CSV
processes  what a second process brings to a job
queue      leases and commits on PostgreSQL, over 8 connections and by 512 workers
ngrams     the index of an order of a billion ids: built, opened, searched
catalog    the questions of the documents to a catalog of full size, on both databases
"""
