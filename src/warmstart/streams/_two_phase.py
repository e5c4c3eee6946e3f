"""Some of the data, then everything."""

from dataclasses import dataclass

from warmstart.basics import InputError, check_in_range, resolve_choices

from ._stream import PassiveStream


@dataclass(frozen=True)
class TwoPhase(PassiveStream):
    """A random part of the pool arrives first, all the rest second.

    Args:
        fraction: Share of the pool that arrives first, in (0, 1); the paper's is one half.

    Reference:
        Ash and Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020, figure 1 and table 1.

    Example:
        >>> TwoPhase(0.5).sizes(5)
        [2, 3]
    """

    fraction: float = 0.5

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
        check_in_range("fraction", self.fraction, 0, 1, low_open=True, high_open=True)

    def sizes(self, count: int) -> list[int]:
        """Return the sizes of the two arrivals; see :meth:`Stream.sizes`."""
        first = int(count * self.fraction)
        if first < 2 or first == count:
            raise InputError(
                f"fraction must leave at least 2 of the {count} samples for the first round and 1 for the second, "
                f"got {self.fraction}."
            )
        return [first, count - first]
