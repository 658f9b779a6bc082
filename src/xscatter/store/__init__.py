"""What is on disk: names of files and datasets, and one reader and writer for each kind of file."""
