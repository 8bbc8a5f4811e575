"""Orders read straight from the hub, without downloading them.

order           RemoteOrder: a flat order whose bytes come by requests; which bytes are requested together
range_requests  one request: exactly the bytes of a range of a file, or an error
cache           pieces of token files that were fetched before, in a folder of bounded size
"""
