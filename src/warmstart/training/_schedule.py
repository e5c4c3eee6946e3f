"""The course of the learning rate over a round."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

import torch

# As in PyTorch's OneCycleLR: the first rate is the full one over 25, the last one the first over 10,000.
_RISING, _FIRST, _LAST = 0.3, 1 / 25, 1 / 250_000


class Schedule(StrEnum):
    """How the learning rate changes within a round, after ``warm_up``.

    ``CONSTANT``: not at all. ``COSINE``: half a cosine from the full rate to 0. ``ONE_CYCLE``: along half a cosine up
    from 1/25 of the full rate, then down along another one to 1/250,000 (Smith and Topin, 2019).
    """

    CONSTANT = "constant"
    COSINE = "cosine"
    ONE_CYCLE = "one-cycle"


def rate_factor(schedule: Schedule, step: int, budget: int, *, warm_up: float = 0.0) -> float:
    """Return the factor on the learning rate at a step of a round.

    Of w = round(warm_up * budget) steps, step i has (i + 1) / w; after them, cosine has (1 + cos(pi t)) / 2 for t =
    (i - w) / (budget - w). One-cycle is PyTorch's ``OneCycleLR`` with ``pct_start=warm_up``.

    Args:
        schedule: The course.
        step: Steps of the round that were taken before, at least 0.
        budget: Steps of the round in all, at least 1; beyond them the factor stays as at the last one.
        warm_up: Share of the budget, in [0, 1).

    Example:
        >>> [rate_factor(Schedule.COSINE, step, 4) for step in range(4)]
        [1.0, 0.8535533905932737, 0.5, 0.14644660940672627]
        >>> [rate_factor(Schedule.CONSTANT, step, 4, warm_up=0.5) for step in range(4)]
        [0.5, 1.0, 1.0, 1.0]
    """
    step = min(step, budget - 1)
    if schedule is Schedule.ONE_CYCLE:
        # PyTorch has the top at a fraction of a step, and ends at the last one.
        top, last = (warm_up or _RISING) * budget - 1, budget - 1
        if step <= top:
            return _between(_FIRST, 1.0, step / top if top > 0 else 1.0)
        return _between(1.0, _LAST, (step - top) / (last - top))
    rising = round(warm_up * budget)
    if step < rising:
        return (step + 1) / rising
    return 1.0 if schedule is Schedule.CONSTANT else _between(1.0, 0.0, (step - rising) / (budget - rising))


def _between(start: float, end: float, share: float) -> float:
    """Return what half a cosine from start to end has at a share of its way."""
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))


class ScheduledRate:
    """Sets an optimizer's learning rates before every step of an epoch, and restores them after it.

    The factor is on what each group of parameters has between epochs, so that a callback may change it and groups may
    be added.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, schedule: Schedule, warm_up: float, budget: int) -> None:
        self._optimizer, self._schedule, self._warm_up, self._budget = optimizer, schedule, warm_up, budget
        self._full: list[float] = []

    @contextmanager
    def for_epoch(self) -> Iterator[None]:
        """Within the context, :meth:`set` may be called before every step."""
        self._full = [group["lr"] for group in self._optimizer.param_groups]
        try:
            yield
        finally:
            for group, full in zip(self._optimizer.param_groups, self._full, strict=True):
                group["lr"] = full

    def set(self, step: int) -> None:
        """Set the rates of a step of the round, counted from 0."""
        factor = rate_factor(self._schedule, step, self._budget, warm_up=self._warm_up)
        for group, full in zip(self._optimizer.param_groups, self._full, strict=True):
            group["lr"] = full * factor
