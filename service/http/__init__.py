"""What every request meets, whatever it asks.

edge      request ids, limits, HEAD, logs: the outermost layer
limits    which requests are refused before anybody reads them
problems  errors as problem+json
folders   where things lie on this machine, which is not told
logs      a JSON line a request
metrics   counts and times for Prometheus
protocol  uvicorn's protocol, with bounds for the head of a request
"""
