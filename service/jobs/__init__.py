"""Jobs over HTTP: they are submitted, changed and watched here, and run by workers, never within the server.

acting   from a request that writes to its answer: the token, the body, the call, the log
bodies   the body of a request, read within bounds
audit    the log of tokens, written behind the requests that are refused
events   how a job stands, as server-sent events
workers  processes beside the server that work at jobs
"""
