"""The Fourier-Bessel plan against its peers on one core.

``python benchmarks/fourier_bessel.py [sides]``

Per image side (default 256 1000 2000): milliseconds an image of the plan, of fle_2d at an equal
largest Bessel zero and at an equal number of coefficients, and of a truncated expansion through
finufft, each with the batch that suits it. Runs are interleaved and the best of each counts, in CPU
time of the process. Then set-up, size of the tables and peak memory of a process that does nothing
else, with the beam centre in the middle and near an edge.

Needs finufft (of the extra `test`), fle_2d (`pip install fle_2d`: 0.1.2) and TensorFlow (of the
extra `train`); what is missing is left out.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import re  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402

from xscatter.fourier_bessel import Plan, basis  # noqa: E402

REPEATS = 7


def images(side: int, count: int) -> np.ndarray:
    """Poisson noise on rings."""
    rng = np.random.default_rng(0)
    y, x = np.indices((side, side)) - (side - 1) / 2
    r = np.hypot(y, x) / side
    return rng.poisson(20 * np.exp(-5 * r) * (1 + np.cos(60 * r)), (count, side, side)).astype(
        np.float32
    )


def fle_2d(side: int, bandlimit: float, stack: np.ndarray):
    """Return a call of fle_2d, which keeps all zeros up to bandlimit * pi / 2, and its size."""
    from fle_2d.fle_2d import FLEBasis2D

    basis = FLEBasis2D(side, bandlimit, 1e-4, mode="real", precision="single")
    return (lambda: basis.evaluate_t(stack)), basis.ne


def truncated_finufft(side: int, orders: int, stack: np.ndarray):
    """Return a call of the expansion through finufft.

    c_mk = i^m N_mk / (2π R²) ∫ F(z_mk, φ) e^{-imφ} dφ, F the Fourier transform of the image on
    Chebyshev rings.
    """
    import finufft

    zeros = basis.zeros(orders, orders)
    norms = basis.norms(zeros)
    top, radius = zeros.max(), side / 2
    rings, half = int(top / 2) + 24, (int(top + orders) + 24) // 2
    nodes = np.cos(np.pi * (np.arange(rings) + 0.5) / rings)
    angle = np.pi * np.arange(half) / half
    kappa = top * (nodes + 1) / 2 / radius
    plan = finufft.Plan(
        2, (side, side), n_trans=len(stack), eps=1e-4, isign=-1, dtype="complex64", nthreads=1
    )
    rows, cols = (np.outer(kappa, f(angle)).ravel().astype(np.float32) for f in (np.sin, np.cos))
    plan.setpts(rows, cols)
    # finufft counts pixels from side // 2; the phase brings the centre to (side - 1) / 2.
    middle = (side - 1) / 2 - side // 2
    phase = np.exp(1j * middle * (rows + cols)).astype(np.complex64).reshape(rings, half)
    tables = []
    weights = (-1.0) ** np.arange(rings) * np.sin(np.pi * (np.arange(rings) + 0.5) / rings)
    for m in range(orders):
        with np.errstate(divide="ignore"):
            near = weights / (2 * zeros[m][:, None] / top - 1 - nodes)
        table = near / near.sum(1, keepdims=True) * norms[m][:, None] / (2 * half * radius**2)
        tables.append(1j**m * table)
    tables = np.array(tables, np.complex64)
    y, x = np.indices((side, side)) - (side - 1) / 2
    inside = np.hypot(y, x) <= radius
    m = np.arange(orders)

    def call():
        rings_of = (
            plan.execute((stack * inside).astype(np.complex64)).reshape(-1, rings, half) * phase
        )
        # F(κ, φ + π) is the conjugate of F(κ, φ): half a turn is enough.
        turn = np.concatenate([rings_of, rings_of.conj()], axis=2)
        spectrum = np.fft.fft(turn, axis=2)[:, :, m]
        return np.moveaxis(tables @ np.moveaxis(spectrum, 0, 2).transpose(1, 0, 2), 2, 0)

    return call


def layer(plan: Plan, stack: np.ndarray):
    """A call of the layer on one thread, XLA-compiled, images in TensorFlow's memory already."""
    import tensorflow as tf

    from xscatter.fourier_bessel.tensorflow import FourierBessel

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    run, images = tf.function(FourierBessel(plan), jit_compile=True), tf.constant(stack)
    return lambda: run(images).numpy()


