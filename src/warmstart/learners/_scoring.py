"""What outputs come to against the truth: a model's, and those of predictors that learn nothing."""

import numpy as np
import torch

from warmstart.basics import ACCURACY, METRICS

from ._scores import Scores

MOST_RECALLS = 20
"""Classes up to which there is a recall for each of them."""


def class_scores(outputs: torch.Tensor, targets: torch.Tensor, mean_loss: float | None = None) -> Scores:
    """Return 1 for every sample whose class has the highest output, 0 for the others, and what else they come to.

    Beside accuracy stand balanced accuracy, the mean of the recalls of the classes that are there; of two classes that
    are both there the area under the ROC curve, the probability that a sample of the second has a higher output for it
    than a sample of the first, where ties count one half; and the recalls of up to 20 classes.

    Args:
        outputs: Logits (n, classes).
        targets: Class indices (n,).
        mean_loss: The log loss in nats; None: outputs have none, such as those of a predictor without probabilities.

    Example:
        >>> logits = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 2.0], [1.0, 0.0]])
        >>> scores = class_scores(logits, torch.tensor([0, 0, 1, 1]))
        >>> scores.score, dict(scores.metrics), dict(scores.recalls)
        (0.5, {'balanced_accuracy': 0.5, 'auc': 0.625}, {0: 0.5, 1: 0.5})
    """
    columns = [outputs.argmax(1), targets]
    if outputs.shape[1] == 2:
        # Log odds in double precision: probabilities in single precision would tie where they are close to 0 or 1.
        columns.append(outputs[:, 1].double() - outputs[:, 0].double())
    # One transfer; class indices are exact in double precision.
    found = torch.stack([column.double() for column in columns]).cpu().numpy()
    predicted, truth = found[:2].astype(np.int64)
    counts = np.bincount(truth, minlength=outputs.shape[1])
    classes = np.flatnonzero(counts)
    recalls = np.bincount(truth[predicted == truth], minlength=len(counts))[classes] / counts[classes]
    metrics = {} if mean_loss is None else {"loss": mean_loss}
    metrics["balanced_accuracy"] = float(recalls.mean())
    if len(found) == 3 and len(classes) == 2:
        # Both sorted: looked up in random order, 25,000 take ten times as long.
        low, high = (np.sort(found[2, truth == number]) for number in (0, 1))
        below = np.searchsorted(low, high, "left") + np.searchsorted(low, high, "right")
        metrics["auc"] = float(below.sum() / (2 * len(low) * len(high)))
    by_class = dict(zip(classes.tolist(), recalls.tolist(), strict=True)) if len(counts) <= MOST_RECALLS else {}
    return Scores(predicted == truth, ACCURACY, metrics, predictions=predicted, recalls=by_class)


def value_scores(outputs: torch.Tensor, targets: torch.Tensor, scale: torch.Tensor | float = 1.0) -> Scores:
    """Return the squared error of every sample, the mean over several targets; their score is rmse, beside mae and r2.

    Args:
        outputs: As many as there are targets.
        targets: Of shape (n,) or (n, k).
        scale: What one unit of both is in the unit of the data.

    Example:
        >>> value_scores(torch.tensor([1.0, 3.0]), torch.tensor([1.0, 5.0])).metrics
        {'mae': 1.0, 'r2': 0.5}
    """
    targets = targets.double().reshape(len(targets), -1)
    errors = (outputs.double().reshape(targets.shape) - targets) * scale
    squares = errors.square()
    # Against the mean of these targets, and over several targets the mean, as scikit-learn's r2_score.
    spread = ((targets - targets.mean(0)) * scale).square().sum(0)
    r2 = torch.where(spread > 0, 1 - squares.sum(0) / spread, 0.0).mean()
    metrics = {"mae": errors.abs().mean().item(), "r2": r2.item()}
    return Scores(squares.mean(1), METRICS["rmse"], metrics, root=True)
