"""The base of experiment shards and coefficient files: a row for each image of an experiment."""

import h5py


class ShardFile:
    """An open shard of one experiment.

    Attributes:
        dataset: the dataset with one row for each image; index it to read.
    """

    def __init__(self, file: h5py.File, dataset: str):
        self._file = file
        self.dataset: h5py.Dataset = file[dataset]

    def __len__(self) -> int:
        """Number of images."""
        return len(self.dataset)

    @property
    def number(self) -> int:
        """Number of the experiment in its study."""
        return int(self._file.attrs["experiment"])

    @property
    def checksum(self) -> str:
        """SHA-256 of the content, as the file states it."""
        return str(self._file.attrs["checksum"])
