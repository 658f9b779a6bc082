"""How good trends and their intervals are: noisy curves of known laws, fitted and predicted.

    python benchmarks/trends.py [--curves 100] [--first-seed 1000] [--noise 0.03]

Curves are drawn as the simulator draws processes (Avrami and others, onset, time and exponent over
their whole ranges), cut when a part of the process is done, and predicted. Printed: by part and
horizon the median error in units of the change, the CRPS of three predictors, and how often the 50
and 90 % bounds hold the value that is measured next. Then, by law, how often the intervals of its
numbers hold the truth.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from xscatter.sequences.trends.trend import fit_trend

HORIZONS = (1, 5, 20, "end")
PARTS = (0.1, 0.3, 0.5, 0.8)


def avrami(random, frames):
    """Avrami: onset, tau and exponent as the simulator draws them."""
    onset = random.uniform(0.1, 0.4) * frames
    tau, n = random.uniform(8, 25), random.uniform(1.5, 4)
    level, change = random.normal(), np.exp(0.5 * random.normal()) * random.choice([-1, 1])
    truth = {
        "before": level, "change": change, "onset": onset, "exponent": n, "tau": tau,
        "half_time": onset + tau * np.log(2) ** (1 / n),
        "time_95": onset + tau * np.log(20) ** (1 / n),
    }  # fmt: skip

    def progress(t):
        return 1 - np.exp(-((np.maximum(t - onset, 0) / tau) ** n))

    return lambda t: level + change * progress(t), progress, abs(change), truth


def logistic(random, frames):
    """Logistic step."""
    middle, width = random.uniform(0.3, 0.6) * frames, random.uniform(2, 8)
    level, change = random.normal(), np.exp(0.5 * random.normal()) * random.choice([-1, 1])
    truth = {"before": level, "change": change, "middle": middle, "width": width}

    def progress(t):
        return 1 / (1 + np.exp(-(t - middle) / width))

    return lambda t: level + change * progress(t), progress, abs(change), truth


def exponential(random, frames):
    """Relaxation from the first frame on."""
    tau, level = random.uniform(10, 40), random.normal()
    change = np.exp(0.5 * random.normal()) * random.choice([-1, 1])

    def progress(t):
        return -np.expm1(-t / tau)

    truth = {"start": level, "change": change * progress(frames - 1), "rate": 1 / tau}
    return lambda t: level + change * progress(t), progress, abs(change), truth


def power(random, frames):
    """Coarsening: a power of the time since an onset before the first frame."""
    onset, a = -random.uniform(0.5, 4), random.choice([-1, 1]) * random.uniform(0.2, 0.5)
    factor = np.exp(0.3 * random.normal())
    ends = factor * (0 - onset) ** a, factor * (frames - onset) ** a
    change = abs(ends[1] - ends[0])

    def progress(t):
        return (factor * (t - onset) ** a - ends[0]) / (ends[1] - ends[0])

    truth = {"onset": onset, "exponent": a, "factor": factor}
    return lambda t: factor * (t - onset) ** a, progress, change, truth


def linear(random, frames):
    """A straight line."""
    start, change = random.normal(), np.exp(0.5 * random.normal()) * random.choice([-1, 1])
    truth = {"start": start, "slope": change / frames}
    return lambda t: start + change * t / frames, lambda t: t / frames, abs(change), truth


def cycle(random, frames):
    """A sine of 2 to 12 periods."""
    period, mean = frames / random.uniform(2, 12), random.normal()
    size, phase = np.exp(0.5 * random.normal()), random.uniform(0, 2 * np.pi)
    truth = {"mean": mean, "amplitude": size, "period": period}
    return (
        lambda t: mean + size * np.sin(2 * np.pi * t / period + phase),
        lambda t: t / frames, 2 * size, truth,
    )  # fmt: skip


LAWS = {f.__name__: f for f in (avrami, logistic, exponential, power, linear, cycle)}


def crps(values, y):
    """CRPS of equally probable values (draws,) for what came."""
    values = np.sort(values)
    n = len(values)
    spread = ((2 * np.arange(n) - n + 1) * values).sum() / n**2
    return np.abs(values - y).mean() - spread


def normal(mean, sd):
    """Equally probable values of a normal distribution."""
    from scipy import special

    return mean + sd * special.ndtri((np.arange(400) + 0.5) / 400)


def persistence(y, ahead):
    """Stay as it is; the spread is that of earlier changes over the same number of frames."""
    steps = y[ahead:] - y[:-ahead] if len(y) > ahead + 3 else np.diff(y) * np.sqrt(ahead)
    return normal(y[-1], np.sqrt((steps**2).mean()))


def line(y, ahead):
    """Extend the line through the last five frames, with its standard error."""
    t = np.arange(-4.0, 1)
    table = np.stack([np.ones(5), t], 1)
    weights, rest, *_ = np.linalg.lstsq(table, y[-5:])
    sd = np.sqrt(rest[0] / 3) if len(rest) else 0.0
    at = np.array([1.0, ahead])
    return normal(at @ weights, sd * np.sqrt(1 + at @ np.linalg.inv(table.T @ table) @ at) + 1e-9)


def predictions(law, arguments):
    """Print the table of predictions of one law."""
    print(f"\n{law}: noise {arguments.noise:g} of the change, {arguments.curves} curves a row")
    print(
        f"{'done':>5} {'ahead':>5} | {'persist.':>8} {'line':>6} {'trend':>6} median error | "
        f"{'persist.':>8} {'line':>6} {'trend':>6} CRPS | 50 % holds, 90 % holds"
    )
    frames = arguments.frames
    for part in arguments.parts:
        rows = {ahead: [] for ahead in HORIZONS}
        for number in range(arguments.curves):
            random = np.random.default_rng([arguments.first_seed, number])
            curve, progress, change, _ = LAWS[law](random, frames)
            t = np.arange(4 * frames)
            y = curve(t) + arguments.noise * change * random.standard_normal(len(t))
            now = max(8, int(np.argmax(progress(t) >= part)))
            if now >= frames:
                continue
            forecast = fit_trend(t[:now], y[:now], seed=number)
            steps = {a: frames - now if a == "end" else a for a in HORIZONS}
            ahead = forecast.predict(np.array([now - 1 + s for s in steps.values()]), arguments.by)
            for place, (name, step) in enumerate(steps.items()):
                true = y[now - 1 + step]
                draws = [persistence(y[:now], step), line(y[:now], step), ahead.values[:, place]]
                errors = [abs(np.median(d) - true) / change for d in draws]
                scores = [crps(d, true) / change for d in draws]
                held = [ahead.low[k][place] <= true <= ahead.high[k][place] for k in (0.5, 0.9)]
                rows[name].append([*errors, *scores, *held])
        for name, table in rows.items():
            table = np.array(table)
            e, c, h = np.median(table[:, :3], 0), table[:, 3:6].mean(0), table[:, 6:].mean(0)
            print(
                f"{part:5.0%} {name!s:>5} | {e[0]:8.3f} {e[1]:6.3f} {e[2]:6.3f}              | "
                f"{c[0]:8.3f} {c[1]:6.3f} {c[2]:6.3f}      | {h[0]:.2f} {h[1]:.2f}"
            )


def intervals(law, arguments):
    """Print how often the intervals of a law's numbers hold the truth."""
    held = {}
    determined = {}
    for number in range(arguments.curves):
        random = np.random.default_rng([arguments.first_seed + 1, number])
        curve, _, change, truth = LAWS[law](random, arguments.frames)
        t = np.arange(arguments.frames)
        sigma = arguments.noise * change
        y = curve(t) + sigma * random.standard_normal(len(t))
        error = np.full(len(t), sigma) if number % 2 else None
        for name, one in fit_trend(t, y, error, law=law).intervals().items():
            inside = [one.half, one.ninety]
            held.setdefault(name, []).append([a <= truth[name] <= b for a, b in inside])
            determined.setdefault(name, []).append(one.determined)
    for name, table in held.items():
        fifty, ninety = np.mean(table, 0)
        print(
            f"{law:12s} {name:10s} 50 % holds {fifty:.2f}, 90 % holds {ninety:.2f}, determined "
            f"{np.mean(determined[name]):.2f}"
        )


