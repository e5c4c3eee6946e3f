"""Counting floating-point operations."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch.utils.flop_counter import FlopCounterMode


class FlopCount:
    """What was counted; complete when the context of :func:`count_flops` has ended."""

    total: int = 0


@contextmanager
def count_flops() -> Iterator[FlopCount]:
    """Count the floating-point operations that run within the context, backward passes included.

    Matrix products and convolutions count, two operations for a multiply-add; element-wise work does not.

    Example:
        >>> import torch
        >>> with count_flops() as count:
        ...     _ = torch.ones(2, 3) @ torch.ones(3, 4)
        >>> count.total
        48
    """
    count = FlopCount()
    with FlopCounterMode(display=False) as mode:
        yield count
    count.total = mode.get_total_flops()


@cache
def load_counter() -> None:
    """Let the counter import what it needs, the better part of a second at its first use, before a clock runs."""
    with FlopCounterMode(display=False):
        torch.ones(1, 1).mm(torch.ones(1, 1))
