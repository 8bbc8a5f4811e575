"""Reading a SUITE.toml: every mistake is reported with its line, before any file that it names is opened.

manifest         SuiteManifest, OrderManifest, ModelManifest: a manifest that makes sense
keys             which keys each table may have, and what they may hold
toml_schema      checks tables against keys and collects mistakes
toml_positions   the line of every key
"""