def best(calls: dict) -> dict[str, float]:
    """Least CPU seconds of each call, the calls taking turns."""
    for call in calls.values():
        call()
    times = {name: np.inf for name in calls}
    for _ in range(REPEATS):
        for name, call in calls.items():
            start = time.process_time()
            call()
            times[name] = min(times[name], time.process_time() - start)
    return times


def compare(side: int) -> None:
    for orders in (32, 64):
        top = basis.zeros(orders, orders).max()
        stack = images(side, 16)
        plan = Plan((side, side), ((side - 1) / 2,) * 2, side / 2, orders, orders)
        calls, counts, sizes = (
            {"plan": lambda p=plan, s=stack: p.forward(s)},
            {"plan": 16},
            {"plan": 2 * orders**2},
        )
        few = stack[: 16 if side < 800 else 4]
        try:
            if side <= 1128:  # where its table of zeros ends
                calls["fle_2d, equal largest zero"], n = fle_2d(side, 2 * top / np.pi, few)
                sizes["fle_2d, equal largest zero"] = n
                limit = 2 * top / np.pi * np.sqrt(2 * orders**2 / n)
                calls["fle_2d, equal number"], sizes["fle_2d, equal number"] = fle_2d(
                    side, limit, few
                )
        except ImportError:
            print("fle_2d is not installed")
        try:
            calls["finufft, truncated"] = truncated_finufft(side, orders, few)
            error = np.linalg.norm(
                calls["finufft, truncated"]() - plan.forward(few)
            ) / np.linalg.norm(plan.forward(few))
            assert error < 1e-3, f"the peer computes something else: {error}"
        except ImportError:
            print("finufft is not installed")
        try:
            calls["TensorFlow layer, XLA"] = layer(plan, few)
            error = np.linalg.norm(
                calls["TensorFlow layer, XLA"]() - plan.forward(few)
            ) / np.linalg.norm(plan.forward(few))
            assert error < 1e-4, f"the layer computes something else: {error}"
        except ImportError:
            print("TensorFlow is not installed")
        times = best(calls)
        own = times["plan"] / 16
        for name, seconds in times.items():
            each = seconds / counts.get(name, len(few))
            size = sizes.get(name, 2 * orders**2)
            print(
                f"{side:>5}  {orders}x{orders}  {name:<28}{size:>9}{1e3 * each:>10.3f}"
                f"{each / own:>9.1f}",
                flush=True,
            )


def peak_memory() -> float:
    """Largest resident size of this process so far, in MiB (Linux)."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 2**10


def footprint(side: int, orders: int, row: float) -> None:
    """Set-up, tables and peak memory with the beam centre in a row; run in a process of its own."""
    plan = Plan((64, 64), (31.5, 31.5), 32, 2, 2)
    plan.forward(
        np.ones((64, 64), np.uint16), np.eye(64, dtype=bool)
    )  # compiled functions are loaded
    before = peak_memory()
    stack = np.ones((48, side, side), np.uint16)
    mask = np.zeros((side, side), bool)
    mask[side // 3 : side // 2] = True
    held = stack.nbytes / 2**20
    start = time.process_time()
    plan = Plan((side, side), (row, (side - 1) / 2), side, orders, orders)
    plan.prepare("ring-mean", mask)
    setup = time.process_time() - start
    start = time.process_time()
    plan.forward(stack, mask)
    each = (time.process_time() - start) / len(stack)
    peak = peak_memory() - held
    start = time.process_time()
    Plan((side, side), (row + 0.3, side / 2), side, orders, orders).prepare("ring-mean", mask)
    further = time.process_time() - start
    memory = f"{plan.nbytes / 2**20:>14.1f}{peak:>12.0f}{before:>12.0f}"
    print(
        f"{side:>5}  {orders}x{orders}{row:>12.1f}{setup:>12.2f}{further:>17.2f}{memory}"
        f"{1e3 * each:>10.2f}",
        flush=True,
    )


def main() -> None:
    if "--footprint" in sys.argv:
        footprint(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
        return
    sides = [int(word) for word in sys.argv[1:]] or [256, 1000, 2000]
    print(" side  orders  method               real coefficients  ms/image    ratio")
    for side in sides:
        compare(side)
    print("\nA disk as wide as the image side, masked, uint16, ring-mean fill:")
    print(
        " side  orders  centre row  set-up (s)  next centre (s)  tables (MiB)  peak (MiB)  "
        "bare (MiB)  ms/image"
    )
    for side in sides:
        for row in ((side - 1) / 2, 0.03 * side):
            subprocess.run(
                [sys.executable, __file__, "--footprint", str(side), "64", str(row)], check=True
            )


main()
