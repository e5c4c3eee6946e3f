"""The built-in learner for numbers."""

from dataclasses import dataclass, replace

import torch
from torch import nn

from warmstart.basics import InputError
from warmstart.training import Loss, SquaredError, StoppingRule, TensorData, evaluate_samples

from ._scores import Scores
from ._scoring import value_scores
from ._tensor_learner import TensorLearner


@dataclass(frozen=True)
class Regressor(TensorLearner):
    """Trains an architecture to predict numbers; its score is rmse, with mae and r2 beside it.

    Table columns and targets are brought to mean 0 and variance 1 over the first arrival, the only data known when a
    trial begins; scores are in the unit of the targets. A round ends on a plateau: when the mean training loss has not
    improved for ``stop.patience`` epochs, or as ``stop`` says otherwise.

    Args:
        architecture: Builds the models.
        recipe: How a round trains.
        stop: When a round is done; a target is its ``train_score``.
        penalty: Added to the loss; not one that needs classes.
        carry_over: What survives a round besides the weights.
        loss: What training minimizes, on targets of variance 1: squared, absolute or Huber's error.

    Raises:
        InputError: If an option is not allowed.

    Example:
        >>> from warmstart.models import MLP
        >>> from warmstart.training import Huber
        >>> Regressor(MLP(), loss=Huber(delta=1.0)).stop.patience
        20
    """

    stop: StoppingRule = StoppingRule(train_accuracy=None)
    loss: Loss = SquaredError()

    def __post_init__(self) -> None:
        """Check the options."""
        super().__post_init__()
        if self.stop.train_accuracy == StoppingRule().train_accuracy:
            # Not asked for: who sets a limit leaves the target at its default, which is one of accuracy.
            object.__setattr__(self, "stop", replace(self.stop, train_accuracy=None))
        if self.stop.train_accuracy is not None:
            raise InputError(
                f"stop.train_accuracy must be none for Regressor, got {self.stop.train_accuracy}: numbers have no "
                "accuracy, but train_score takes a target such as -0.01."
            )
        if not isinstance(self.loss, Loss) or not self.loss.takes_floats:
            raise InputError(f"loss must be SquaredError(), AbsoluteError() or Huber(), got {self.loss!r}.")
        if self.penalty is not None and self.penalty.needs_classes:
            raise InputError(
                f"penalty must be one that numbers as targets allow, such as L2 or L2Init, got {self.penalty!r}, which "
                "needs classes."
            )

    @property
    def objective(self) -> Loss:
        """The chosen loss."""
        return self.loss

    def outputs(self, data: TensorData) -> int:
        """Return the number of targets of a sample."""
        return 1 if data.labels.ndim == 1 else data.labels.shape[1]

    def prepared(self, parts: list[TensorData], known: TensorData, *, scale: bool = True) -> list[TensorData]:
        """Return inputs as :class:`TensorLearner` does, and targets with mean 0 and variance 1 over the known data."""
        targets = known.labels.double()
        mean, deviation = targets.mean(0), targets.std(0, correction=0)
        deviation = torch.where(deviation > 0, deviation, torch.ones_like(deviation))
        return [part.with_target_scale(deviation, mean) for part in super().prepared(parts, known, scale=scale)]

    def evaluate(self, model: nn.Module, data: TensorData) -> Scores:
        """Return the squared error of every sample in the unit of the targets, the mean over several targets."""
        found = evaluate_samples(model, data, loss=self.loss)
        return value_scores(found.outputs, found.targets, data.target_scale)

    def baselines(
        self, training: TensorData, data: TensorData, before: torch.Tensor | None = None
    ) -> dict[str, Scores]:
        """Return the scores of the ``mean`` of the training targets, and of ``persistence``."""
        targets = data.labels
        predicted = {"mean": training.labels.double().mean(0).expand(targets.shape)}
        if before is not None:
            predicted["persistence"] = before
        return {name: value_scores(values, targets, data.target_scale) for name, values in predicted.items()}
