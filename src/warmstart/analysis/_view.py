"""The records seen from one reference arm, at one compared round."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from warmstart.statistics import PairedDifference, describe_difference, mean_interval, paired_difference, paired_ratio
from warmstart.store import COSTS, STOP_REASONS, RoundRecord, StudyRecords

from ._seed_table import SeedTable
from ._summary_types import ArmSummary, CostSummary, RoundSummary
from ._verdict import Facts

Read = Callable[[str, int, str], list[float | None]]


def reference_arm(arms: Sequence[str]) -> str:
    """Return the arm that the others are compared with: ``cold``, else the first.

    Example:
        >>> reference_arm(["warm", "cold"]), reference_arm(["warm", "random"])
        ('cold', 'warm')
    """
    return "cold" if "cold" in arms else arms[0]


@dataclass(frozen=True)
class View:
    """The records as a table, with what every comparison in it shares."""

    records: StudyRecords
    table: SeedTable
    reference: str
    compared_round: int
    confidence: float

    @classmethod
    def of(cls, records: StudyRecords, confidence: float, reference: str) -> "View":
        """Choose the reference and the round to compare at."""
        table = SeedTable.of(records.rounds)
        return cls(records, table, reference, _compared_round(table, records.arms), confidence)

    @property
    def numbers(self) -> list[int]:
        """The rounds that any trial has finished."""
        return sorted({record.round for record in self.records.rounds})

    def has(self, arm: str, number: int) -> bool:
        """Return whether any seed of the arm has finished the round."""
        return bool(self.table.at(arm, number))

    def arm(self, arm: str) -> ArmSummary:
        """Summarize an arm at the compared round."""
        last = self.table.at(arm, self.compared_round)
        difference = self._accuracy_difference(arm, self.compared_round)
        return ArmSummary(
            arm=arm,
            seeds=len(last),
            diverged=sum(record.accuracy is None for record in last),
            accuracy=mean_interval((record.accuracy for record in last), confidence=self.confidence),
            accuracy_difference=difference,
            words="" if difference is None else describe_difference(difference),
            total={cost: self._cost(arm, self.table.totals, cost) for cost in COSTS},
            last_round={cost: self._cost(arm, self.table.costs, cost) for cost in COSTS},
            stop_reasons=_stop_reasons(self.table.arm(arm)),
        )

    def round(self, arm: str, number: int) -> RoundSummary:
        """Summarize one round of an arm."""
        table, confidence = self.table, self.confidence
        return RoundSummary(
            arm=arm,
            round=number,
            samples_seen=_samples_seen(table.at(arm, number)),
            accuracy=mean_interval(table.column(arm, number, _accuracy), confidence=confidence),
            accuracy_difference=self._accuracy_difference(arm, number),
            cost={cost: mean_interval(table.costs(arm, number, cost), confidence=confidence) for cost in COSTS},
            cumulative={cost: mean_interval(table.totals(arm, number, cost), confidence=confidence) for cost in COSTS},
        )

    def facts(self, arms: tuple[ArmSummary, ...]) -> Facts:
        """Gather what the verdict needs."""
        records = self.records
        return Facts(
            arms=arms,
            reference=self.reference,
            rounds_finished=len(self.table.cells),
            rounds_planned=len(records.arms) * records.seeds_expected * records.rounds_expected,
            rounds_expected=records.rounds_expected,
            compared_round=self.compared_round,
            samples_seen=_samples_seen([cell for arm in arms for cell in self.table.at(arm.arm, self.compared_round)]),
            train_accuracy=_train_accuracy(records.study),
            plateaus={arm: mean for arm in records.arms if (mean := _plateau(self.table.arm(arm))) is not None},
        )

    def _accuracy_difference(self, arm: str, number: int) -> PairedDifference | None:
        if arm == self.reference:
            return None
        column = self.table.column
        values, reference = column(arm, number, _accuracy), column(self.reference, number, _accuracy)
        return paired_difference(values, reference, confidence=self.confidence)

    def _cost(self, arm: str, read: Read, cost: str) -> CostSummary:
        values = read(arm, self.compared_round, cost)
        value = mean_interval(values, confidence=self.confidence)
        if arm == self.reference:
            return CostSummary(value, None, None)
        reference = read(self.reference, self.compared_round, cost)
        difference = paired_difference(values, reference, confidence=self.confidence)
        return CostSummary(value, difference, paired_ratio(values, reference, confidence=self.confidence))


def _accuracy(record: RoundRecord) -> float | None:
    return record.accuracy


def _samples_seen(records: Sequence[RoundRecord]) -> int:
    return round(sum(record.samples_seen for record in records) / max(1, len(records)))


def _stop_reasons(records: Sequence[RoundRecord]) -> dict[str, int]:
    return {stop_reason: sum(record.stop_reason == stop_reason for record in records) for stop_reason in STOP_REASONS}


def _plateau(records: Sequence[RoundRecord]) -> float | None:
    """Return the mean training accuracy of the rounds that ended on a plateau, None if none did."""
    return mean_interval(record.train_accuracy for record in records if record.stop_reason == "plateau").mean


def _train_accuracy(study: Mapping[str, Any]) -> float | None:
    """Return the training accuracy that the study's stop rule asks for; a resolved study writes "none" for None."""
    value = study.get("stop", {}).get("train_accuracy")
    return float(value) if isinstance(value, int | float) else None


def _compared_round(table: SeedTable, arms: Sequence[str]) -> int:
    started = [arm for arm in arms if table.arm(arm)]
    numbers = {record.round for record in table.cells.values()}

    def shared(number: int) -> bool:
        return any(all((arm, seed, number) in table.cells for arm in started) for seed in table.seeds)

    return max(filter(shared, numbers), default=max(numbers, default=0))
