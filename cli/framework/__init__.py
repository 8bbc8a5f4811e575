"""What commands share.

lazy_group    groups that import a command only when it is run
params        opening the catalog, and types of arguments
output        where a command writes: JSON, facts, tables, sentences to the person
terminal      the one place that writes to stdout and stderr: escapes, colours, closed streams
logs          what modules log, on the terminal
signals       Ctrl-C, SIGTERM and SIGHUP end a command tidily
tables        the layout of facts and tables in a given width
phrases       phrases about onsets, protocols, shares and adaptive jobs
progress      bars on a terminal, lines in a log
outputs      files and folders to write: `--plot`, `--out`, `--force`, and `-` for stdout
completions  names that a shell completes
deletions     `--yes`, and what a deletion says
"""
