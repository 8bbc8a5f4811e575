"""The `seenat` command: every sub-command reads its arguments, makes one library call and prints one answer.

main         the list of commands, and where errors become one sentence and an exit code
framework    output, tables, progress, options and phrases that commands share
catalog      models, checkpoints, batches, sequences, suites, integrity, benchmark results
jobs         measuring, and looking at jobs
results      trajectories, onsets, lists of sequences, exports, published results
studies      `seenat study`
attribution  from text and data back to training: indexes, exposures, spans, duplicates, influence, files of other tools
service      `seenat serve`
system       the database, and `seenat doctor`
"""
