"""How fast records are read: the pipelines against a plain memory-mapped copy, on one core.

    python benchmarks/records.py [--sizes 256 1000] [--records 2000 200]

Makes records of photon-like images below a temporary folder, then reads them all five times over,
each way in turn, several times. The rate is by process CPU time, so that other work on the machine
does not change it. The copy takes as many records at a time as the pipelines give, into memory that
is used again: no way of reading is faster.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

os.environ.update(OMP_NUM_THREADS="1", TF_CPP_MIN_LOG_LEVEL="3")

import numpy as np

from xscatter import records
from xscatter.learn.datasets import tensorflow_dataset
from xscatter.records import code, layout


def write(folder: Path, size: int, count: int, orders: int) -> None:
    """Write two batches of `count` records each, of eight experiments, with up to 10^4 counts."""
    random = np.random.default_rng(size)
    dtype = layout.record_dtype(60, (size, size), (orders, orders))
    y, x = np.mgrid[:size, :size] / size - 0.5
    scene = 1e4 * np.exp(-np.hypot(y, x) / 0.04) + 0.3
    batches = []
    for batch in range(2):
        with open(folder / f"batch-{batch}.bin", "wb") as stream:
            for image in range(count):
                record = np.zeros((), dtype)
                record["image"] = code.encode(
                    random.poisson(scene * 10 ** random.uniform(-2, 2)), np.hypot(y, x) > 0.7
                )
                record["source"] = (2 * (image % 8) + batch, image // 8)
                record["tags"] = random.random(60) < 0.2
                stream.write(record.tobytes())
        names = list(range(batch, 16, 2))
        batches.append(
            {"file": f"batch-{batch}.bin", "records": count, "sha256": "", "experiments": names}
        )
    manifest = {"fields": layout.describe_fields(dtype), "record_length": dtype.itemsize}
    manifest |= {"tags": [f"tag {n}" for n in range(60)], "test_batch": 1, "batches": batches}
    (folder / "records.json").write_text(json.dumps(manifest))


def copied(opened, size):
    """A copy of every record of the memory map, `size` at a time, in stored order."""
    plain = np.asarray(opened.batches[0])
    for first in range(0, len(plain), size):
        yield {"image": np.array(plain[first : first + size])}


def copied_at_once(opened, size):
    """A copy of the whole batch into new memory."""
    yield {"image": np.array(opened.batches[0])}


def again(read):
    """`read` five times."""
    return lambda opened, size: (batch for _ in range(PASSES) for batch in read(opened, size))


PASSES = 5
WAYS = {
    "memory-mapped copy": again(copied),
    "the same, all at once": again(copied_at_once),
    "iterate, as stored": again(lambda opened, size: opened.iterate(size, seed=1, decode=False)),
    "iterate, counts and mask": again(lambda opened, size: opened.iterate(size, seed=1)),
    "tf.data, as stored": lambda opened, size: tensorflow_dataset(
        opened, size, seed=1, decode=False
    ).repeat(PASSES),
    "tf.data, counts and mask": lambda opened, size: tensorflow_dataset(
        opened, size, seed=1
    ).repeat(PASSES),
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 1000])
    parser.add_argument("--records", type=int, nargs="+", default=[2000, 200])
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for size, count in zip(arguments.sizes, arguments.records, strict=True):
        step = 32 if size <= 512 else 4
        with tempfile.TemporaryDirectory() as name:
            write(Path(name), size, count, 32 if size <= 512 else 64)
            opened = records.open_records(name)
            spent = {way: [] for way in WAYS}
            for _ in range(
                arguments.repeats
            ):  # the ways take turns, so that a busy machine hurts all alike
                for way, read in WAYS.items():
                    begin, seen = time.process_time(), 0
                    for batch in read(opened, step):
                        seen += len(next(iter(batch.values())))
                    assert seen == count * PASSES
                    spent[way].append(time.process_time() - begin)
            plain = min(spent["memory-mapped copy"])
            print(
                f"{size}x{size}, {opened.dtype.itemsize} bytes a record, batches of {step}, "
                "warm page cache"
            )
            for way, times in spent.items():
                rate, share = count * PASSES / min(times), plain / min(times)
                print(f"  {way:26s} {rate:9.0f} records/s   {share:5.2f} of the copy")


if __name__ == "__main__":
    main()
