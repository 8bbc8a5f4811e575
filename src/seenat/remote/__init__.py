"""The catalog over HTTP: which address answers which method, and the client.

actions      what writes, and the stream of a job: their addresses, and what a token must be for
bodies       values as they stand in the bodies of what writes
route        Route: an address, a method, and what may be asked
cost_routes  the route of what a measurement costs
routes       every method that reads, its address, and what may be asked of it
parameters   values as they stand in addresses
methods      the methods of the catalog's classes that the routes name
client       RemoteCatalog: the same methods, answered by a service
jobs         the part of the client that submits, cancels and watches jobs
events       server-sent events, read
reading/     what a service answers, read by attributes
problems     errors as a service tells them
"""
