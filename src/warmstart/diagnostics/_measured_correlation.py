"""How far a round has moved the weights."""

from collections.abc import Mapping
from dataclasses import dataclass

from ._correlation import weight_correlation
from ._measurement import Measurement, Moment, When, check_moment
from ._weights import weight_norm


@dataclass(frozen=True)
class Correlation(Measurement):
    """At the end of a round: ``weight correlation`` of kernels and matrices with the round's start, and norms.

    The norms are L2, over all trainable weights: ``fresh norm`` of the fresh model, ``start norm`` of what the round
    started from, ``end norm`` of what it ended with. The start's norm over the fresh one's is its effective scale.

    Reference:
        Ash and Adams, "On the Difficulty of Warm-Starting Neural Network Training", 2019 (arXiv 1910.08475v1).

    Example:
        >>> Correlation()
        Correlation()
    """

    def __call__(self, moment: Moment) -> Mapping[str, float | None]:
        """Return the four values at the end of the round."""
        check_moment(moment)
        if moment.when is not When.END:
            return {}
        return {
            "weight correlation": weight_correlation(moment.model, moment.start),
            "fresh norm": weight_norm(moment.fresh),
            "start norm": weight_norm(moment.start),
            "end norm": weight_norm(moment.model),
        }
