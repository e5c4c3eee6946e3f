"""What shrinking alone does to a trained model."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from warmstart.basics import check_flag, check_integer
from warmstart.strategies import scale
from warmstart.training import evaluate, recalibrate_

from ._measurement import Measurement, Moment, When, check_moment


@dataclass(frozen=True)
class ShrinkCurve(Measurement):
    """At the end of a round: accuracy of the trained model with all its weights shrunk, without any retraining.

    ``shrink F`` is the accuracy on the evaluation data for F = 0, 1/steps, ..., 1. A network of ReLUs without biases is
    the same function up to a factor, so its accuracy does not change until F is 0.

    Args:
        steps: Into how many steps [0, 1] is divided, at least 1.
        recalibrate: Whether running statistics of normalization layers in training are estimated anew for the shrunk
            weights. By default they stay those of the trained ones, with which a network with BatchNorm fails at once;
            the paper's curve, flat down to small factors, is that of statistics that fit.

    Reference:
        Ash and Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020, figure 6.

    Example:
        >>> ShrinkCurve(steps=4)
        ShrinkCurve(steps=4, recalibrate=False)
    """

    steps: int = 10
    recalibrate: bool = False

    def __post_init__(self) -> None:
        """Check the options."""
        check_integer("steps", self.steps, 1)
        check_flag("recalibrate", self.recalibrate)

    def __call__(self, moment: Moment) -> Mapping[str, float | None]:
        """Return an accuracy in [0, 1] for every factor."""
        check_moment(moment)
        if moment.when is not When.END:
            return {}
        factors = [step / self.steps for step in range(self.steps + 1)]
        return {
            f"shrink {factor:g}": evaluate(self._shrunk(moment, factor), moment.evaluation).accuracy
            for factor in factors
        }

    def _shrunk(self, moment: Moment, factor: float) -> nn.Module:
        model = scale(moment.model, factor)
        if self.recalibrate:
            recalibrate_(model, moment.training, generator=moment.generator)
        return model
