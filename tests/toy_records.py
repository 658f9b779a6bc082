"""Small records with something to learn in them, written as any reader of the format would."""

import hashlib
import json
from pathlib import Path

import numpy as np
from scipy.special import jn_zeros, jv

from xscatter.records import code

TAGS = ["ring", "2-fold", "halo", "never"]


def expansion(images, orders, zeros):
    """Coefficients about the middle of `images` (n, L, L), R = L, by the direct sum."""
    side = images.shape[-1]
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    r, theta = np.hypot(y, x) / side, np.arctan2(y, x)
    basis = []
    for m in range(orders):
        for z in jn_zeros(m, zeros):
            basis.append(
                jv(m, z * r) * np.exp(-1j * m * theta) / (np.sqrt(np.pi) * abs(jv(m + 1, z)))
            )
    basis = np.array(basis).reshape(orders * zeros, -1)
    return (
        (images.reshape(len(images), -1) @ basis.T / side**2)
        .reshape(-1, orders, zeros)
        .astype(np.complex64)
    )


def toy_images(count, side, seed):
    """Counts (n, side, side) and tags (n, 4): rings, arcs and halos under photon noise."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    r, theta = np.hypot(y, x), np.arctan2(y, x)
    labels = (random.random((count, 4)) < [0.4, 0.4, 0.4, 0]).astype(np.uint8)
    images = np.empty((count, side, side))
    for n, (ring, fold, halo, _) in enumerate(labels):
        flux = 10 ** random.uniform(0.5, 1.5)
        q = random.uniform(0.2, 0.45, 3) * side
        scene = 0.5 * flux * np.exp(-r / (0.1 * side)) + 0.1
        scene += ring * flux * np.exp(-(((r - q[0]) / 1.2) ** 2))
        arcs = np.cos(theta - random.uniform(0, np.pi)) ** 8
        scene += 2 * fold * flux * arcs * np.exp(-(((r - q[1]) / 1.5) ** 2))
        scene += halo * flux * np.exp(-(((r - q[2]) / (0.1 * side)) ** 2))
        images[n] = random.poisson(scene)
    return images, labels


def write_records(
    folder,
    experiments=12,
    images=20,
    side=32,
    orders=6,
    zeros=8,
    batches=4,
    test_batch=3,
    seed=1,
    first=0,
    labels=True,
    confidence=False,
    kinds=None,
):
    """Write `batches` of toy records; experiments are dealt to them in turn.

    With `confidence` the centres of every second experiment are uncertain; `kinds` names the kinds
    of instrument of an experiment.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    layout = [
        ("tags", "|u1", (len(TAGS),)),
        ("image", "<u2", (side, side)),
        ("coefficients", "<c8", (orders, zeros)),
        ("source", "<i4", (2,)),
        *([("center_confidence", "<f4", ())] if confidence else []),
    ]
    dtype = np.dtype([(name, kind, shape) for name, kind, shape in layout])
    lists = []
    for batch in range(batches):
        numbers = list(range(first + batch, first + experiments, batches))
        parts = []
        for number in numbers:
            counts, true = toy_images(images, side, [seed, number])
            part = np.zeros(images, dtype)
            mask = np.zeros((side, side), bool)
            mask[:3, :3] = True
            part["image"], part["tags"] = code.encode(counts, mask), true * labels
            part["coefficients"] = expansion(np.log1p(counts), orders, zeros)
            part["source"] = [(number, n) for n in range(images)]
            if confidence:
                part["center_confidence"] = 0.4 if number % 2 else 1.0
            parts.append(part)
        content = np.concatenate(parts) if parts else np.zeros(0, dtype)
        content = np.random.default_rng([seed, batch]).permutation(content)
        (folder / f"batch-{batch}.bin").write_bytes(content.tobytes())
        digest = hashlib.sha256(content.tobytes()).hexdigest()
        entry = {
            "file": f"batch-{batch}.bin",
            "records": len(content),
            "sha256": digest,
            "experiments": numbers,
        }
        lists.append(entry)
    manifest = {
        "fields": [
            {"name": name, "dtype": kind, "shape": list(shape), "offset": dtype.fields[name][1]}
            for name, kind, shape in layout
        ],
        "record_length": dtype.itemsize,
        "tags": TAGS,
        "test_batch": test_batch,
        "batches": lists,
    }
    if kinds:
        numbers = range(first, first + experiments)
        manifest["kinds"] = {str(number): kinds(number) for number in numbers}
    (folder / "records.json").write_text(json.dumps(manifest))
