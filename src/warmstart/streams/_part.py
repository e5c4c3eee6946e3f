"""A part of the pool, at once."""

from dataclasses import dataclass

from warmstart.basics import InputError, check_in_range, resolve_choices

from ._stream import PassiveStream


@dataclass(frozen=True)
class Part(PassiveStream):
    """A random part of the pool arrives, and nothing after it.

    With a study's ``source``, on which a round is trained before, it is transfer to a second data set of which only so
    much is labelled.

    Args:
        fraction: Share of the pool that arrives, in (0, 1].

    Reference:
        Ash and Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020, figure 9.

    Example:
        >>> Part(0.5).sizes(10)
        [5]
    """

    fraction: float = 1.0

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
        check_in_range("fraction", self.fraction, 0, 1, low_open=True)

    def sizes(self, count: int) -> list[int]:
        """Return the size of the one arrival; see :meth:`Stream.sizes`."""
        size = round(count * self.fraction)
        if size < 2:
            raise InputError(f"fraction must make at least 2 of the {count} samples arrive, got {self.fraction}.")
        return [size]
