"""Model repositories on a hub, through huggingface_hub.

location    CheckpointLocation: a local folder, or a revision of a repository
download    fetches the files of a checkpoint into huggingface_hub's cache
listing     what a repository lists, without fetching weights: revisions, files, digests
files       RepositoryFile: the files of a commit, as the hub lists them
cache       the disk space of downloaded checkpoints, and whether their files are what their names say
answers     what the heads and values of an answer must be like
bounds      how many bytes and seconds an answer may take
deadline    an end to what takes no time limit: look-ups of names, other libraries' transfers
errors      huggingface_hub's errors as errors of this project
retry       how often and how long a request is tried again
"""
