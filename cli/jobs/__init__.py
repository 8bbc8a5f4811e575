"""Commands about jobs.

memorize           memorize: measures, or continues
announcements      what memorize says while it works
jobs               jobs, job
changes            cancel, pause, resume, prioritize, retry
recheck            recheck: a sample measured again on another kind of device
worker             worker: takes shards of any job
worker_talk        what worker says while it works
run_options        --device, --keep-checkpoints
adaptive_phrases   phrases about adaptive jobs
"""
