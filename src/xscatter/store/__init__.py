"""Files on disk: their names and datasets, with one reader and writer for each kind."""