def named(law, arguments):
    """Print how often the true law is among those named, and how many are."""
    right, number_named = [], []
    for number in range(arguments.curves):
        random = np.random.default_rng([arguments.first_seed + 2, number])
        curve, _, change, _ = LAWS[law](random, arguments.frames)
        t = np.arange(arguments.frames)
        y = curve(t) + arguments.noise * change * random.standard_normal(len(t))
        names = fit_trend(t, y).named
        right.append(law in names)
        number_named.append(len(names))
    print(f"{law:12s} among the laws named {np.mean(right):.2f}; {np.mean(number_named):.1f} named")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--curves", type=int, default=100)
    parser.add_argument("--frames", type=int, default=80)
    parser.add_argument("--parts", type=float, nargs="+", default=PARTS)
    parser.add_argument("--noise", type=float, default=0.03)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--laws", nargs="+", choices=tuple(LAWS), default=tuple(LAWS))
    parser.add_argument("--by", choices=("mixed", "law", "gaussian_process"), default="mixed")
    parser.add_argument(
        "--only", nargs="+", choices=("predictions", "intervals", "named"),
        default=("predictions", "intervals", "named"),
    )  # fmt: skip
    arguments = parser.parse_args()
    for part in arguments.only:
        for law in arguments.laws:
            {"predictions": predictions, "intervals": intervals, "named": named}[part](
                law, arguments
            )


if __name__ == "__main__":
    main()
