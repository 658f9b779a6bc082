"""The rule that lowers the learning rate and stops a training; its memory can be saved.

After each epoch the rule sees the training loss and the mean average precision on the validation
set. The training loss makes progress when it falls by `min_loss_decrease` of its best value, the
precision when it gains `min_precision_gain`. When neither has for `patience` epochs, or the
precision has not for `overfitting_patience` epochs, the learning rate drops, and both wait again;
when no drop is left, the training has converged. With `schedule: cosine` it ends after
`max_epochs` alone. The weights of the best epoch are the result.
"""

from dataclasses import asdict, dataclass, field

from xscatter.study import Train


@dataclass
class Convergence:
    """Memory of the rule; `facts` and keyword arguments carry it through a checkpoint."""

    epoch: int = 0
    best_training: float = float("inf")
    best_validation: float = float("-inf")
    best_epoch: int = 0
    fell_at: int = 0
    gained_at: int = 0
    drops: int = 0
    begun: int = 0  # epochs that were done when data were added last
    converged: bool = False
    reason: str = field(default="")

    def see(self, training_loss: float, validation: float, train: Train) -> str:
        """Take in one epoch; return the decision: "", "drop" or "stop".

        Args:
            training_loss: mean over the steps of the epoch.
            validation: mean average precision on the validation set; NaN is no gain.
            train: the keys of the rule.
        """
        self.epoch += 1
        if training_loss < self.best_training * (1 - train.min_loss_decrease):
            self.best_training, self.fell_at = training_loss, self.epoch
        # The best value moves at every gain, so that many tiny gains do not add up to progress.
        if validation > self.best_validation + train.min_precision_gain:
            self.gained_at = self.epoch
        if validation > self.best_validation:
            self.best_validation, self.best_epoch = validation, self.epoch
        # Number of epochs since either measure made progress.
        flat, stuck = self.epoch - self.fell_at, self.epoch - self.gained_at
        if train.max_epochs is not None and self.epoch - self.begun >= train.max_epochs:
            return self._stop(f"max_epochs, {train.max_epochs}, is reached")
        # A cosine has the end that was set for it, and no drops.
        if train.schedule == "cosine":
            return ""
        # Neither improves: the training has settled at this learning rate.
        if min(flat, stuck) >= train.patience:
            why = f"no progress of training loss and validation for {train.patience} epochs"
        # The loss still falls and the validation set does not follow: the network learns by heart.
        elif stuck >= train.overfitting_patience:
            why = f"no progress of validation for {train.overfitting_patience} epochs"
        else:
            return ""
        if self.drops >= train.learning_rate_drops:
            return self._stop(why)
        self.drops += 1
        # The lower rate gets its own full patience.
        self.fell_at = self.gained_at = self.epoch
        self.reason = why
        return "drop"

    def _stop(self, why: str) -> str:
        self.converged, self.reason = True, why
        return "stop"

    def reopen(self) -> None:
        """Start again for data that were added; the best values so far do not count for them."""
        self.converged, self.reason, self.drops = False, "", 0
        self.begun = self.fell_at = self.gained_at = self.best_epoch = self.epoch
        self.best_training, self.best_validation = float("inf"), float("-inf")

    def facts(self) -> dict[str, object]:
        """Return plain values, for JSON."""
        return asdict(self)
