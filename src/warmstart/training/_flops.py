"""Counting floating-point operations."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from warmstart.basics import seeded_globals
from warmstart.penalties import Penalty

from ._evaluate import mode
from ._loss import loss_of


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


def flops_per_sample(model: nn.Module, inputs: torch.Tensor, labels: torch.Tensor, penalty: Penalty | None) -> float:
    """Return the operations of one forward and backward pass, a penalty's own passes included, for one sample.

    Counted on two samples and on a copy, apart from training: the counter slows a step down several times over, and at
    its first use in a process it spends the better part of a second on imports, which are no cost of training.

    Args:
        model: Left untouched.
        inputs: A batch, of which the first two samples are used.
        labels: Its labels.
        penalty: Added to the loss.
    """
    probe = copy.deepcopy(model)
    inputs, labels = inputs[:2], labels[:2]
    with seeded_globals(torch.Generator().manual_seed(0)), mode(probe, training=True), count_flops() as count:
        loss_of(probe, inputs, labels, penalty)[1].backward()
    return count.total / len(labels)
