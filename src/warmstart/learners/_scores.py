"""What an evaluation says: one number per unit, and named metrics beside it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import torch

from warmstart.basics import ACCURACY, InputError, Metric, as_float, described


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of one model on held-out data.

    Units are what is scored one by one and paired across models: samples, or groups of them such as days or users.

    Args:
        values: One number per unit, of shape (units,), in the order of the data; tensor, array or sequence.
        metric: Name, unit and direction of the score.
        metrics: Other metrics of the same evaluation, by name, such as ``{"loss": 0.3}``.
        root: Whether the score is the square root of the mean over units, as rmse is of squared errors; else the mean.
        predictions: The class that the model predicts of each unit, of shape (units,), whole numbers or names: from
            them follows the churn against the model before. None: it predicts no classes.
        recalls: By the index of a class, the share of its units that are predicted as such.

    Raises:
        InputError: If there is no unit, values, metrics or recalls are no numbers, or predictions are no classes.

    Example:
        >>> scores = Scores([1.0, 0.0, 1.0, 1.0], metrics={"loss": 0.5})
        >>> scores.score, scores.metric.name, len(scores.values)
        (0.75, 'accuracy', 4)
        >>> Scores([9.0, 16.0], Metric("rmse", higher_is_better=False), root=True).score
        3.5355339059327378
    """

    values: "np.ndarray | torch.Tensor | Sequence[float]"
    metric: Metric = ACCURACY
    metrics: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    root: bool = False
    predictions: "np.ndarray | torch.Tensor | Sequence[int] | Sequence[str] | None" = None
    recalls: Mapping[int, float] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        """Check the options, and keep the values as a float64 array."""
        try:
            array = np.array(_on_cpu(self.values), dtype=np.float64)
        except (TypeError, ValueError):
            array = np.empty(0)
        if array.ndim != 1 or not len(array):
            raise InputError(f"values must be one number per unit, of shape (units,), got {described(self.values)}.")
        object.__setattr__(self, "values", array)
        if not isinstance(self.metric, Metric):
            raise InputError(f"metric must be a Metric, got {described(self.metric)}.")
        for name, what in (("metrics", "name"), ("recalls", "index of class")):
            given = getattr(self, name)
            numbers = (
                {key: as_float(value) for key, value in given.items()} if isinstance(given, Mapping) else {0: None}
            )
            if None in numbers.values() or (name == "recalls" and not all(isinstance(key, int) for key in numbers)):
                raise InputError(f"{name} must be numbers by {what}, got {described(given)}.")
            object.__setattr__(
                self, name, numbers if name == "recalls" else {str(key): numbers[key] for key in numbers}
            )
        if self.predictions is not None:
            object.__setattr__(self, "predictions", _classes(self.predictions, array.shape))

    @property
    def score(self) -> float:
        """The mean over units, or its root; NaN or infinite where the model's outputs are."""
        mean = float(np.asarray(self.values).mean())
        return math.sqrt(mean) if self.root and mean >= 0 else mean

    @property
    def is_finite(self) -> bool:
        """Whether the score and the metrics beside it are finite."""
        return math.isfinite(self.score) and all(map(math.isfinite, self.metrics.values()))

    @property
    def by_name(self) -> dict[str, float]:
        """The score by the name of its metric, then the metrics beside it."""
        return {self.metric.name: self.score, **self.metrics}


def churn(before: Scores, after: Scores) -> float | None:
    """Return the share of units of which two models predict different classes, in [0, 1]; None where they predict none.

    Reference:
        Milani Fard et al., "Launch and Iterate: Reducing Prediction Churn", NeurIPS 2016.

    Example:
        >>> churn(Scores([1, 0, 1, 0], predictions=[0, 1, 1, 2]), Scores([1, 1, 1, 0], predictions=[0, 0, 1, 1]))
        0.5
    """
    if before.predictions is None or after.predictions is None or len(before.predictions) != len(after.predictions):
        return None
    return float((np.asarray(before.predictions) != np.asarray(after.predictions)).mean())


def negative_flips(before: Scores, after: Scores) -> float | None:
    """Return the share of units that the model before has right and that after it wrong, in [0, 1].

    None where there is no churn, or a unit is not just right (1) or wrong (0).

    Reference:
        Yan et al., "Positive-Congruent Training: Towards Regression-Free Model Updates", CVPR 2021.

    Example:
        >>> before, after = Scores([1, 0, 1], predictions=[0, 1, 1]), Scores([0, 1, 0], predictions=[1, 0, 0])
        >>> churn(before, after), negative_flips(before, after)
        (1.0, 0.6666666666666666)
    """
    right = [np.asarray(scores.values) for scores in (before, after)]
    if churn(before, after) is None or not all(np.isin(values, (0, 1)).all() for values in right):
        return None
    return float((right[0] > right[1]).mean())


def _on_cpu(values: object) -> object:
    return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else values


def _classes(predictions: object, shape: tuple[int, ...]) -> np.ndarray:
    try:
        classes = np.array(_on_cpu(predictions))
    except ValueError:  # lists of different lengths
        classes = np.empty(0)
    # As scikit-learn's models predict labels that are whole but stored as floats.
    if classes.dtype.kind == "f" and np.isfinite(classes).all() and (classes % 1 == 0).all():
        classes = classes.astype(np.int64)
    if classes.shape != shape or classes.dtype.kind not in "biuUS":
        raise InputError(f"predictions must be one class per unit, of shape {shape}, got {described(predictions)}.")
    return classes
