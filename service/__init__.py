"""The HTTP service: what the catalog answers, as JSON, JSON lines and CSV; of writing, only jobs, for those with a token.

    settings  what the operator chooses, and the bounds of requests
    app       the application: routes, and what stands around them
    server    sockets, workers, signals
    api/      from a request to the catalog's answer and its bytes
    jobs/     submitting, cancelling and watching jobs
    pages/    what the catalog answers, as pages for people
    http/     what every request meets: limits, ids, logs, metrics, problems

`seenat.remote.routes` says which address calls which method. This room adds no knowledge of its own: an answer is the
library's, method by method.
"""
