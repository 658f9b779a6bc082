"""What is on disk: every name of a file or a dataset, and the readers and writers of each kind of file."""
