"""The cost of training."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """Cost of training alone: forward, backward, update and the assembly of batches.

    Evaluation, recalibration of normalization statistics and storing are not included, nor are a query's pass over the
    pool and a penalty's preparation before the round, such as the Fisher information of EWC.

    Args:
        steps: Optimizer steps.
        samples: Samples processed, each as often as it was used.
        flops: Floating-point operations of the forward and backward passes' matrix products and convolutions, two per
            multiply-add, by PyTorch's counter; element-wise work and the optimizer are not counted, nor is what the
            counter does not know, such as recurrent layers. None: not counted, as for a model that fails under the
            counter.
        seconds: Wall-clock time.

    Example:
        >>> Cost(1, 128, 2e6, 0.5) + Cost(2, 256, 4e6, 0.5)
        Cost(steps=3, samples=384, flops=6000000.0, seconds=1.0)
    """

    steps: int = 0
    samples: int = 0
    flops: float | None = 0.0
    seconds: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        """Return the sum of both costs; operations are unknown if either's are."""
        return Cost(
            self.steps + other.steps,
            self.samples + other.samples,
            None if self.flops is None or other.flops is None else self.flops + other.flops,
            self.seconds + other.seconds,
        )
