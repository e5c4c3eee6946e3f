"""The records seen from one reference arm, at one compared round."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from warmstart.statistics import PairedDifference, mean_interval, paired_difference, paired_ratio
from warmstart.store import COSTS, STOP_REASONS, RoundRecord, StudyRecords

from ._auto_seeds import AutoSeeds, read_seeds
from ._seed_table import SeedTable
from ._summary_types import ArmSummary, CostSummary, RoundSummary, counted_costs
from ._verdict import Facts, difference_words

Read = Callable[[str, int, str], list[float | None]]


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
        """Choose the round to compare at: the latest that all arms which have begun finished for a common seed."""
        table = SeedTable.of(records.rounds)
        # An arm that has not begun must not keep the others from being compared.
        started = [arm for arm in records.arms if table.arm(arm)]
        numbers = {record.round for record in records.rounds}
        shared = {
            number
            for number in numbers
            # One common seed is enough: a study that runs seed by seed has an answer after its first.
            if any(all((arm, seed, number) in table.cells for arm in started) for seed in table.seeds)
        }
        return cls(records, table, reference, max(shared or numbers, default=0), confidence)

    @property
    def auto_seeds(self) -> AutoSeeds | None:
        """The rule by which results decided how many seeds there are; None: their number was given."""
        seeds = read_seeds(self.records.study.get("seeds", 1))
        return seeds if isinstance(seeds, AutoSeeds) else None

    @property
    def numbers(self) -> list[int]:
        """The rounds that any trial has finished."""
        return sorted({record.round for record in self.records.rounds})

    def has(self, arm: str, number: int) -> bool:
        """Return whether any seed of the arm has finished the round."""
        return bool(self.table.at(arm, number))

    def arm(self, arm: str) -> ArmSummary:
        """Summarize an arm at the compared round."""
        last, finished = self.table.at(arm, self.compared_round), self.table.arm(arm)
        difference = self._score_difference(arm, self.compared_round)
        return ArmSummary(
            arm=arm,
            seeds=len(last),
            diverged=sum(record.score is None for record in last),
            score=mean_interval((record.score for record in last), confidence=self.confidence),
            score_difference=difference,
            words="" if difference is None else difference_words(self.records.metric, difference),
            total={cost: self._cost(arm, self.table.totals, cost) for cost in COSTS},
            last_round={cost: self._cost(arm, self.table.costs, cost) for cost in COSTS},
            stop_reasons={reason: sum(record.stop_reason == reason for record in finished) for reason in STOP_REASONS},
        )

    def round(self, arm: str, number: int) -> RoundSummary:
        """Summarize one round of an arm."""
        table, confidence = self.table, self.confidence
        return RoundSummary(
            arm=arm,
            round=number,
            samples_seen=_samples_seen(table.at(arm, number)),
            score=mean_interval(table.column(arm, number, _score), confidence=confidence),
            score_difference=self._score_difference(arm, number),
            cost={cost: mean_interval(table.costs(arm, number, cost), confidence=confidence) for cost in COSTS},
            cumulative={cost: mean_interval(table.totals(arm, number, cost), confidence=confidence) for cost in COSTS},
        )

    def facts(self, arms: tuple[ArmSummary, ...]) -> Facts:
        """Gather what the verdict needs."""
        records, plateaus = self.records, {}
        for arm in records.arms:
            ended = (record.train_score for record in self.table.arm(arm) if record.stop_reason == "plateau")
            plateaus[arm] = mean_interval(ended).mean
        # Studies of 0.1 name the target by its metric.
        stop = records.study.get("stop", {})
        target = stop.get("train_score", stop.get("train_accuracy"))
        if stop.get("early_stopping") == "on" and "train_score" not in stop:
            target = None  # the validation loss decides; no round was asked to fit its training data
        return Facts(
            metric=records.metric,
            arms=arms,
            reference=self.reference,
            rounds_finished=len(self.table.cells),
            rounds_planned=len(records.arms) * records.seeds_expected * records.rounds_expected,
            rounds_expected=records.rounds_expected,
            compared_round=self.compared_round,
            samples_seen=_samples_seen([cell for arm in arms for cell in self.table.at(arm.arm, self.compared_round)]),
            cost=counted_costs(records.rounds)[0],
            # A resolved study writes "none" for None.
            train_target=float(target) if isinstance(target, int | float) else None,
            # A learner of the user's own ends its rounds as it likes.
            has_stopping_rule="stop" in records.study or "learner" not in records.study,
            auto_seeds=self.auto_seeds,
            plateaus={arm: mean for arm, mean in plateaus.items() if mean is not None},
        )

    def _score_difference(self, arm: str, number: int) -> PairedDifference | None:
        # None, not a difference of zero: the reference with itself has nothing to detect.
        if arm == self.reference:
            return None
        values, reference = (self.table.column(one, number, _score) for one in (arm, self.reference))
        sequential = self.auto_seeds is not None
        return paired_difference(values, reference, confidence=self.confidence, sequential=sequential)

    def _cost(self, arm: str, read: Read, cost: str) -> CostSummary:
        values = read(arm, self.compared_round, cost)
        value = mean_interval(values, confidence=self.confidence)
        if arm == self.reference:
            return CostSummary(value, None, None)
        reference = read(self.reference, self.compared_round, cost)
        how = {"confidence": self.confidence, "sequential": self.auto_seeds is not None}
        return CostSummary(value, paired_difference(values, reference, **how), paired_ratio(values, reference, **how))


def _score(record: RoundRecord) -> float | None:
    return record.score


def _samples_seen(records: Sequence[RoundRecord]) -> int:
    return round(sum(record.samples_seen for record in records) / max(1, len(records)))
