"""The part of a round's data that early stopping holds apart."""

from collections.abc import Iterable

import torch

FEWEST_SAMPLES = 20
"""With fewer samples in a round, none are held apart: three of them decide nothing."""


def held_apart(labels: torch.Tensor, share: float, *, classes: int = 0, generator: torch.Generator) -> torch.Tensor:
    """Return which samples are held apart, as a mask: of every class the share, evenly over the order of the samples.

    Sample j of class k, counted from 0 in the order given, is held apart where floor((j + 1) share + u_k) > floor(j
    share + u_k), with u_k uniform in [0, 1), but for the first one, which is always trained on. So a sample's part
    depends on it and the samples before it only: in a later round, whose data begin with those of this one, it is in
    the same part. Groups are not known here: rows of one person may be in both parts.

    Args:
        labels: Class indices (n,), or floating-point targets, which count as one class.
        share: In (0, 0.5].
        classes: Number of classes, at least the highest label plus one: the same in all rounds; not read for targets.
        generator: A CPU generator, the same in all rounds; draws one number for each class.

    Example:
        >>> held_apart(torch.arange(9) % 2, 0.4, classes=2, generator=torch.Generator().manual_seed(0)).int()
        tensor([0, 0, 0, 0, 1, 0, 0, 1, 0], dtype=torch.int32)
    """
    if labels.is_floating_point():
        labels, classes = torch.zeros(len(labels), dtype=torch.int64, device=labels.device), 1
    offsets = torch.rand(classes, generator=generator, dtype=torch.float64, device="cpu")
    order = labels.argsort(stable=True)
    counts = labels.bincount(minlength=classes)
    place = torch.empty_like(order)
    # The place of each sample within its class.
    place[order] = torch.arange(len(labels), device=labels.device) - (counts.cumsum(0) - counts)[labels[order]]
    start = place * share + offsets.to(labels.device)[labels]
    return ((start + share).floor() > start.floor()) & (place > 0)


def never_trained_on(is_apart: torch.Tensor, sizes: Iterable[int]) -> torch.Tensor:
    """Return the mask without samples of earlier rounds that had too few for a validation part and trained on all.

    Args:
        is_apart: From :func:`held_apart`, of this round.
        sizes: Samples of the earlier rounds, whose data this one's begin with.

    Example:
        >>> is_apart = torch.arange(30) % 7 == 6
        >>> never_trained_on(is_apart, [10, 20]).nonzero()[:, 0]
        tensor([13, 20, 27])
    """
    is_apart = is_apart.clone()
    for size in sizes:
        if size < FEWEST_SAMPLES or not is_apart[:size].any():
            is_apart[:size] = False
    return is_apart
