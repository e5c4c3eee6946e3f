"""The data of a trial, and the scale of their columns."""

from dataclasses import dataclass, replace

import torch

from warmstart.training import TensorData


@dataclass(frozen=True, eq=False)
class TrialData:
    """What a trial trains and is evaluated on.

    Args:
        pool: What the stream draws from.
        evaluation: Never trained on.
        classes: Number of classes.
        source: Another data set of inputs of the same shape; round 1 then trains on all of its pool and is evaluated
            on its evaluation data, and the stream begins with round 2. None: there is none.
    """

    pool: TensorData
    evaluation: TensorData
    classes: int
    source: "TrialData | None" = None

    @property
    def rounds_before_stream(self) -> int:
        """One where there is a source, else none."""
        return 0 if self.source is None else 1


def standardized(data: TrialData, first_arrival: torch.Tensor) -> TrialData:
    """Give table columns mean 0 and variance 1 over the only data known when the trial begins.

    Those are the source where there is one, else the first arrival.
    """
    if data.pool.is_image:
        return data
    known = data.pool.take(first_arrival).inputs if data.source is None else data.source.pool.inputs
    deviation = known.std(0, correction=0)
    scale = torch.where(deviation > 0, 1 / deviation, torch.ones_like(deviation))
    return _scaled(data, scale, -known.mean(0) * scale)


def _scaled(data: TrialData, scale: torch.Tensor, offset: torch.Tensor) -> TrialData:
    return replace(
        data,
        pool=data.pool.scaled(scale, offset),
        evaluation=data.evaluation.scaled(scale, offset),
        source=None if data.source is None else _scaled(data.source, scale, offset),
    )
