"""Commands about jobs.

memorize           memorize: measures, or continues
announcements      what memorize says while it works
jobs               jobs, job, cancel
worker             worker: takes shards of any job
adaptive_phrases   phrases about adaptive jobs
"""
