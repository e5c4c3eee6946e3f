"""The built-in learner for classes."""

from dataclasses import dataclass

from torch import nn

from warmstart.basics import ACCURACY
from warmstart.training import CROSS_ENTROPY, Loss, TensorData, evaluate_samples

from ._scores import Scores
from ._tensor_learner import TensorLearner


@dataclass(frozen=True)
class Classifier(TensorLearner):
    """Trains an architecture with cross-entropy; its score is accuracy, with the mean loss in nats beside it.

    Args:
        architecture: Builds the models.
        recipe: How a round trains.
        stop: When a round is done.
        penalty: Added to the loss.
        carry_over: What survives a round besides the weights.

    Example:
        >>> from warmstart.models import MLP
        >>> Classifier(MLP(layers=2)).stop.train_accuracy
        0.99
    """

    @property
    def objective(self) -> Loss:
        """Cross-entropy."""
        return CROSS_ENTROPY

    def outputs(self, data: TensorData) -> int:
        """Return the number of classes."""
        return data.classes

    def evaluate(self, model: nn.Module, data: TensorData) -> Scores:
        """Return 1 for every sample that is classified correctly, 0 for the others."""
        found = evaluate_samples(model, data, loss=CROSS_ENTROPY)
        return Scores(found.scores, ACCURACY, {"loss": found.mean_loss})
