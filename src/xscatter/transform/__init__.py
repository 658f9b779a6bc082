"""The transform stage: experiment shards in, coefficient files out, shared among MPI ranks."""
