"""When a round is done."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from warmstart.basics import check_at_least, check_in_range, resolve_choices


class StopReason(StrEnum):
    """How a round ended.

    ``CONVERGED``: the training accuracy asked for. ``PLATEAU``: no better training accuracy for as long as patience
    lasts.
    ``LIMIT``: the limit of epochs or steps. ``DIVERGED``: the loss was not finite.
    """

    CONVERGED = "converged"
    PLATEAU = "plateau"
    LIMIT = "limit"
    DIVERGED = "diverged"


class Measure(StrEnum):
    """What the stop rule calls training accuracy.

    ``RUNNING``: the share of samples that were right in the epoch's own steps, in training mode, while the weights
    moved on (the paper). ``EVALUATION``: a pass over the training data in evaluation mode after the
    epoch, with running statistics recalibrated.
    ``RELEASED_CODE``: the running one as the paper's released code adds it up, with a slip: partial sums over ten
    batches are added again at every batch, so that early batches of each ten weigh more.
    """

    RUNNING = "running"
    EVALUATION = "evaluation"
    RELEASED_CODE = "released-code"


@dataclass(frozen=True)
class EpochReport:
    """One epoch of a round.

    Args:
        epoch: Counted from 1.
        steps: Optimizer steps of the round so far.
        train_accuracy: As the stop rule measures it, in [0, 1].
        train_loss: Mean loss of the epoch's samples, a penalty included; NaN or infinite when training diverged.
        is_whole: Whether the epoch saw every sample; the limit on steps may have cut it short.
    """

    epoch: int
    steps: int
    train_accuracy: float
    train_loss: float
    is_whole: bool = True


@dataclass(frozen=True)
class StoppingRule:
    """Ends a round at a training accuracy, on a plateau, or at a limit; it always ends.

    Args:
        train_accuracy: Done when reached, in (0, 1]; None: never for this reason.
        patience: Done when the training accuracy has not exceeded its best for this many epochs; None: never for this
            reason. Models that cannot reach the accuracy (the paper's MLP and logistic regression) end so.
        max_epochs: Done after this many epochs, at least 1.
        max_steps: Done after this many steps, in the middle of an epoch if need be; None: no such limit.
        measure: What training accuracy means.

    Example:
        >>> rule = StoppingRule(train_accuracy=0.99, patience=2)
        >>> history = [EpochReport(1, 10, 0.6, 1.0), EpochReport(2, 20, 0.5, 1.1), EpochReport(3, 30, 0.6, 1.1)]
        >>> rule.stop_reason(history[:2]) is None
        True
        >>> rule.stop_reason(history)
        <StopReason.PLATEAU: 'plateau'>
    """

    train_accuracy: float | None = 0.99
    patience: int | None = 20
    max_epochs: int = 500
    max_steps: int | None = None
    measure: Measure = Measure.RUNNING

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
        if self.train_accuracy is not None:
            check_in_range("train_accuracy", self.train_accuracy, 0, 1, low_open=True)
        check_at_least("patience", self.patience, 1)
        check_at_least("max_epochs", self.max_epochs, 1)
        check_at_least("max_steps", self.max_steps, 1)

    def stop_reason(self, history: Sequence[EpochReport]) -> StopReason | None:
        """Return how the round has ended, or None while it goes on.

        Args:
            history: The round's epochs so far, in order, none of which ended it but perhaps the last; at least one is
                always trained.
        """
        if not history:
            return None
        last = history[-1]
        if not math.isfinite(last.train_loss):
            return StopReason.DIVERGED
        if not last.is_whole:
            return StopReason.LIMIT  # the accuracy of some batches says nothing of the rest
        if self.train_accuracy is not None and last.train_accuracy >= self.train_accuracy:
            return StopReason.CONVERGED
        if self._out_of_patience(history):
            return StopReason.PLATEAU
        if last.epoch >= self.max_epochs or (self.max_steps is not None and last.steps >= self.max_steps):
            return StopReason.LIMIT
        return None

    def _out_of_patience(self, history: Sequence[EpochReport]) -> bool:
        if self.patience is None:
            return False
        # Patience has not run out before, so the best epoch is at most so long ago: the last few tell, however many
        # there were. If the oldest of them is not exceeded by the others, it is the best, and its time is up.
        oldest, *others = (report.train_accuracy for report in history[-self.patience - 1 :])
        return len(others) == self.patience and oldest >= max(others)
