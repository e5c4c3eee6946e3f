"""Where the samples of a pool stand among all training samples."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from warmstart.basics import InputError


@dataclass(frozen=True, eq=False)
class PoolOrder:
    """Where the samples of a trial's pool stand in the training data, from some of which it is held out.

    Args:
        rows: int64 (n,), ascending: the place of each of the pool's samples among the training samples.
        count: Number of training samples, those that are held out included.
        arrivals: int64 (count,), not descending: the arrival that each training sample belongs to, from 0, where the
            data say so. None: they do not.
        in_time: Whether the training samples stand in the order in which they arrived.

    Raises:
        InputError: If rows do not ascend within [0, count), or arrivals are not one for each training sample.

    Example:
        >>> PoolOrder.of_all(3)
        PoolOrder(3 of 3 samples)
    """

    rows: torch.Tensor
    count: int
    arrivals: torch.Tensor | None = None
    in_time: bool = True

    def __post_init__(self) -> None:
        """Check the parts."""
        rows = self.rows
        if rows.dtype != torch.int64 or rows.ndim != 1:
            raise InputError(f"rows must be int64 of shape (n,), got {rows.dtype} of shape {tuple(rows.shape)}.")
        if len(rows) and (rows[0] < 0 or rows[-1] >= self.count or (rows.diff() <= 0).any()):
            raise InputError(f"rows must ascend within [0, {self.count}), got {rows.tolist()[:10]}.")
        if self.arrivals is not None and len(self.arrivals) != self.count:
            raise InputError(f"arrivals must be one for each of {self.count} samples, got {len(self.arrivals)}.")

    def __repr__(self) -> str:
        """Return how many there are."""
        return f"PoolOrder({len(self.rows)} of {self.count} samples)"

    @staticmethod
    def of_all(count: int) -> PoolOrder:
        """Return the order of a pool from which nothing is held out."""
        return PoolOrder(torch.arange(count), count)
