"""Model repositories on a hub, through huggingface_hub.

location    CheckpointLocation: a local folder, or a revision of a repository
download    fetches the files of a checkpoint into huggingface_hub's cache
listing     what a repository lists, without fetching weights: revisions, files, digests
cache       the disk space of downloaded checkpoints: enough before a download, freed afterwards
errors      huggingface_hub's errors as errors of this project
retry       how often and how long a request is tried again
"""
