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

    Raises:
        InputError: If there is no unit, or values or metrics are no numbers.

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

    def __post_init__(self) -> None:
        """Check the options, and keep the values as a float64 array."""
        values = self.values.detach().cpu().numpy() if isinstance(self.values, torch.Tensor) else self.values
        try:
            array = np.array(values, dtype=np.float64)
        except (TypeError, ValueError):
            array = np.empty(0)
        if array.ndim != 1 or not len(array):
            raise InputError(f"values must be one number per unit, of shape (units,), got {described(self.values)}.")
        object.__setattr__(self, "values", array)
        if not isinstance(self.metric, Metric):
            raise InputError(f"metric must be a Metric, got {described(self.metric)}.")
        is_table = isinstance(self.metrics, Mapping)
        metrics = {str(name): as_float(value) for name, value in self.metrics.items()} if is_table else {"": None}
        if None in metrics.values():
            raise InputError(f"metrics must be numbers by name, got {described(self.metrics)}.")
        object.__setattr__(self, "metrics", metrics)

    @property
    def score(self) -> float:
        """The mean over units, or its root; NaN or infinite where the model's outputs are."""
        mean = float(np.asarray(self.values).mean())
        return math.sqrt(mean) if self.root and mean >= 0 else mean

    @property
    def is_finite(self) -> bool:
        """Whether the score and the metrics beside it are finite."""
        return math.isfinite(self.score) and all(map(math.isfinite, self.metrics.values()))
