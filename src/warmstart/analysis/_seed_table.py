"""The finished rounds, read out as columns over seeds."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter

from warmstart.store import RoundRecord

Measure = Callable[[RoundRecord], float | None]


@dataclass(frozen=True)
class SeedTable:
    """The finished rounds by arm, seed and round, read out as columns that are aligned over seeds.

    Example:
        >>> record = RoundRecord("cold", 3, 1, 10, 10, 0.5, {}, 1.0, "converged", 2, 4, 20, None, 1e3, 0.1)
        >>> table = SeedTable.of([record])
        >>> table.column("cold", 1, lambda record: record.score), table.column("warm", 1, lambda record: record.score)
        ([0.5], [None])
    """

    cells: Mapping[tuple[str, int, int], RoundRecord]
    seeds: tuple[int, ...]
    # What was added up already: by arm and cost a column for every round, that of round 0 in front.
    _sums: dict[tuple[str, str], list[list[float | None]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def of(cls, rounds: Iterable[RoundRecord]) -> "SeedTable":
        """Sort the records into a table."""
        cells = {(record.arm, record.seed, record.round): record for record in rounds}
        return cls(cells, tuple(sorted({seed for _, seed, _ in cells})))

    def arm(self, arm: str) -> list[RoundRecord]:
        """Return all finished rounds of an arm."""
        return [record for record in self.cells.values() if record.arm == arm]

    def at(self, arm: str, round: int) -> list[RoundRecord]:
        """Return one round of an arm, over the seeds that have finished it."""
        # Unlike a column it has no gaps: for means and counts, not for pairing.
        return [self.cells[arm, seed, round] for seed in self.seeds if (arm, seed, round) in self.cells]

    def column(self, arm: str, round: int, measure: Measure) -> list[float | None]:
        """Return one value per seed, None where the round has not finished."""
        # Over all seeds of the table, not of the arm: so that two columns can be paired place by place.
        records = (self.cells.get((arm, seed, round)) for seed in self.seeds)
        return [None if record is None else measure(record) for record in records]

    def totals(self, arm: str, round: int, cost: str) -> list[float | None]:
        """Return one cost summed over rounds 1 to ``round`` per seed, None where one of them has not finished."""
        # Each round is added to the sums of the one before: from the first round on for each would be rounds squared.
        sums = self._sums.setdefault((arm, cost), [[0.0] * len(self.seeds)])
        while len(sums) <= round:
            pairs = zip(sums[-1], self.costs(arm, len(sums), cost), strict=True)
            sums.append([None if so_far is None or added is None else so_far + added for so_far, added in pairs])
        return sums[round]

    def averages(self, arm: str, round: int, measure: Measure) -> list[float | None]:
        """Return the mean of a measure over rounds 1 to ``round`` per seed.

        A seed has none if it lacks a value in a round for which any trial has one: means over different rounds are not
        comparable. Rounds for which nobody has one, such as the first for churn, are left out.
        """
        numbers = {cell.round for cell in self.cells.values() if cell.round <= round and measure(cell) is not None}
        columns = [self.column(arm, number, measure) for number in sorted(numbers)]
        means: list[float | None] = []
        for place in range(len(self.seeds)):
            values = [value for column in columns if (value := column[place]) is not None]
            means.append(math.fsum(values) / len(values) if values and len(values) == len(columns) else None)
        return means

    def costs(self, arm: str, round: int, cost: str) -> list[float | None]:
        """Return one cost of one round per seed."""
        return self.column(arm, round, attrgetter(cost))
