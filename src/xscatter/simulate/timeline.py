"""The timeline of a sequence: which laws are at work, on what, and what the instrument does.

A timeline is plain data, stored as JSON beside the frames; with the experiment it is enough to
make every frame again.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from xscatter.core.errors import UserError
from xscatter.core.seeds import Purpose, generator
from xscatter.simulate.experiment import Experiment
from xscatter.simulate.law_registry import Entries, ProcessLaw, all_laws, chosen_laws
from xscatter.simulate.registry import get
from xscatter.simulate.scene import draw_background, draw_sample

QUIET = 0.2  # fraction of sequences without a process of the sample
SEVERAL = 0.25  # fraction of the others with more than one
DISTURBED = {True: 0.5, False: 0.4}  # fraction with events of the instrument: quiet ones, others
WARPED = 0.5  # fraction of the processes whose progress is warped
GAPPED = 0.15  # fraction of sequences in which frames are missing
STRATA = 1000  # first stream of the choices that are balanced over sequences
TRIES = 40  # draws of a law before another one is taken


@dataclass(frozen=True)
class LawEvent:
    """One law at work.

    Attributes:
        law: its name.
        process: the process that it is.
        parameters: of the law.
        entries: of the scene that it drives.
        warp: three numbers (see `warped`), or None.
    """

    law: str
    process: str
    parameters: dict[str, Any]
    entries: Entries
    warp: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Timeline:
    """All that happens in a sequence.

    Attributes:
        photons: of a frame at mean flux.
        period: seconds from frame to frame.
        positions: (n,) places of the frames in time, in periods; missing frames leave gaps.
        still: entries of the scene that do not change.
        events: laws at work.
        flux: deviation, memory in frames, and seed of the flux.
        zingers: mean number of tracks in a frame, and seed.
    """

    photons: float
    period: float
    positions: tuple[int, ...]
    still: Entries
    events: tuple[LawEvent, ...]
    flux: tuple[float, float, int]
    zingers: tuple[float, int]


def warped(x: np.ndarray, warp: tuple[float, float, float] | None) -> np.ndarray:
    """Return m xᵃ + (1 − m)(1 − (1 − x)ᵇ), `warp` = (m, a, b): monotone, 0 to 0 and 1 to 1."""
    if warp is None:
        return x
    mix, first, second = warp
    return mix * x**first + (1 - mix) * (1 - (1 - x) ** second)


def draw_timeline(experiment: Experiment, number: int) -> Timeline:
    """Draw the timeline of sequence `number`: a pure function of (seed, number)."""
    study = experiment.study
    frames = study.sequence.frames
    rng = generator(study.seed, Purpose.SEQUENCE, number)
    # Frames of a fast sequence are exposed for less time than single images.
    shorter = rng.uniform(0.0, 1.2)
    photons = 10 ** (experiment.setup.exposure.log_photons + rng.normal(0, 0.45) - shorter)
    background = 10 ** rng.normal(-1.3, 0.5) if rng.random() < 0.8 else 10 ** rng.uniform(-0.3, 0.5)
    still = draw_background(experiment, rng, background)
    events = _sample_events(experiment, number, rng, frames)
    # A process has company less often than a sample at rest needs something to show.
    company = rng.poisson(0.5) if events else 1 + rng.poisson(1.0)
    still += draw_sample(experiment, rng, company)
    if _balanced(experiment, number, 2) < DISTURBED[not events]:
        events += _instrument_events(experiment, rng, frames)
    return Timeline(
        photons=float(photons),
        period=float(10 ** rng.uniform(-1, 1.8)),
        positions=_positions(rng, frames),
        still=still,
        events=tuple(events),
        flux=(
            float(10 ** rng.uniform(-2.5, -1.2)),
            float(10 ** rng.uniform(0, 2)),
            int(rng.integers(2**31)),
        ),
        zingers=(
            float(10 ** rng.uniform(-2, 0.5)) if rng.random() < 0.3 else 0.0,
            int(rng.integers(2**31)),
        ),
    )


def _positions(rng: np.random.Generator, frames: int) -> tuple[int, ...]:
    """Draw places of frames in time; in some sequences a few frames are missing."""
    steps = np.ones(frames, int)
    steps[0] = 0
    if rng.random() < GAPPED:
        for frame in rng.integers(1, frames, 1 + rng.poisson(1.0)):
            steps[frame] += rng.integers(1, 6)
    return tuple(int(position) for position in np.cumsum(steps))


def _balanced(experiment: Experiment, number: int, choice: int) -> float:
    """Return a number in [0, 1) that covers it evenly over sequences (see `strata`)."""
    offset = generator(experiment.study.seed, Purpose.STRATA, STRATA + choice).random()
    return float((offset + number * (0.5 * 5**0.5, 2**0.5, 3**0.5)[choice]) % 1.0)


def _sample_events(
    experiment: Experiment, number: int, rng: np.random.Generator, frames: int
) -> list[LawEvent]:
    settings = experiment.study.sequence
    count = 0
    if _balanced(experiment, number, 0) >= QUIET:
        count = 1
        if settings.at_most > 1 and rng.random() < SEVERAL:
            count = int(rng.integers(2, settings.at_most + 1))
    known = list(chosen_laws(settings.laws).values())
    # The first law is balanced over sequences, the others are anywhere.
    first = int(_balanced(experiment, number, 1) * len(known))
    order = known[first:] + known[:first]
    order[1:] = [order[1 + i] for i in rng.permutation(len(order) - 1)]
    # Laws that can act in few experiments come first there.
    for law in known:
        likely = getattr(law.module, "PREFERRED", 0.0)
        if likely and law.features(experiment) and rng.random() < likely:
            order = [law, *(other for other in order if other is not law)]
    events: list[LawEvent] = []
    for law in order:
        if len(events) == count:
            break
        event = draw_event(law, experiment, rng, frames)
        if event and event.process not in [other.process for other in events]:
            events.append(event)
    return events


def _instrument_events(
    experiment: Experiment, rng: np.random.Generator, frames: int
) -> list[LawEvent]:
    known = [law for law in all_laws().values() if law.kind == "instrument"]
    count = 1 + (rng.random() < 0.3)
    events = []
    for n in rng.permutation(len(known))[:count]:
        parameters = known[n].draw(rng, experiment, frames, [])
        events.append(LawEvent(known[n].name, known[n].process(parameters), parameters, []))
    return events


def draw_event(
    law: ProcessLaw, experiment: Experiment, rng: np.random.Generator, frames: int
) -> LawEvent | None:
    """Draw a law and its entries; None if it has none that stay within their bounds.

    Args:
        law: of the process.
        experiment: in which it happens.
        rng: random stream.
        frames: number of frames of the record.
    """
    options = law.features(experiment)
    if not options:
        return None
    for _ in range(TRIES):
        names = options[int(rng.integers(len(options)))]
        entries: Entries = []
        for name in names:
            share = float(10 ** rng.uniform(-1.7, 0.0))
            parameters = get(name).draw(rng, experiment)
            entries.append({"feature": name, "share": share, "parameters": parameters})
        try:
            parameters = law.draw(rng, experiment, frames, entries)
            warp = None
            if rng.random() < WARPED:
                exponents = 10 ** rng.uniform(-0.25, 0.25, 2)
                warp = (float(rng.random()), float(exponents[0]), float(exponents[1]))
            _check_path(law, parameters, entries, experiment, frames)
        except UserError:  # a parameter leaves its bounds on the way
            continue
        return LawEvent(law.name, law.process(parameters), parameters, entries, warp)
    return None


def _check_path(
    law: ProcessLaw, parameters: dict[str, Any], entries: Entries, experiment: Any, frames: int
) -> None:
    """Refuse a law whose features leave their bounds, or the range that is seen.

    Raises:
        UserError: naming the parameter.
    """
    for x in np.linspace(0, 1, 9):
        for entry in law.module.values(parameters, float(x), float(x * frames), entries):
            own = get(entry["feature"]).check(entry["parameters"])
            q = own.get("position") or 2 * np.pi / (own.get("spacing") or own.get("cell") or np.inf)
            if q and not 0.7 * experiment.q_low <= q <= experiment.q_high:
                raise UserError(f"{entry['feature']}: q = {q} is not seen")
