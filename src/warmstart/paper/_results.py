"""Stored results of an experiment, read out the way its declaration asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

from warmstart.analysis import SeedTable
from warmstart.statistics import Estimate, PairedDifference, PairedRatio, mean_interval, paired_difference, paired_ratio
from warmstart.store import RoundRecord, Store, StudyRecords
from warmstart.studies import Study, read_study

from ._experiment import Case, Experiment
from ._setting import Setting

CONFIDENCE = 0.95
"""Of the intervals, where not several comparisons have to share it."""
FITTED = 0.95
"""Training accuracy from which a model counts as fitted where the stop rule asks for none."""

Read = Callable[[RoundRecord], float | None]


@dataclass(frozen=True)
class ReadValue:
    """What a measurement read at one moment.

    Args:
        epoch: Epochs of the round until then.
        steps: Optimizer steps of the round until then.
        value: The value; None where it is not defined.
    """

    epoch: int
    steps: int
    value: float | None


@dataclass(frozen=True, eq=False)
class CaseResults:
    """The stored results of one study, complete or not.

    Args:
        facets: The study's.
        study: The study.
        records: Its finished rounds.
        histories: What is known of their epochs, by arm, seed and round.
    """

    facets: Mapping[str, str]
    study: Study
    records: StudyRecords
    histories: Mapping[tuple[str, int, int], Mapping[str, Any]]

    @cached_property
    def table(self) -> SeedTable:
        """The finished rounds, in columns over all planned seeds: those of two studies are aligned."""
        return replace(SeedTable.of(self.records.rounds), seeds=tuple(range(self.study.seeds)))

    @property
    def arms(self) -> tuple[str, ...]:
        """Labels of the arms, in the study's order."""
        return self.study.labels

    @property
    def rounds(self) -> int:
        """How many rounds a trial has."""
        return self.records.rounds_expected

    @property
    def complete(self) -> bool:
        """Whether every round of every trial has finished."""
        return len(self.records.rounds) >= len(self.arms) * self.study.seeds * self.rounds

    def column(self, arm: str, read: Read, round: int | None = None) -> list[float | None]:
        """Return one value per seed, by default of the last round."""
        return self.table.column(arm, round or self.rounds, read)

    def accuracies(self, arm: str, round: int | None = None) -> list[float | None]:
        """Return the accuracy per seed, in [0, 1]."""
        return self.column(arm, lambda record: record.accuracy, round)

    def mean_accuracies(self, arm: str, rounds: Sequence[int]) -> list[float | None]:
        """Return the mean accuracy over some rounds per seed; None where one of them has none."""
        columns = [self.accuracies(arm, number) for number in rounds]
        return [_mean(values) for values in zip(*columns, strict=True)]

    def accuracy(self, arm: str, round: int | None = None) -> Estimate:
        """Return the mean accuracy over seeds."""
        return mean_interval(self.accuracies(arm, round))

    def costs(self, arm: str, cost: str = "steps", *, total: bool = False) -> list[float | None]:
        """Return a cost per seed, of the last round or of all; None where training diverged, which is cheap."""
        numbers = range(1, self.rounds + 1) if total else (self.rounds,)
        diverged = [self.column(arm, lambda record: record.stop_reason == "diverged", number) for number in numbers]
        costs = self.table.totals(arm, self.rounds, cost) if total else self.table.costs(arm, self.rounds, cost)
        return [None if any(flags) else value for flags, value in zip(zip(*diverged, strict=True), costs, strict=True)]

    def cost(self, arm: str, cost: str = "steps", *, total: bool = False) -> Estimate:
        """Return the mean of a cost over seeds."""
        return mean_interval(self.costs(arm, cost, total=total))

    def difference(
        self, arm: str, reference: str = "cold", round: int | None = None, *, confidence: float = CONFIDENCE
    ) -> PairedDifference:
        """Return the paired difference of two arms' accuracies."""
        left, right = self.accuracies(arm, round), self.accuracies(reference, round)
        return paired_difference(left, right, confidence=confidence)

    def mean_difference(self, arm: str, reference: str, rounds: Sequence[int]) -> PairedDifference:
        """Return the paired difference of two arms' mean accuracies over some rounds."""
        return paired_difference(self.mean_accuracies(arm, rounds), self.mean_accuracies(reference, rounds))

    def cost_ratio(
        self,
        arm: str,
        reference: str = "cold",
        cost: str = "steps",
        *,
        total: bool = False,
        confidence: float = CONFIDENCE,
    ) -> PairedRatio:
        """Return the paired ratio of two arms' costs."""
        left, right = self.costs(arm, cost, total=total), self.costs(reference, cost, total=total)
        return paired_ratio(left, right, confidence=confidence)

    def samples_seen(self, round: int) -> int:
        """Return how many samples had arrived by a round."""
        return max((record.samples_seen for record in self.records.rounds if record.round == round), default=0)

    def readings(self, arm: str, name: str, round: int | None = None) -> list[list[ReadValue]]:
        """Return what measurements read under ``name``, in order, one list for each seed; empty where it is missing."""
        number = round or self.rounds
        return [self._readings(arm, seed, number, name) for seed in range(self.study.seeds)]

    def reading(self, arm: str, name: str, round: int | None = None) -> list[float | None]:
        """Return the last value that measurements read under ``name``, per seed."""
        return [found[-1].value if found else None for found in self.readings(arm, name, round)]

    def _readings(self, arm: str, seed: int, number: int, name: str) -> list[ReadValue]:
        found = self.histories.get((arm, seed, number), {}).get("readings", [])
        return [ReadValue(entry["epoch"], entry["steps"], entry["value"]) for entry in found if entry["name"] == name]

    def untrained(self, arms: Sequence[str]) -> str | None:
        """Say why rounds of one of these arms cannot be judged as trained; None if all can.

        They cannot where training diverged, or where most were cut off before the model had fitted its data or, for
        models that need not fit them, before training accuracy stopped improving. Of arms that continue from the
        previous model every round counts, of others the last one.
        """
        rounds = ((arm, number) for arm in arms for number in self._that_count(arm))
        reasons = (self._diverged(arm, number) or self._cut_off(arm, number) for arm, number in rounds)
        return next((reason for reason in reasons if reason is not None), None)

    def _that_count(self, label: str) -> Sequence[int]:
        arm = self.study.arm(label)
        # A first round of so many epochs is meant to be as short as it is.
        first = (1 if arm.first_epochs is None else 2) if arm.strategy.continues else self.rounds
        return range(min(first, self.rounds), self.rounds + 1)

    def _diverged(self, arm: str, number: int) -> str | None:
        found = self.table.at(arm, number)
        count = sum(record.stop_reason == "diverged" for record in found)
        return f"Training diverged in {count} of {len(found)} {self._called(number)} of {arm}." if count else None

    def _cut_off(self, arm: str, number: int) -> str | None:
        stop, found = self.study.stop, self.table.at(arm, number)
        target = stop.train_accuracy or FITTED
        waits = stop.patience is not None
        capped = [r for r in found if r.stop_reason == "limit" and (waits or r.train_accuracy < target)]
        if 2 * len(capped) <= len(found):
            return None
        reached = 100 * fmean(record.train_accuracy for record in capped)
        aim = "before training accuracy stopped improving" if waits else f"not {100 * target:g} %"
        return (
            f"The scale cannot test it: {len(capped)} of {len(found)} {self._called(number)} of {arm} ended at the "
            f"limit of {stop.max_epochs} epochs, at {reached:.0f} % training accuracy, {aim}."
        )

    def _called(self, number: int) -> str:
        return {1: "first rounds", self.rounds: "last rounds"}.get(number, f"rounds number {number}")


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None


