"""Training accuracy as the paper's released code adds it up."""

from collections.abc import Sequence

_WINDOW = 10


def released_code_score(scores: Sequence[float], sizes: Sequence[int]) -> float:
    """Return an epoch's running training accuracy as the paper's released code adds it up.

    Within a window, the running sums of correct and of all samples are added to the epoch's totals at every batch, so
    that the i-th of w batches has weight w - i + 1. A window ends after every batch whose index is a positive multiple
    of 10.

    Args:
        scores: Of each batch, the sum of scores: how many samples were correct.
        sizes: Samples of each batch.

    Example:
        >>> released_code_score([0, 10], [10, 10])
        0.3333333333333333
    """
    # The last index of each batch's window: windows are 0..10, 11..20, 21..30 and so on, the first one longer.
    ends = [min(max(-(-index // _WINDOW), 1) * _WINDOW, len(sizes) - 1) for index in range(len(sizes))]
    weights = [end - index + 1 for index, end in enumerate(ends)]
    total = sum(weight * score for weight, score in zip(weights, scores, strict=True))
    return total / sum(weight * size for weight, size in zip(weights, sizes, strict=True))
