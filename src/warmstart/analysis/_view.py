"""The records seen from one reference arm, at one compared round."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter

from warmstart.basics import Metric
from warmstart.statistics import Estimate, PairedDifference, mean_interval, paired_difference, paired_ratio
from warmstart.store import COSTS, STOP_REASONS, RoundRecord, StudyRecords

from ._auto_seeds import AutoSeeds, read_seeds
from ._seed_table import Measure, SeedTable
from ._summary_types import ArmSummary, CostSummary, RoundSummary, counted_costs, score_of
from ._verdict import Facts, difference_words

Read = Callable[[str, int], list[float | None]]


@dataclass(frozen=True)
class View:
    """The records as a table, with what every comparison in it shares."""

    records: StudyRecords
    table: SeedTable
    reference: str
    compared_round: int
    confidence: float
    metric: Metric
    metric_key: str | None

    @classmethod
    def of(
        cls, records: StudyRecords, confidence: float, reference: str, metric: Metric, metric_key: str | None
    ) -> "View":
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
        return cls(records, table, reference, max(shared or numbers, default=0), confidence, metric, metric_key)

    @property
    def auto_seeds(self) -> AutoSeeds | None:
        """The rule by which results decided how many seeds there are; None: their number was given."""
        seeds = read_seeds(self.records.study.get("seeds", 1))
        return seeds if isinstance(seeds, AutoSeeds) else None

    @property
    def numbers(self) -> list[int]:
        """The rounds that any trial has finished."""
        return sorted({record.round for record in self.records.rounds})

    def score(self, record: RoundRecord) -> float | None:
        """Return the score that is compared."""
        return score_of(record, self.metric_key)

    @cached_property
    def has_training_scores(self) -> bool:
        """Whether training scores are in the unit of the learner's metric."""
        # A training score is higher for better models. What falls below zero beside an error is minus a loss of scaled
        # targets, as built-in learners of numbers report it, which nothing else can be compared with.
        is_error = not self.records.metric.higher_is_better
        return not (is_error and any((record.train_score or 0.0) < 0 for record in self.records.rounds))

    def train_score(self, record: RoundRecord) -> float | None:
        """Return the training score, where it can be compared with that of the evaluation."""
        return record.train_score if self.has_training_scores else None

    def has(self, arm: str, number: int) -> bool:
        """Return whether any seed of the arm has finished the round."""
        return bool(self.table.at(arm, number))

    def arm(self, arm: str) -> ArmSummary:
        """Summarize an arm at the compared round."""
        table, number = self.table, self.compared_round
        last, finished = table.at(arm, number), table.arm(arm)
        difference = self._difference(arm, lambda one, at: table.column(one, at, self.score))
        ahead = _mean_over_rounds(table, attrgetter("next_score"))
        names = dict.fromkeys(name for record in last for name in record.metrics)
        return ArmSummary(
            arm=arm,
            seeds=len(last),
            # Not those without a score: some metrics do not exist for some evaluation data.
            diverged=sum(record.stop_reason == "diverged" for record in last),
            score=self._mean(arm, number, self.score),
            score_difference=difference,
            words="" if difference is None else difference_words(self.metric, difference),
            own_score=self._mean(arm, number, attrgetter("score")),
            train_score=self._mean(arm, number, self.train_score),
            metrics={
                name: self._mean(arm, number, lambda record, name=name: record.metrics.get(name)) for name in names
            },
            churn=self._compared(arm, _mean_over_rounds(table, attrgetter("churn"))),
            negative_flips=self._compared(arm, _mean_over_rounds(table, attrgetter("negative_flips"))),
            next_score=mean_interval(ahead(arm, number), confidence=self.confidence),
            next_difference=self._difference(arm, ahead),
            total={cost: self._compared(arm, lambda one, at, cost=cost: table.totals(one, at, cost)) for cost in COSTS},
            last_round={
                cost: self._compared(arm, lambda one, at, cost=cost: table.costs(one, at, cost)) for cost in COSTS
            },
            stop_reasons={reason: sum(record.stop_reason == reason for record in finished) for reason in STOP_REASONS},
        )

    def round(self, arm: str, number: int) -> RoundSummary:
        """Summarize one round of an arm."""
        table, confidence = self.table, self.confidence
        names = dict.fromkeys(name for record in table.at(arm, number) for name in record.next_baselines)
        return RoundSummary(
            arm=arm,
            round=number,
            samples_seen=_samples_seen(table.at(arm, number)),
            score=self._mean(arm, number, self.score),
            score_difference=self._difference(arm, lambda one, at: table.column(one, at, self.score), number),
            train_score=self._mean(arm, number, self.train_score),
            next_score=self._mean(arm, number, attrgetter("next_score")),
            churn=self._mean(arm, number, attrgetter("churn")),
            negative_flips=self._mean(arm, number, attrgetter("negative_flips")),
            next_baselines={
                name: self._mean(arm, number, lambda record, name=name: record.next_baselines.get(name))
                for name in names
            },
            cost={cost: mean_interval(table.costs(arm, number, cost), confidence=confidence) for cost in COSTS},
            cumulative={cost: mean_interval(table.totals(arm, number, cost), confidence=confidence) for cost in COSTS},
        )

    def baselines(self) -> dict[str, dict[str, Estimate]]:
        """Return the metrics of the baselines at the compared round, by names of baseline and metric."""
        values: dict[str, dict[str, list[float]]] = {}
        for seed in self.table.seeds:
            records = (self.table.cells.get((arm, seed, self.compared_round)) for arm in self.records.arms)
            # They learn nothing from a strategy: of each seed one trial says it all.
            found = next((record.baselines for record in records if record is not None and record.baselines), {})
            for name, metrics in found.items():
                for key, value in metrics.items():
                    values.setdefault(name, {}).setdefault(key, []).append(value)
        return {
            name: {key: mean_interval(column, confidence=self.confidence) for key, column in metrics.items()}
            for name, metrics in values.items()
        }

    def next_baselines(self) -> dict[str, Estimate]:
        """Return the scores of the baselines on the next arrival, mean over rounds."""
        names = dict.fromkeys(name for record in self.records.rounds for name in record.next_baselines)
        return {
            name: mean_interval(
                self.table.averages(
                    self.reference, self.compared_round, lambda record, name=name: record.next_baselines.get(name)
                ),
                confidence=self.confidence,
            )
            for name in names
        }

    def above_baseline(self, arm: str, baseline: str) -> PairedDifference:
        """Return the compared score of an arm minus that of a baseline on the same data."""
        key = self.metric_key or self.records.metric.name
        scores, levels = (
            self.table.column(arm, self.compared_round, measure)
            for measure in (self.score, lambda record: record.baselines.get(baseline, {}).get(key))
        )
        return paired_difference(scores, levels, confidence=self.confidence)

    def plateau(self, arm: str) -> Estimate:
        """Return the training score of those rounds of an arm that ended on a plateau, as the stopping rule has it."""
        return mean_interval(one.train_score for one in self.table.arm(arm) if one.stop_reason == "plateau")

    def above_holdout(self, arm: str) -> tuple[Estimate, PairedDifference]:
        """Return the learner's own score on held-out data over the rounds with a next arrival, and next minus that."""

        def held_out(record: RoundRecord) -> float | None:
            return None if record.next_score is None else record.score

        columns = [self.table.averages(arm, self.compared_round, one) for one in (attrgetter("next_score"), held_out)]
        return (
            mean_interval(columns[1], confidence=self.confidence),
            paired_difference(*columns, confidence=self.confidence),
        )

    def facts(self, arms: tuple[ArmSummary, ...]) -> Facts:
        """Gather what the verdict needs."""
        records = self.records
        return Facts(
            metric=self.metric,
            arms=arms,
            reference=self.reference,
            rounds_finished=len(self.table.cells),
            rounds_planned=len(records.arms) * records.seeds_expected * records.rounds_expected,
            rounds_expected=records.rounds_expected,
            compared_round=self.compared_round,
            samples_seen=_samples_seen([cell for arm in arms for cell in self.table.at(arm.arm, self.compared_round)]),
            cost=counted_costs(records.rounds)[0],
            auto_seeds=self.auto_seeds,
        )

    def _mean(self, arm: str, number: int, measure: Measure) -> Estimate:
        return mean_interval(self.table.column(arm, number, measure), confidence=self.confidence)

    def _difference(self, arm: str, read: Read, number: int | None = None) -> PairedDifference | None:
        # None, not a difference of zero: the reference with itself has nothing to detect.
        if arm == self.reference:
            return None
        values, reference = (read(one, number or self.compared_round) for one in (arm, self.reference))
        sequential = self.auto_seeds is not None
        return paired_difference(values, reference, confidence=self.confidence, sequential=sequential)

    def _compared(self, arm: str, read: Read) -> CostSummary:
        values = read(arm, self.compared_round)
        value = mean_interval(values, confidence=self.confidence)
        if arm == self.reference:
            return CostSummary(value, None, None)
        reference = read(self.reference, self.compared_round)
        how = {"confidence": self.confidence, "sequential": self.auto_seeds is not None}
        return CostSummary(value, paired_difference(values, reference, **how), paired_ratio(values, reference, **how))


def _mean_over_rounds(table: SeedTable, measure: Measure) -> Read:
    return lambda arm, number: table.averages(arm, number, measure)


def _samples_seen(records: Sequence[RoundRecord]) -> int:
    return round(sum(record.samples_seen for record in records) / max(1, len(records)))
