"""From logits to probabilities, without losing the small ones."""

import torch

from warmstart.basics import InputError, check_tensor


def log_probabilities(logits: torch.Tensor, *, classes: int = 1) -> torch.Tensor:
    """Return the logarithms of the class probabilities, as float64 of shape (n, classes).

    In float32 a well-trained model is equally sure, to the last digit, of most of its pool: beyond a difference of
    about 17 between the logits the margin is 1. In float64 that happens beyond about 37.

    Args:
        logits: Of shape (n, classes), finite, of any real dtype; no gradient flows back.
        classes: How many there have to be at least.

    Raises:
        InputError: If the logits have another shape, too few classes, or a value that is not finite.

    Example:
        >>> log_probabilities(torch.zeros(1, 4)).exp()
        tensor([[0.2500, 0.2500, 0.2500, 0.2500]], dtype=torch.float64)
    """
    check_tensor("logits", logits)
    if logits.ndim != 2:
        raise InputError(f"logits must have the shape (samples, classes), got {tuple(logits.shape)}.")
    if logits.shape[1] < classes:
        raise InputError(f"logits must have at least {classes} columns, one per class, got {logits.shape[1]}.")
    # A model that diverged would otherwise pick by NaN, which sorts before every number.
    lost = ~logits.isfinite()
    if lost.any():
        row, column = lost.nonzero()[0].tolist()
        raise InputError(f"logits must be finite, got {logits[row, column].item()} in row {row}.")
    return logits.detach().double().log_softmax(dim=1)
