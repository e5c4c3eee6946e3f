"""When a round is done."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from warmstart.basics import added_later, check_at_least, check_in_range, resolve_choices


class StopReason(StrEnum):
    """Why a round ended.

    ``CONVERGED``: the training score reached its target. ``PLATEAU``: it has not improved for as long as patience
    lasts, nor with early stopping the validation loss. ``LIMIT``: the limit on epochs or steps. ``DIVERGED``: the loss
    was not finite.
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


class EarlyStopping(StrEnum):
    """Whether a round ends by the loss on a validation part of its data.

    ``ON``: when that loss has not been below its best for ``validation_patience`` epochs; the weights of the best epoch
    are restored. ``OFF``: by the training score. ``AUTO``: on for tables, off for everything else.
    """

    AUTO = "auto"
    ON = "on"
    OFF = "off"


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
        validation_loss: Mean loss on the validation part, without a penalty; None: there is none.
        validation_score: Mean score on it, likewise.
    """

    epoch: int
    steps: int
    train_score: float
    train_loss: float
    is_whole: bool = True
    validation_loss: float | None = None
    validation_score: float | None = None


def best_epoch(losses: Sequence[float | None]) -> int | None:
    """Return the number, from 1, of the first epoch with the least validation loss; None where no loss is finite.

    Example:
        >>> best_epoch([0.7, math.nan, 0.5, 0.5])
        3
    """
    found = [(loss, number) for number, loss in enumerate(losses, 1) if loss is not None and math.isfinite(loss)]
    return min(found)[1] if found else None


@dataclass(frozen=True)
class StoppingRule:
    """Ends a round at a target of the training score, on a plateau, or at a limit; it always ends.

    Args:
        train_accuracy: Target training accuracy, in (0, 1]: done when reached; None: no target. Early stopping ignores
            the default.
        patience: Done when the training score has not exceeded its best for this many epochs; None: never for this
            reason. Models that cannot reach the target (the paper's MLP and logistic regression) end so. Early stopping
            has a patience of its own.
        max_epochs: Done after this many epochs, at least 1.
        max_steps: Done after this many steps, even within an epoch; None: no such limit.
        measure: How the training score is measured.
        train_score: Target in the unit of the training score, in place of ``train_accuracy``: for regression minus a
            loss, such as -0.01 for a mean squared error of 0.01.
        early_stopping: Whether a round stops when the loss on a validation part of its data no longer falls, and
            restores the weights of the best epoch; limits always hold. Auto: on for tables, off for other data.
        validation: Share of a round's training samples that early stopping validates on, in (0, 0.5]; they are not
            trained on.
        validation_patience: With early stopping: done when the validation loss has not improved for this many epochs;
            None: never for this reason.
        min_delta: With patience: done when that many epochs together have not raised the training score by more than
            this, at least 0. Small steps of plain SGD rise for hundreds of epochs by next to nothing.

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
    early_stopping: EarlyStopping = added_later(EarlyStopping.AUTO)
    validation: float = added_later(0.15)
    # Measured on tables (docs/stopping.md): with 20, as for the training score, rounds take about twice the steps of
    # 5 and end no better; on data in time order they end worse.
    validation_patience: int | None = added_later(5)
    min_delta: float = added_later(0.0)

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
        check_in_range("validation", self.validation, 0, 0.5, low_open=True)
        check_at_least("validation_patience", self.validation_patience, 1)
        check_in_range("min_delta", self.min_delta, 0, math.inf, high_open=True)

    @property
    def stops_early(self) -> bool:
        """Whether a validation part decides; AUTO counts as off, until :meth:`resolved` says what it is."""
        return self.early_stopping is EarlyStopping.ON

    def resolved(self, *, is_table: bool) -> StoppingRule:
        """Return the rule with early stopping on where it was AUTO and the data are a table.

        For other data AUTO stays, which counts as off: written down, it would make another study of one that is stored.

        Args:
            is_table: Whether the data are a table.

        Example:
            >>> StoppingRule().resolved(is_table=True).early_stopping
            <EarlyStopping.ON: 'on'>
        """
        is_on = is_table and self.early_stopping is EarlyStopping.AUTO
        return replace(self, early_stopping=EarlyStopping.ON) if is_on else self

    @property
    def target(self) -> float | None:
        """Training score at which a round is done; None: there is no target."""
        if self.train_score is not None:
            return self.train_score
        # A default that was made for fitting to the end would end a round before its validation loss has said anything.
        is_ignored = self.stops_early and self.train_accuracy == StoppingRule.train_accuracy
        return None if is_ignored else self.train_accuracy

    def above_base_rate(self, share: float) -> StoppingRule:
        """Return the rule with a target accuracy that takes more than always naming the largest class.

        A target that is not greater than the share b of that class becomes b + (1 - b) * target: of what is left above
        the base rate, as much as the target asks for of the whole.

        Args:
            share: Of the largest class among the training samples, in [0, 1].

        Example:
            >>> StoppingRule(0.99).above_base_rate(0.995).target
            0.99995
        """
        if self.target is None or self.train_score is not None or self.target > share:
            return self
        return replace(self, train_accuracy=share + (1 - share) * self.target)

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
        if self.target is not None and last.train_score >= self.target:
            return StopReason.CONVERGED
        patience = self.validation_patience if self.stops_early else self.patience
        if patience is not None:
            # Patience has not run out before, so the best epoch is among the last few, however long the history is. If
            # the oldest of them is not exceeded by the others, it is the best, and patience is over.
            oldest, *others = map(self._progress, history[-patience - 1 :])
            least = 0.0 if self.stops_early else self.min_delta
            if len(others) == patience and oldest + least >= max(others):
                return StopReason.PLATEAU
        if last.epoch >= self.max_epochs or (self.max_steps is not None and last.steps >= self.max_steps):
            return StopReason.LIMIT
        return None

    def _progress(self, report: EpochReport) -> float:
        """Return what patience waits for to rise."""
        if not self.stops_early or report.validation_loss is None:
            return report.train_score
        return -report.validation_loss if math.isfinite(report.validation_loss) else -math.inf
