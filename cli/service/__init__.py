"""Commands about the service: the one that serves the catalog over HTTP, and those about who may write to it.

serve          `seenat serve`
configuration  settings from flags, the environment and a file, and where each came from
demo           `seenat serve --demo`
token          `seenat token`
"""
