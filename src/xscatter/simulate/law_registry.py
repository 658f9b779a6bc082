"""The table of laws: finds the files of the package `laws` and checks them."""

import importlib
import pkgutil
from functools import cache
from typing import Any

import numpy as np

from xscatter import processes
from xscatter.core.errors import UserError
from xscatter.simulate import laws
from xscatter.simulate.registry import PhysicsFile, get

Entries = list[dict[str, Any]]  # of a scene: feature, share, parameters


class ProcessLaw(PhysicsFile):
    """One law: the file of that name."""

    def features(self, experiment: Any) -> list[tuple[str, ...]]:
        """Return the tuples of features that the law can act on in `experiment`."""
        options = getattr(self.module, "FEATURES", ((),))
        chosen = experiment.study.simulate.features
        return [
            names
            for names in options
            if all(
                get(name).weight(experiment) > 0 and (chosen is None or name in chosen)
                for name in names
            )
        ]

    def draw(
        self, rng: np.random.Generator, experiment: Any, frames: int, entries: Entries
    ) -> dict[str, float | int]:
        """Draw one set of parameters, as plain Python numbers; `entries` may be adjusted.

        Args:
            rng: random stream.
            experiment: of the sequence.
            frames: number of frames of the record.
            entries: of the scene, on which the law acts.
        """
        drawn = self.module.draw(rng, experiment, frames, entries)
        return self.check({key: np.asarray(value).item() for key, value in drawn.items()})

    def process(self, parameters: dict[str, Any]) -> str:
        """Return the name of the process that `parameters` describe."""
        return getattr(self.module, "process", lambda _: self.tags[0])(parameters)

    def table(self, parameters: dict[str, Any]) -> str:
        """Return what the process is judged by: "pattern", "rows" (totals), or "" (neither)."""
        fixed = getattr(self.module, "TABLE", "pattern")
        return getattr(self.module, "table", lambda _: fixed)(parameters)

    def progress(self, parameters: dict[str, Any], t: np.ndarray) -> np.ndarray:
        """Return X (n,) in [0, 1] at frames `t` (n,)."""
        # Rounding may leave [0, 1], where warps are defined.
        return np.clip(np.asarray(self.module.progress(parameters, t), float), 0.0, 1.0)


@cache
def all_laws() -> dict[str, ProcessLaw]:
    """Return every law by name, in alphabetical order."""
    known = {}
    for entry in pkgutil.iter_modules(laws.__path__):
        law = ProcessLaw(entry.name, importlib.import_module(f"{laws.__name__}.{entry.name}"))
        unknown = set(law.tags) - set(processes.NAMES)
        if unknown:
            raise ValueError(
                f"law {entry.name} names processes that processes.py does not: {sorted(unknown)}"
            )
        known[entry.name] = law
    return dict(sorted(known.items()))


def chosen_laws(names: tuple[str, ...] | None) -> dict[str, ProcessLaw]:
    """Return the laws that samples may follow: all, or those in `names`.

    Raises:
        UserError: a name is not that of a law of samples.
    """
    known = {name: law for name, law in all_laws().items() if law.kind == "sample"}
    for name in names or ():
        if name not in known:
            raise UserError(
                f"sequence.laws: {name} is not a law of samples; there are {', '.join(known)}"
            )
    return known if names is None else {name: known[name] for name in sorted(set(names))}
