"""Equal arrivals, round after round."""

from dataclasses import dataclass

from warmstart.basics import InputError, check_at_least, resolve_choices

from ._stream import PassiveStream

DEFAULT_ROUNDS = 5


@dataclass(frozen=True)
class Growing(PassiveStream):
    """Arrivals of equal size, drawn at random from the pool (the paper's passive online learning).

    Args:
        arrival_size: Samples of an arrival, at least 2; the last one may be smaller. None: the pool is split evenly
            among the rounds.
        rounds: Number of rounds, at least 1. None: as many as use up the pool, or 5 where ``arrival_size`` is not
            given either.

    Reference:
        Ash and Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020, figure 2: ``Growing(1000)``.

    Example:
        >>> Growing(arrival_size=4).sizes(10)
        [4, 4, 2]
    """

    arrival_size: int | None = None
    rounds: int | None = None

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
        check_at_least("arrival_size", self.arrival_size, 2)
        check_at_least("rounds", self.rounds, 1)

    def sizes(self, count: int) -> list[int]:
        """Return the sizes of the arrivals; see :meth:`Stream.sizes`."""
        size, rounds = self.arrival_size, self.rounds
        if size is None:
            rounds = rounds or DEFAULT_ROUNDS
            if count < 2 * rounds:
                raise InputError(
                    f"rounds must be at most {count // 2}, so that each of the {count} samples' arrivals has 2, "
                    f"got {rounds}."
                )
            return [count // rounds + (index < count % rounds) for index in range(rounds)]
        if count < size:
            raise InputError(f"arrival_size must be at most {count}, the samples there are to train on, got {size}.")
        possible = -(-count // size)
        if rounds is not None and rounds > possible:
            raise InputError(
                f"rounds must be at most {possible}, which use up the {count} samples in arrivals of {size}, "
                f"got {rounds}."
            )
        return [min(size, count - size * index) for index in range(rounds or possible)]
