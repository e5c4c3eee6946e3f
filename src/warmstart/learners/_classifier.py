"""The built-in learner for classes."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from warmstart.training import CROSS_ENTROPY, Loss, TensorData, evaluate_samples

from ._scores import Scores
from ._scoring import class_scores
from ._tensor_learner import TensorLearner


@dataclass(frozen=True)
class Classifier(TensorLearner):
    """Trains an architecture with cross-entropy; its score is accuracy.

    Beside it stand the log loss in nats, balanced accuracy, for two classes the area under the ROC curve, and for up to
    20 classes the recall of each.

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
        return class_scores(found.outputs, found.targets, found.mean_loss)

    def baselines(
        self, training: TensorData, data: TensorData, before: torch.Tensor | None = None
    ) -> dict[str, Scores]:
        """Return the scores of the class shares of the training data, ``majority``, and of ``persistence``."""
        targets = data.labels
        counts = training.labels.bincount(minlength=max(training.classes, data.classes)).double()
        shares = (counts / counts.sum()).log().expand(len(targets), -1)
        # Infinite where a class appears that training did not have.
        found = {"majority": class_scores(shares, targets, F.cross_entropy(shares, targets).item())}
        if before is not None:
            # Classes without probabilities: a log loss would be infinite.
            found["persistence"] = class_scores(F.one_hot(before, len(counts)).double(), targets)
        return found
