"""Commands about jobs.

memorize           memorize: measures, or continues
estimate           estimate: what measuring costs; also memorize --dry-run
announcements      what memorize says while it works
jobs               jobs, job
changes            cancel, pause, resume, prioritize, retry
recheck            recheck: a sample measured again on another kind of device
worker             worker: takes shards of any job
worker_talk        what worker says while it works
run_options        --device, --keep-checkpoints; --dry-run, --yes, --as-asked
measure_options    the options that say what is measured
estimate_phrases   bytes, hours, and what a large measurement costs
adaptive_phrases   phrases about adaptive jobs
"""
