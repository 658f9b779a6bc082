"""When to lower the learning rate, and when to stop: a rule whose memory can be saved.

After each round the rule sees the training loss and the mean average precision of the validation
set. The training loss makes progress when it falls by `minimum_fall` of its best value, the
validation when it gains `minimum_gain`. When neither has for `patience` rounds, or the validation
has not for `overfitting_patience` rounds, the learning rate drops, and both wait again; when no
drop is left, the training has converged. The best round's weights are the result.
"""

from dataclasses import asdict, dataclass, field

from xscatter.study import Train


@dataclass
class Convergence:
    """Memory of the rule; `state` and keyword arguments carry it through a checkpoint."""

    round: int = 0
    best_training: float = float("inf")
    best_validation: float = float("-inf")
    best_round: int = 0
    fell_at: int = 0
    gained_at: int = 0
    drops: int = 0
    begun: int = 0  # rounds that were done when data were added last
    converged: bool = False
    reason: str = field(default="")

    def see(self, training_loss: float, validation: float, train: Train) -> str:
        """Take in one round; return the decision: "", "drop" or "stop".

        Args:
            training_loss: mean over the steps of the round.
            validation: mean average precision on the validation set; NaN is no gain.
            train: the keys of the rule.
        """
        self.round += 1
        if training_loss < self.best_training * (1 - train.minimum_fall):
            self.best_training, self.fell_at = training_loss, self.round
        if validation > self.best_validation + train.minimum_gain:
            self.gained_at = self.round
        if validation > self.best_validation:
            self.best_validation, self.best_round = validation, self.round
        flat, stuck = self.round - self.fell_at, self.round - self.gained_at
        if train.most_rounds is not None and self.round - self.begun >= train.most_rounds:
            return self._stop(f"most_rounds, {train.most_rounds}, is reached")
        if min(flat, stuck) >= train.patience:
            why = f"no progress of training loss and validation for {train.patience} rounds"
        elif stuck >= train.overfitting_patience:
            why = f"no progress of validation for {train.overfitting_patience} rounds"
        else:
            return ""
        if self.drops >= train.drops:
            return self._stop(why)
        self.drops += 1
        self.fell_at = self.gained_at = self.round
        self.reason = why
        return "drop"

    def _stop(self, why: str) -> str:
        self.converged, self.reason = True, why
        return "stop"

    def reopen(self) -> None:
        """Start again for data that were added; the best values so far do not count for them."""
        self.converged, self.reason, self.drops = False, "", 0
        self.begun = self.fell_at = self.gained_at = self.best_round = self.round
        self.best_training, self.best_validation = float("inf"), float("-inf")

    def state(self) -> dict[str, object]:
        """Return plain values, for JSON."""
        return asdict(self)
