"""How strongly old and new data pull at the weights while a round trains."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from warmstart.basics import added_later, check_integer, choice
from warmstart.training import TensorData

from ._gradients import Average, gradient_norm
from ._measurement import Measurement, Moment, When, check_moment


@dataclass(frozen=True)
class GradientNorms(Measurement):
    """At the start of a round and after its epochs: ``old gradient`` and ``new gradient``.

    Each is the L2 norm of the gradient of the mean loss over samples of what had arrived before, or has arrived for
    this round, or the mean over batches of the norm of each; see :func:`warmstart.gradient_norm`. In training mode,
    since right after weights were shrunk the running statistics do not fit them. Without earlier data there is only the
    new one.

    Args:
        every: Epochs between measurements, at least 1.
        samples: How many samples of each part at most, drawn once a round, at least 1.
        average: Of the gradients, or of the norms of batches, as in the paper.
        batch_size: Samples in a batch, at least 1.

    Reference:
        Ash and Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020, figure 5.

    Example:
        >>> GradientNorms(every=5).samples
        1024
    """

    every: int = 1
    samples: int = 1024
    average: Average = added_later(Average.GRADIENTS)
    batch_size: int = added_later(128)

    def __post_init__(self) -> None:
        """Check the options."""
        check_integer("every", self.every, 1)
        check_integer("samples", self.samples, 1)
        check_integer("batch_size", self.batch_size, 1)
        object.__setattr__(self, "average", choice(Average, self.average, name="average"))

    def __call__(self, moment: Moment) -> Mapping[str, float | None]:
        """Return the norms; none at the end, which is the last epoch's moment once more."""
        check_moment(moment)
        if moment.when is When.END or moment.epoch % self.every:
            return {}
        parts = {"old gradient": moment.old, "new gradient": moment.new}
        return {name: self._norm(moment, part) for name, part in parts.items() if part is not None}

    def _norm(self, moment: Moment, part: TensorData) -> float:
        order = torch.randperm(len(part), generator=moment.generator)
        # Every moment has the same generator and draws as much from it, so it is always the same samples.
        drawn = part.take(order[: self.samples])
        return gradient_norm(moment.model, drawn, batch_size=self.batch_size, training=True, average=self.average)
