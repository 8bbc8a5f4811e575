"""The command that serves the catalog over HTTP.

serve          `seenat serve`
configuration  settings from flags, the environment and a file, and where each came from
demo           `seenat serve --demo`
"""
