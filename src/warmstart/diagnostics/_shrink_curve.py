"""Score of a trained model after shrinking alone."""

from collections.abc import Mapping
from dataclasses import dataclass

from warmstart.basics import check_flag, check_integer
from warmstart.strategies import scale
from warmstart.training import TensorData, recalibrate_

from ._measurement import Measurement, Moment, When, check_moment


@dataclass(frozen=True)
class ShrinkCurve(Measurement):
    """At the end of a round: score of the trained model with all its weights shrunk, without any retraining.

    ``shrink F`` is the score on the evaluation data for F = 0, 1/steps, ..., 1; with ``recalibrate`` it is called
    ``recalibrated shrink F``, so that a study may measure both. A ReLU network without biases stays the
    same function up to a factor, so its accuracy does not change until F is 0.

    Args:
        steps: Number of steps that divide [0, 1], at least 1.
        recalibrate: Whether running statistics of normalization layers are estimated anew for the shrunk weights. By
            default they stay those of the trained weights, with which a network with BatchNorm fails at once; the
            paper's curve, flat down to small factors, is that of statistics that fit. Only where data are tensors.

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
        """Return a score for every factor."""
        check_moment(moment)
        if moment.when is not When.END:
            return {}
        scores: dict[str, float | None] = {}
        what = "recalibrated shrink" if self.recalibrate else "shrink"
        for factor in (step / self.steps for step in range(self.steps + 1)):
            model = scale(moment.model, factor)
            if self.recalibrate and isinstance(moment.training, TensorData):
                recalibrate_(model, moment.training, generator=moment.generator)
            scores[f"{what} {factor:g}"] = next(iter(moment.evaluate(model).values()))
        return scores
