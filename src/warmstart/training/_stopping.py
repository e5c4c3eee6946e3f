"""When a round is done."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from warmstart.basics import added_later, check_at_least, check_in_range, resolve_choices


class StopReason(StrEnum):
    """Why a round ended.

    ``CONVERGED``: the training score reached its target. ``PLATEAU``: it has not improved for as long as patience
    lasts. ``LIMIT``: the limit on epochs or steps. ``DIVERGED``: the loss was not finite.
    """

    CONVERGED = "converged"
    PLATEAU = "plateau"
    LIMIT = "limit"
    DIVERGED = "diverged"


class Measure(StrEnum):
    """How the training score is measured that a stopping rule reads: of classification, training accuracy.

    ``RUNNING``: the mean over the samples of the epoch's own steps, in training mode, while the weights change (the
    paper). ``EVALUATION``: a pass over the training data in evaluation mode after the epoch, with running statistics
    recalibrated. ``RELEASED_CODE``: the running one as the paper's released code adds it up, wrongly: partial sums
    over ten batches are added again at every batch, so that early batches of each ten weigh more.
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
        train_score: As the stopping rule measures it, higher is better: accuracy in [0, 1], for regression minus the
            mean loss without a penalty.
        train_loss: Mean loss of the epoch's samples, a penalty included; NaN or infinite when training diverged.
        is_whole: Whether the epoch saw every sample; the limit on steps may have cut it short.
    """

    epoch: int
    steps: int
    train_score: float
    train_loss: float
    is_whole: bool = True


@dataclass(frozen=True)
class StoppingRule:
    """Ends a round at a target of the training score, on a plateau, or at a limit; it always ends.

    Args:
        train_accuracy: Target of classification: done when reached, in (0, 1]; None: no target.
        patience: Done when the training score has not exceeded its best for this many epochs; None: never for this
            reason. Models that cannot reach the target (the paper's MLP and logistic regression) end so.
        max_epochs: Done after this many epochs, at least 1.
        max_steps: Done after this many steps, even within an epoch; None: no such limit.
        measure: How the training score is measured.
        train_score: Target in the unit of the training score, in place of ``train_accuracy``: for regression minus a
            loss, such as -0.01 for a mean squared error of 0.01.

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
    train_score: float | None = added_later(None)

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
        if self.train_accuracy is not None:
            check_in_range("train_accuracy", self.train_accuracy, 0, 1, low_open=True)
        if self.train_score is not None:
            check_in_range("train_score", self.train_score, -math.inf, math.inf, low_open=True, high_open=True)
        check_at_least("patience", self.patience, 1)
        check_at_least("max_epochs", self.max_epochs, 1)
        check_at_least("max_steps", self.max_steps, 1)

    def stop_reason(self, history: Sequence[EpochReport]) -> StopReason | None:
        """Return why the round has ended, or None if it has not.

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
            return StopReason.LIMIT  # the score of some batches says nothing about the rest
        target = self.train_accuracy if self.train_score is None else self.train_score
        if target is not None and last.train_score >= target:
            return StopReason.CONVERGED
        if self.patience is not None:
            # Patience has not run out before, so the best epoch is among the last few, however long the history is. If
            # the oldest of them is not exceeded by the others, it is the best, and patience is over.
            oldest, *others = (report.train_score for report in history[-self.patience - 1 :])
            if len(others) == self.patience and oldest >= max(others):
                return StopReason.PLATEAU
        if last.epoch >= self.max_epochs or (self.max_steps is not None and last.steps >= self.max_steps):
            return StopReason.LIMIT
        return None
