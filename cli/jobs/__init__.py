"""Commands about jobs.

memorize           memorize: measures, or continues
announcements      what memorize says while it works
jobs               jobs, job, cancel
worker             worker: takes shards of any job
worker_talk        what worker says while it works
run_options        --device, --keep-checkpoints
adaptive_phrases   phrases about adaptive jobs
"""
