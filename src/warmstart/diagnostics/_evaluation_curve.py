"""Scores on the evaluation data while a round trains."""

from collections.abc import Mapping
from dataclasses import dataclass

from warmstart.basics import check_integer, copy_model, unwrapped
from warmstart.training import TensorData, recalibrate_

from ._measurement import Measurement, Moment, When, check_moment


@dataclass(frozen=True)
class EvaluationCurve(Measurement):
    """After epochs: the learner's score and metrics on the evaluation data, such as ``accuracy`` and ``loss``.

    Of models that train on tensors, running statistics are recalibrated on a copy before.

    Args:
        every: Epochs between measurements, at least 1.

    Reference:
        Ash and Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020, figure 1.

    Example:
        >>> EvaluationCurve(every=10)
        EvaluationCurve(every=10)
    """

    every: int = 1

    def __post_init__(self) -> None:
        """Check the options."""
        check_integer("every", self.every, 1)

    def __call__(self, moment: Moment) -> Mapping[str, float | None]:
        """Return what the learner's evaluation returns, by the names of its metrics."""
        check_moment(moment)
        if moment.when is not When.EPOCH or moment.epoch % self.every:
            return {}
        model = moment.model
        if isinstance(moment.training, TensorData):
            # On a copy: between epochs running statistics lag behind the weights, and training must not see new ones.
            model = recalibrate_(copy_model(unwrapped(model)), moment.training, generator=moment.generator)
        return moment.evaluate(model)
