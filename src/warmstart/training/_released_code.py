"""Training accuracy as the paper's released code adds it up."""

from collections.abc import Sequence

_SLIP_WINDOW = 10


def released_code_accuracy(correct: Sequence[int], sizes: Sequence[int]) -> float:
    """Return an epoch's running training accuracy as the paper's released code adds it up.

    Within a window, the running sums of right and of all samples are added to the epoch's totals at every batch, so
    that the i-th of w batches weighs w - i + 1 times. A window ends after every batch whose index is a positive
    multiple of 10.

    Args:
        correct: Right samples of each batch.
        sizes: Samples of each batch.

    Example:
        >>> released_code_accuracy([0, 10], [10, 10])
        0.3333333333333333
    """
    weights = [_ends_of_window(index, len(sizes)) - index + 1 for index in range(len(sizes))]
    right = sum(weight * value for weight, value in zip(weights, correct, strict=True))
    return right / sum(weight * size for weight, size in zip(weights, sizes, strict=True))


def _ends_of_window(index: int, count: int) -> int:
    """Return the index of the last batch in the same window: windows are 0..10, 11..20, 21..30 and so on."""
    window = max(-(-index // _SLIP_WINDOW), 1)
    return min(window * _SLIP_WINDOW, count - 1)
