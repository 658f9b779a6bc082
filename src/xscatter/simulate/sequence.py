"""A sequence of frames in time: its scenes, its images, and how detectable its processes are."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from xscatter.simulate.experiment import Experiment
from xscatter.simulate.homogeneity import HomogeneityTable, totals_contrast, totals_course
from xscatter.simulate.image import SimulatedImage, simulate_image
from xscatter.simulate.law_registry import ProcessLaw, all_laws
from xscatter.simulate.least_error import PHOTONS, Place, least_errors
from xscatter.simulate.registry import get
from xscatter.simulate.render import render
from xscatter.simulate.shadows import shaded
from xscatter.simulate.shared.series import wander
from xscatter.simulate.timeline import Timeline, draw_timeline, warped
from xscatter.study import FIRST_SEQUENCE, Study

BRIGHTEST = 4.0  # flux over its mean of a frame that is not exposed too long
MOVED = 0.02  # change of X from which a process has begun, or within which it has ended


class TrueSpan(NamedTuple):
    """One stretch of frames in which a process goes on.

    Attributes:
        event: number of the event.
        begin: first frame.
        end: last frame, or the last of the record if it is open.
        seen: first frame, from `begin` on, at which D of all frames so far is detectable; -1: none.
        open: whether it goes on after the record.
    """

    event: int
    begin: int
    end: int
    seen: int
    open: bool


@dataclass(frozen=True)
class Detected:
    """Detectability of one event: D and contrast of the sequence, D after each frame (n,)."""

    strength: float
    contrast: float
    course: np.ndarray


def sequence_experiment(study: Study, number: int) -> Experiment:
    """Return the instrument of sequence `number`: one that no experiment of the study has."""
    size = study.sequence.size or study.simulate.size
    radius = study.transform.radius
    if size != study.simulate.size:
        # The disk of the expansion grows with the image, so that placements stay as they are.
        larger = None if radius is None else radius * size / study.simulate.size
        study = study.model_copy(
            update={
                "simulate": study.simulate.model_copy(update={"size": size}),
                "transform": study.transform.model_copy(update={"radius": larger}),
            }
        )
    return Experiment(study, FIRST_SEQUENCE + number)


def draw_sequence(experiment: Experiment) -> "Sequence":
    """Draw the sequence of an experiment: a pure function of the seed and its number.

    Example:
        >>> from xscatter import Study
        >>> from xscatter.simulate.sequence import draw_sequence, sequence_experiment
        >>> study = Study(name="example", simulate={"size": 64}, sequence={"frames": 20})
        >>> sequence = draw_sequence(sequence_experiment(study, 3))
        >>> sequence.scene(7) == draw_sequence(sequence_experiment(study, 3)).scene(7)
        True
    """
    return Sequence(experiment, draw_timeline(experiment, experiment.number - FIRST_SEQUENCE))


class Sequence:
    """A sequence of frames.

    Attributes:
        experiment: its instrument.
        timeline: what happens; with the experiment it makes every frame again.
        laws: the law of each event.
    """

    def __init__(self, experiment: Experiment, timeline: Timeline):
        self.experiment, self.timeline = experiment, timeline
        self.laws: list[ProcessLaw] = [all_laws()[event.law] for event in timeline.events]

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.timeline.positions)

    @cached_property
    def times(self) -> np.ndarray:
        """Seconds since the first frame (n,)."""
        return np.array(self.timeline.positions) * self.timeline.period

    @cached_property
    def progress(self) -> np.ndarray:
        """X of each event at each frame, (events, n), in [0, 1]."""
        rows = [self._progress(k, np.array(self._clock(k))) for k in range(len(self.laws))]
        return np.array(rows).reshape(len(rows), len(self))

    def _progress(self, event: int, t: np.ndarray) -> np.ndarray:
        own = self.timeline.events[event]
        return warped(self.laws[event].progress(own.parameters, t), own.warp)

    def _clock(self, event: int) -> tuple[float, ...] | np.ndarray:
        """Return the time of an event at each frame: frames, or the dose in frames at mean flux."""
        if getattr(self.laws[event].module, "DOSE", False):
            return np.cumsum(self._light[0]) - self._light[0, 0]
        return self.timeline.positions

    @cached_property
    def _light(self) -> np.ndarray:
        """Flux of each frame over its mean, and the part of the sample in the beam, (2, n)."""
        t = np.array(self.timeline.positions, float)
        acting = [k for k, law in enumerate(self.laws) if law.kind == "instrument"]
        progress = {k: self._progress(k, t) for k in acting}
        light = np.empty((2, len(self)))
        for frame in range(len(self)):
            scene: dict[str, Any] = {"photons": self._flux(frame), "drift": [0.0, 0.0]}
            for k in acting:
                own, x = self.timeline.events[k].parameters, float(progress[k][frame])
                scene = self.laws[k].module.disturb(own, x, float(t[frame]), scene)
            light[:, frame] = scene["photons"], scene.get("sample", 1.0)
        return light

    @cached_property
    def covariates(self) -> dict[str, tuple[str, np.ndarray]]:
        """Unit and values (n,) of what the user controls, by name: temperature, strain."""
        t, named = np.array(self.timeline.positions, float), {}
        for law, event in zip(self.laws, self.timeline.events, strict=True):
            driven = getattr(law.module, "covariate", lambda *_: None)(event.parameters, t)
            if driven:
                name, unit, values = driven
                named[name] = (unit, np.asarray(values, float))
        return named

    def _flux(self, frame: int) -> float:
        deviation, memory, seed = self.timeline.flux
        return float(np.exp(deviation * wander(seed, memory, self.timeline.positions[frame])))

    def _zingers(self, frame: int) -> int:
        rate, seed = self.timeline.zingers
        rng = np.random.Generator(np.random.PCG64([seed, self.timeline.positions[frame]]))
        return int(rng.poisson(rate)) if rate else 0

    def scene(self, frame: int, only: int | None = None) -> dict[str, Any]:
        """Return the scene of a frame: a pure function of (seed, number, frame).

        Args:
            frame: number of the frame.
            only: number of an event: all others keep the state that they have in the middle frame,
                those of the instrument that of rest, and the flux is steady. None: all happen.
        """
        middle = len(self) // 2
        scene: dict[str, Any] = {
            "photons": self.timeline.photons * (1.0 if only is not None else self._flux(frame)),
            "drift": [0.0, 0.0],
            "zingers": 0 if only is not None else self._zingers(frame),
            "features": list(self.timeline.still),
        }
        disturbing = []
        for k, (law, event) in enumerate(zip(self.laws, self.timeline.events, strict=True)):
            at = frame if only in (None, k) else middle
            x, t = float(self.progress[k, at]), float(self.timeline.positions[at])
            if law.kind == "sample":
                scene["features"] += law.module.values(event.parameters, x, t, event.entries)
            elif only in (None, k):
                disturbing.append((law, event, x, t))
        # The instrument acts on the scene of all features.
        for law, event, x, t in disturbing:
            scene = law.module.disturb(event.parameters, x, t, scene)
        inside = scene.pop("sample", 1.0)
        if inside < 1:
            scene["features"] = [
                {**entry, "share": entry["share"] * inside}
                if get(entry["feature"]).kind == "sample"
                else entry
                for entry in scene["features"]
            ]
        if "repeats" in scene and only is None:
            # The detector read out an earlier frame once more: its scene, and its noise.
            number = frame - int(scene["repeats"])
            before = self.scene(number)
            return {**before, "repeats": before.get("repeats", number)}
        return scene

    def simulate(self, frame: int, out: np.ndarray) -> SimulatedImage:
        """Simulate a frame into `out` (size, size) uint32; see :func:`simulate_frame`."""
        return simulate_frame(self.experiment, frame, out, self.scene(frame))

    # ---- the rule ---------------------------------------------------------------------------

    def detect(self, event: int) -> Detected:
        """Return how detectable an event is, all others frozen."""
        table = self.laws[event].table(self.timeline.events[event].parameters)
        if table == "rows":
            totals = np.array([row.sum(dtype=float) for row in self._rows(event, steady=True)])
            course = totals_course(totals)
            return Detected(float(course[-1]), totals_contrast(totals), course)
        if table == "":  # a fault that changes no expected count
            nothing = np.full(len(self), np.nan)
            return Detected(float("nan"), float("nan"), nothing)
        pattern = HomogeneityTable(int(np.count_nonzero(self.experiment.live)))
        for row in self._rows(event, steady=False):
            pattern.add(row)
        for row in self._rows(event, steady=False):
            pattern.compare(row)
        return Detected(pattern.detectability, pattern.contrast, np.array(pattern.course))

    def _rows(self, event: int, steady: bool) -> Any:
        """Yield the expected counts (live pixels,) of each frame, only `event` happening.

        Unless `steady`, the flux is that of the sequence, and the dark counts follow it: otherwise
        a change of flux would be one of the pattern. A sample shows nothing while it is out of the
        beam, and a frame that is exposed too long shows no more than its saturation lets it.
        """
        live, dark = self.experiment.live, self.experiment.setup.detector.dark_counts
        given = np.minimum(self._light[0], BRIGHTEST)
        if self.laws[event].kind == "sample":
            given = given * self._light[1]
        before: dict[str, Any] = {}
        light = np.zeros(0)
        for frame in range(len(self)):
            scene = self.scene(frame, only=event)
            flux = scene["photons"] / self.timeline.photons if steady else given[frame]
            scene["photons"] = self.timeline.photons
            if scene != before:  # most of a record is quiet
                experiment = shaded(self.experiment, scene.get("shadows", []))
                light, before = render(scene, experiment).expected[live].astype(float), scene
            yield (light - dark) * flux + dark if steady else light * flux

    def spans(self, event: int, course: np.ndarray, least: float) -> list[TrueSpan]:
        """Return when an event goes on.

        Args:
            event: its number.
            course: D after each frame (n,), of :meth:`detect`.
            least: D from which it is detectable.
        """
        x, last = self.progress[event], len(self) - 1
        if getattr(self.laws[event].module, "RETURNS", False):
            # Events that come and go: a span for each.
            on = np.flatnonzero(np.diff(np.concatenate([[0], x >= MOVED, [0]]).astype(int)))
            pairs = [(int(b), int(e) - 1, bool(e > last)) for b, e in on.reshape(-1, 2)]
        else:
            moved = np.flatnonzero(np.abs(x - x[0]) >= MOVED)
            if not len(moved):
                return []
            # On the same steps beyond the record: what still moves there is open.
            ahead = self._clock(event)[-1] + np.arange(1.0, len(self) + 1)
            is_open = bool(np.abs(self._progress(event, ahead) - x[-1]).max() > MOVED)
            away = np.flatnonzero(np.abs(x - x[-1]) > MOVED)
            end = last if is_open else min(int(away[-1]) + 1, last)
            pairs = [(int(moved[0]), end, is_open)]
        # A fault without a D is seen as soon as it happens.
        clear = np.flatnonzero((course >= least) | np.isnan(course))
        first = int(clear[0]) if len(clear) else -1
        return [
            TrueSpan(event, begin, end, max(begin, first) if first >= 0 else -1, is_open)
            for begin, end, is_open in pairs
        ]

    # ---- the truth of trends ----------------------------------------------------------------

    @cached_property
    def quantities(self) -> dict[str, tuple[str, np.ndarray]]:
        """Unit and values (n,) of every parameter that changes, by feature and parameter."""
        table: dict[str, list[float]] = {PHOTONS: []}
        for frame in range(len(self)):
            scene = self.scene(frame)
            table[PHOTONS].append(scene["photons"])
            for name, (number, key) in self._places(scene).items():
                entry = scene["features"][number]
                value = entry["share"] if key == "share" else entry["parameters"][key]
                table.setdefault(name, []).append(value)
        units = {PHOTONS: "counts"}
        for name in table:
            feature, _, key = name.partition(".")
            for parameter in get(feature.split("-")[0]).parameters if key else ():
                if parameter.name == key:
                    units[name] = parameter.unit
        arrays = {name: np.array(values, float) for name, values in table.items()}
        return {
            name: (units.get(name, ""), values)
            for name, values in arrays.items()
            if len(values) == len(self) and (name == PHOTONS or np.ptp(values) > 0)
        }

    def _places(self, scene: dict[str, Any]) -> dict[str, Place]:
        """Return where the parameters of features that may change are in a scene, by name."""
        places: dict[str, Place] = {}
        seen: dict[str, int] = {}
        for number in range(len(self.timeline.still), len(scene["features"])):
            entry = scene["features"][number]
            count = seen[entry["feature"]] = seen.get(entry["feature"], 0) + 1
            name = entry["feature"] + (f"-{count}" if count > 1 else "")
            for key in ("share", *entry["parameters"]):
                places[f"{name}.{key}"] = (number, key)
        return places

    @cached_property
    def least_errors(self) -> dict[str, np.ndarray]:
        """Least error (n,) that an ideal fit of a frame could have, of each of `quantities`."""
        rows: list[dict[str, float]] = []
        before: dict[str, Any] = {}
        for frame in range(len(self)):
            scene = self.scene(frame)
            # A beam that drifts by a part of a pixel moves no error.
            flux, scene = scene["photons"], {**scene, "drift": [0.0, 0.0]}
            pattern = {**scene, "photons": 0.0, "zingers": 0}
            if flux <= 0:  # nothing is known without light
                rows.append(dict.fromkeys(self.quantities, np.inf))
                continue
            if pattern != before:
                wanted = {
                    name: place
                    for name, place in self._places(scene).items()
                    if name in self.quantities
                }
                fresh, at, before = least_errors(scene, self.experiment, wanted), flux, pattern
            # Most of a record is quiet: only the flux differs, and the error of photon noise.
            ratio = float(np.sqrt(at / flux))
            rows.append({n: v * (1 / ratio if n == PHOTONS else ratio) for n, v in fresh.items()})
        return {name: np.array([row[name] for row in rows]) for name in self.quantities}

    def settings(self) -> dict[str, Any]:
        """Return the timeline as plain values."""
        return asdict(self.timeline)


def simulate_frame(
    experiment: Experiment, frame: int, out: np.ndarray, scene: dict[str, Any]
) -> SimulatedImage:
    """Simulate a frame of a sequence from its scene, as stored beside it.

    Args:
        experiment: of the sequence.
        frame: number of the frame, which decides the noise.
        out: (size, size) uint32, filled with the counts.
        scene: of the frame.
    """
    shown = shaded(experiment, scene.get("shadows", []))
    return simulate_image(shown, scene.get("repeats", frame), out, scene)
