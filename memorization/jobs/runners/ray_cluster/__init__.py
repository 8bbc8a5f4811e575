"""Running jobs by a cluster of Ray: its actors are workers of the same queue, and nothing is kept in Ray.

run      run_by_ray: begins actors, and watches the job
crew     Crew: actors, begun again where they are lost, more or fewer while the job runs
cluster  a cluster that exists, or one of this machine for as long as it is needed
actor    RayWorker: a worker as an actor
"""
