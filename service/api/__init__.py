"""From a request to the catalog's answer and its bytes.

dispatch   from an address to its route
reading    the values of a request's address
answering  the call of the catalog, within its bounds, and the response
documents  answers as JSON, JSON lines and CSV
csv        cells and columns
printing   columns of numbers as text
withheld   what the operator does not show
kept       encoded answers that are still true
threads    threads that call the catalog, a bounded number
openapi    the description of the API
openapi_actions  its part about what is written
schemas    what the answers look like
"""
