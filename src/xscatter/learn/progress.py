"""The progress of a training: all that its checkpoints hold besides arrays."""

from dataclasses import dataclass, field
from typing import Any

from xscatter.learn.convergence import Convergence
from xscatter.store.models import with_epochs


@dataclass
class Progress:
    """Progress of a training.

    Attributes:
        step: number of steps done.
        since: the step at which the present records began.
        losses: of the steps since the last validation.
        history: rows of ``history.csv``.
        timings: rows of ``timings.csv``.
        rule: the rule of convergence.
    """

    step: int = 0
    since: int = 0
    losses: list[float] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)
    timings: list[dict[str, Any]] = field(default_factory=list)
    rule: Convergence = field(default_factory=Convergence)

    def facts(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {**self.__dict__, "rule": self.rule.facts()}

    @classmethod
    def of(cls, facts: dict[str, Any]) -> "Progress":
        """Inverse of :meth:`facts`; other keys are left out."""
        known = {key: facts[key] for key in cls.__dataclass_fields__}
        # Checkpoints of earlier versions say "round".
        for name in ("history", "timings"):
            known[name] = [with_epochs(row) for row in known[name]]
        return cls(**{**known, "rule": Convergence(**with_epochs(facts["rule"]))})
