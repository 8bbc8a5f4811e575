"""The command that serves the catalog over HTTP.

serve  `seenat serve`
"""
