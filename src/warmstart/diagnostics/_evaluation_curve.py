"""Accuracy on the evaluation data while a round trains."""

from collections.abc import Mapping
from dataclasses import dataclass

from warmstart.basics import check_integer, copy_model, unwrapped
from warmstart.training import evaluate, recalibrate_

from ._measurement import Measurement, Moment, When, check_moment


@dataclass(frozen=True)
class EvaluationCurve(Measurement):
    """After epochs: ``accuracy`` and ``loss`` on the evaluation data, with running statistics recalibrated on a copy.

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
        """Return accuracy in [0, 1] and mean cross-entropy in nats."""
        check_moment(moment)
        if moment.when is not When.EPOCH or moment.epoch % self.every:
            return {}
        model = recalibrate_(copy_model(unwrapped(moment.model)), moment.training, generator=moment.generator)
        found = evaluate(model, moment.evaluation)
        return {"accuracy": found.accuracy, "loss": found.loss}
