"""The finished rounds, read out as columns over seeds."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from warmstart.store import RoundRecord

Measure = Callable[[RoundRecord], float | None]


@dataclass(frozen=True)
class SeedTable:
    """The finished rounds by arm, seed and round, read out as columns that are aligned over seeds.

    Example:
        >>> record = RoundRecord("cold", 3, 1, 10, 10, 0.5, 1.0, 1.0, "converged", 2, 4, 20, 1e3, 0.1)
        >>> table = SeedTable.of([record])
        >>> table.column("cold", 1, lambda record: record.accuracy), table.column("warm", 1, lambda record: record.loss)
        ([0.5], [None])
    """

    cells: Mapping[tuple[str, int, int], RoundRecord]
    seeds: tuple[int, ...]

    @classmethod
    def of(cls, rounds: Iterable[RoundRecord]) -> "SeedTable":
        """Sort the records into a table."""
        cells = {(record.arm, record.seed, record.round): record for record in rounds}
        return cls(cells, tuple(sorted({seed for _, seed, _ in cells})))

    def arm(self, arm: str) -> list[RoundRecord]:
        """Return all finished rounds of an arm."""
        return self._by_arm.get(arm, [])

    def at(self, arm: str, round: int) -> list[RoundRecord]:
        """Return one round of an arm, over the seeds that have finished it."""
        return [self.cells[arm, seed, round] for seed in self.seeds if (arm, seed, round) in self.cells]

    def column(self, arm: str, round: int, measure: Measure) -> list[float | None]:
        """Return one value per seed, None where the round has not finished."""
        records = (self.cells.get((arm, seed, round)) for seed in self.seeds)
        return [None if record is None else measure(record) for record in records]

    def totals(self, arm: str, round: int, cost: str) -> list[float | None]:
        """Return one cost summed over rounds 1 to ``round`` per seed, None where one of them has not finished."""
        # Each round is added to the sums of the one before: from the first round on for each would be rounds squared.
        sums = self._sums.setdefault((arm, cost), [[0.0] * len(self.seeds)])
        while len(sums) <= round:
            added = self.costs(arm, len(sums), cost)
            sums.append([_sum(pair) for pair in zip(sums[-1], added, strict=True)])
        return sums[round]

    def costs(self, arm: str, round: int, cost: str) -> list[float | None]:
        """Return one cost of one round per seed."""
        return self.column(arm, round, _field(cost))

    @cached_property
    def _by_arm(self) -> dict[str, list[RoundRecord]]:
        records: dict[str, list[RoundRecord]] = {}
        for record in self.cells.values():
            records.setdefault(record.arm, []).append(record)
        return records

    @cached_property
    def _sums(self) -> dict[tuple[str, str], list[list[float | None]]]:
        """What was added up already: by arm and cost a column for every round, that of round 0 in front."""
        return {}


def _field(name: str) -> Measure:
    return lambda record: getattr(record, name)


def _sum(pair: tuple[float | None, float | None]) -> float | None:
    one, other = pair
    return None if one is None or other is None else one + other