@dataclass(frozen=True, eq=False)
class Results:
    """The stored results of one experiment.

    Args:
        experiment: The declaration.
        setting: In which it ran.
        cases: Of those studies that have been begun.
        cases_planned: How many studies there are.
    """

    experiment: Experiment
    setting: Setting
    cases: tuple[CaseResults, ...]
    cases_planned: int

    def where(self, **facets: str) -> list[CaseResults]:
        """Return the studies with these facets."""
        return [case for case in self.cases if all(case.facets.get(key) == value for key, value in facets.items())]

    def first(self, **facets: str) -> CaseResults | None:
        """Return the first study with these facets; None if there is none."""
        return next(iter(self.where(**facets)), None)

    @property
    def rounds_finished(self) -> int:
        """Finished rounds of all studies."""
        return sum(len(case.records.rounds) for case in self.cases)


def read_results(experiment: Experiment, setting: Setting, directory: Path) -> Results:
    """Read what is stored of an experiment.

    Args:
        experiment: The declaration.
        setting: In which it ran.
        directory: With the studies' directories.
    """
    cases = list(experiment.cases(setting))
    return Results(experiment, setting, tuple(_stored(cases, directory)), len(cases))


def _stored(cases: Sequence[Case], directory: Path) -> Iterator[CaseResults]:
    for case in cases:
        store = Store(directory / case.folder)
        if store.exists():
            yield CaseResults(case.facets, case.study, read_study(store.directory), store.histories())
