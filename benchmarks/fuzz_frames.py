"""Damage files of every format at random, and judge what reading them gives.

    python benchmarks/fuzz_frames.py [--number 3000] [--seed 0] [--kind h5-lz4 ...]

A mutation cuts a file, overwrites bytes, repeats or removes a piece, or clears one. Every file is
read in a child process. Counted are: processes that died, errors that reading did not explain,
files that took more than 20 seconds of processor time, and silent wrong readings: frames whose
pixels differ from those of the undamaged file though nothing was reported. Formats without any
check sum cannot know that a byte of their pixels has changed: for these only frames with a damaged
length count, that is differences in more pixels than the bytes that were overwritten could hold.
"""

import argparse
import bz2
import gzip
import multiprocessing
import resource
import signal
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import fabio
import h5py
import hdf5plugin
import numpy as np
import tifffile
from PIL import Image

from xscatter.frames import Unreadable
from xscatter.frames.reading import read_each

SHAPE = (96, 80)
SECONDS = 20
WRITTEN = 16  # bytes that a mutation overwrites, at most


def scene(seed):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    expected = 2 + 60 * np.exp(-np.hypot(y - 50, x - 33) / 15)
    return np.random.default_rng(seed).poisson(expected).astype(np.int32)


def hdf5(path, options, chunks=(1, *SHAPE)):
    with h5py.File(path, "w") as file:
        data = file.create_group("entry/data")
        data.attrs["signal"] = "data"
        stack = np.stack([scene(n) for n in range(3)])
        data.create_dataset("data", data=stack, chunks=chunks, **options)
        detector = file.create_group("entry/instrument/detector")
        detector["beam_center_x"], detector["beam_center_y"] = 33.0, 50.0
        detector["pixel_mask"] = np.zeros(SHAPE, np.uint32)


def mar345(path):
    data = np.zeros((1200, 1200), np.uint32)
    data[: SHAPE[0], : SHAPE[1]] = scene(0)
    image = fabio.mar345image.Mar345Image(data=data)
    image.byteorder = fabio.fabioutils.ENDIANNESS.LITTLE
    image.write(str(path))


def fabio_file(kind):
    def write(path):
        kind(data=scene(0)).write(str(path))

    return write


def packed(write, packer):
    def pack(path):
        plain = path.with_suffix("")  # fabio packs by the name
        write(plain)
        path.write_bytes(packer(plain.read_bytes()))

    return pack


def tiff(**options):
    def write(path):
        with tifffile.TiffWriter(path, bigtiff=options.get("bigtiff", False)) as file:
            given = {key: value for key, value in options.items() if key != "bigtiff"}
            for n in range(3):
                image = scene(n).astype(np.uint16)
                file.write(image, contiguous=False, metadata=None, **given)

    return write


def lzw(path):
    pages = [Image.fromarray(scene(n).astype(np.uint16)) for n in range(3)]
    pages[0].save(path, compression="tiff_lzw", save_all=True, append_images=pages[1:])


EDF, CBF = fabio_file(fabio.edfimage.EdfImage), fabio_file(fabio.cbfimage.CbfImage)
KINDS = {
    "h5-lz4": (".h5", lambda p: hdf5(p, hdf5plugin.Bitshuffle(cname="lz4"))),
    "h5-zstd": (".h5", lambda p: hdf5(p, hdf5plugin.Bitshuffle(cname="zstd"))),
    "h5-plain-lz4": (".h5", lambda p: hdf5(p, hdf5plugin.LZ4())),
    "h5-gzip": (".h5", lambda p: hdf5(p, {"compression": "gzip"}, (1, 48, 80))),
    "h5-blosc": (".h5", lambda p: hdf5(p, hdf5plugin.Blosc())),
    "h5-none": (".h5", lambda p: hdf5(p, {})),
    "h5-fletcher": (".h5", lambda p: hdf5(p, {"compression": "lzf", "fletcher32": True})),
    "cbf": (".cbf", CBF),
    "cbf.gz": (".cbf.gz", packed(CBF, gzip.compress)),
    "edf": (".edf", EDF),
    "edf.gz": (".edf.gz", packed(EDF, gzip.compress)),
    "edf.bz2": (".edf.bz2", packed(EDF, bz2.compress)),
    "mar345": (".mar1200", mar345),
    "mccd": (".mccd", fabio_file(fabio.marccdimage.MarccdImage)),
    "bruker100": (".sfrm", fabio_file(fabio.bruker100image.Bruker100Image)),
    "adsc": (".img", fabio_file(fabio.adscimage.AdscImage)),
    "npy": (".npy", lambda p: np.save(p, np.stack([scene(n) for n in range(3)]))),
    "tif": (".tif", fabio_file(fabio.tifimage.TifImage)),
    "tif-pages": (".tif", tiff()),
    "tif-deflate": (".tif", tiff(compression="zlib", predictor=True)),
    "tif-lzw": (".tif", lzw),
    "tif-tiles": (".tif", tiff(tile=(32, 32), bigtiff=True)),
}
# A changed byte of the pixels cannot be known in these.
UNCHECKED = {
    "h5-none", "h5-lz4", "h5-plain-lz4", "h5-blosc", "h5-zstd", "edf", "mar345", "npy", "tif",
    "tif-pages", "tif-tiles", "tif-lzw", "mccd", "bruker100", "adsc",
}  # fmt: skip


