"""Commands about the service: the one that serves the catalog over HTTP, and those about who may write to it.

serve  `seenat serve`
token  `seenat token`
"""