def mutated(content, random):
    """Return damaged content, and how many bytes were overwritten; 0: pieces are lost or moved."""
    data, size = bytearray(content), len(content)
    way = random.integers(5)
    # Headers are a small part of most files and the most interesting.
    place = int(
        random.integers(min(size, 4096)) if random.random() < 0.4 else random.integers(size)
    )
    length = int(random.integers(1, WRITTEN + 1))
    if way == 0:
        return bytes(data[:place]), 0
    if way == 1:
        data[place : place + length] = random.bytes(length)
        return bytes(data[:size]), length
    if way == 2:
        data[place] ^= 1 << int(random.integers(8))
        return bytes(data), 1
    piece = int(random.integers(1, max(size // 4, 2)))
    if way == 3:
        del data[place : place + piece]
        return bytes(data), 0
    data[place : place + piece] = bytes(len(data[place : place + piece]))
    return bytes(data), piece


def read(path, send):
    """Send the frames of a file, or why they cannot be read."""
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        frames = [
            frame.reason
            if isinstance(frame, Unreadable)
            else (frame.counts, frame.mask, frame.index)
            for frame in read_each(path)
        ]
        send.send(frames)
    except BaseException as error:
        send.send(error)


def judged(path, wanted, written, kind):
    """Return how a damaged file was read."""
    receive, send = multiprocessing.Pipe(False)
    child = multiprocessing.get_context("fork").Process(target=read, args=(path, send))
    child.start()
    send.close()
    try:
        answer = receive.recv() if receive.poll(30 * SECONDS) else "took too long"
    except EOFError:
        answer = None
        child.join()
        if child.exitcode in (-signal.SIGXCPU, -signal.SIGKILL):
            answer = "took too long"
    child.kill()
    child.join()
    if answer is None:
        return "process died"
    if isinstance(answer, (str, BaseException)):
        return f"not explained: {answer!r}" if isinstance(answer, BaseException) else answer
    reported = any(isinstance(frame, str) for frame in answer)
    good = [frame for frame in answer if not isinstance(frame, str)]
    # Where nothing is reported, all frames must be there, each the one of its number.
    wrong = len(good) != len(wanted) and not reported
    for counts, mask, index in good:
        others = wanted if reported or wrong else [wanted[index]]
        # Eight pixels, or their bits, share the bytes of compressed blocks; on an image plate each
        # pixel is the difference to those before, and in LZW the codes stand for what was before.
        allowed = 9 * written + 8192 * (written > 0 and kind.startswith("h5"))
        allowed = np.inf if kind in ("mar345", "tif-lzw") and written else allowed
        allowed = allowed if kind in UNCHECKED else 0
        # The mask of the HDF5 files is a dataset without a check sum.
        of_mask = max(allowed, 9 * written * kind.startswith("h5"))
        wrong |= all(differs(counts, mask, other, allowed, of_mask) for other in others)
    return "silently wrong" if wrong else ("reported" if reported else "right")


def differs(counts, mask, other, allowed, of_mask):
    """Whether a frame differs from the undamaged `other` in more pixels than the damage can."""
    if counts.shape != other.counts.shape:
        return True
    changed = (counts != other.counts) & ~mask & ~other.mask
    return np.count_nonzero(changed) > allowed or np.count_nonzero(mask != other.mask) > of_mask


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--number", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=tuple(KINDS), nargs="+", default=tuple(KINDS))
    parser.add_argument("--keep", type=Path, help="folder for the files that were read wrongly")
    arguments = parser.parse_args()
    total = Counter()
    with tempfile.TemporaryDirectory() as name:
        for kind in arguments.kind:
            suffix, write = KINDS[kind]
            path = Path(name) / f"whole{suffix}"
            write(path)
            wanted = list(read_each(path))
            content, results = path.read_bytes(), Counter()
            for number in range(-(-arguments.number // len(arguments.kind))):
                random = np.random.default_rng([arguments.seed, number])
                damaged, written = mutated(content, random)
                broken = Path(name) / f"{kind}-{number}{suffix}"
                broken.write_bytes(damaged)
                result = judged(broken, wanted, written, kind)
                results[result] += 1
                if result not in ("right", "reported"):
                    print(f"{kind} {number}: {result} ({written} bytes written)", flush=True)
                    if arguments.keep:
                        arguments.keep.mkdir(parents=True, exist_ok=True)
                        (arguments.keep / broken.name).write_bytes(damaged)
                broken.unlink()
            print(f"{kind:13}", dict(results), flush=True)
            total += results
    print("all:", dict(total))


if __name__ == "__main__":
    main()
