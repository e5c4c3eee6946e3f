"""Stored results of an experiment, in the form that its declaration needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

from warmstart.analysis import SeedTable
from warmstart.statistics import Estimate, PairedDifference, PairedRatio, mean_interval, paired_difference, paired_ratio
from warmstart.store import RoundRecord, StudyRecords
from warmstart.studies import Study, has_study, read_histories, read_study

from .experiment import Case, Experiment
from .setting import CONFIDENCE, Setting

# Training accuracy from which a model counts as fitted where the stopping rule has no target.
FITTED = 0.95
# Training accuracy is level where it rises by no more than this from one fifth of the epochs to the next; of fewer
# epochs than these nothing is said.
LEVEL, FEWEST_FOR_LEVEL = 0.005, 15

Read = Callable[[RoundRecord], float | None]


@dataclass(frozen=True)
class Reading:
    """The value of a measurement at one moment.

    Args:
        epoch: Epochs of the round until then.
        steps: Optimizer steps of the round until then.
        value: The value; None where it is undefined.
    """

    epoch: int
    steps: int
    value: float | None


@dataclass(frozen=True, eq=False)
class CaseResults:
    """The stored results of one study, complete or not.

    Args:
        facets: Facets of the study.
        study: The study.
        records: Its finished rounds.
        histories: Epochs and readings of its rounds, by arm, seed and round.
        confidence: Confidence of the intervals that verdicts rest on; tables and charts keep 95 %.
    """

    facets: Mapping[str, str]
    study: Study
    records: StudyRecords
    histories: Mapping[tuple[str, int, int], Mapping[str, Any]]
    confidence: float = CONFIDENCE

    @cached_property
    def table(self) -> SeedTable:
        """The finished rounds, in columns over all planned seeds."""
        # Seeds that have not begun are columns, too: two studies are paired by position.
        return replace(SeedTable.of(self.records.rounds), seeds=tuple(range(self.study.max_seeds)))

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
        return len(self.records.rounds) >= len(self.arms) * self.study.max_seeds * self.rounds

    def column(self, arm: str, read: Read, round: int | None = None) -> list[float | None]:
        """Return one value per seed, by default of the last round."""
        return self.table.column(arm, round or self.rounds, read)

    def accuracies(self, arm: str, round: int | None = None) -> list[float | None]:
        """Return the accuracy per seed, in [0, 1]."""
        return self.column(arm, lambda record: record.score, round)

    def mean_accuracies(self, arm: str, rounds: Sequence[int]) -> list[float | None]:
        """Return the mean accuracy over some rounds per seed; None where one of them has none."""
        columns = [self.accuracies(arm, number) for number in rounds]
        # A mean over the rounds that there are would be compared with a mean over all of them.
        by_seed = zip(*columns, strict=True)
        return [None if None in values else fmean(v for v in values if v is not None) for values in by_seed]

    def accuracy(self, arm: str, round: int | None = None) -> Estimate:
        """Return the mean accuracy over seeds."""
        return mean_interval(self.accuracies(arm, round))

    def costs(self, arm: str, cost: str = "steps", *, total: bool = False) -> list[float | None]:
        """Return a cost per seed, of the last round or of all; None where training diverged."""
        # A round that diverges stops early: counted, it would make its arm look cheap.
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

    def mean_difference(
        self, arm: str, reference: str, rounds: Sequence[int], *, confidence: float = CONFIDENCE
    ) -> PairedDifference:
        """Return the paired difference of two arms' mean accuracies over some rounds."""
        left, right = self.mean_accuracies(arm, rounds), self.mean_accuracies(reference, rounds)
        return paired_difference(left, right, confidence=confidence)

    def cost_ratio(
        self, arm: str, reference: str = "cold", cost: str = "steps", *, confidence: float = CONFIDENCE
    ) -> PairedRatio:
        """Return the paired ratio of two arms' costs of the last round."""
        return paired_ratio(self.costs(arm, cost), self.costs(reference, cost), confidence=confidence)

    def samples_seen(self, round: int) -> int:
        """Return how many samples had arrived by a round."""
        # The same for all trials of a study, of which some may not have got there yet.
        return max((record.samples_seen for record in self.records.rounds if record.round == round), default=0)

    def readings(self, arm: str, name: str, round: int | None = None) -> list[list[Reading]]:
        """Return the readings of this name in order, one list per seed; empty where there are none."""
        rounds = [self.histories.get((arm, seed, round or self.rounds), {}) for seed in range(self.study.max_seeds)]
        return [
            [Reading(r["epoch"], r["steps"], r["value"]) for r in history.get("readings", []) if r["name"] == name]
            for history in rounds
        ]

    def reading(self, arm: str, name: str) -> list[float | None]:
        """Return the last reading of this name in the last round per seed; None where there is none."""
        return [readings[-1].value if readings else None for readings in self.readings(arm, name)]

    def training_problem(self, arms: Sequence[str]) -> str | None:
        """Return why rounds of one of these arms cannot be judged as trained to the end; None if all can.

        They cannot if training diverged, or if most were cut off before the model had fitted its data or, for models
        that need not fit them, before training accuracy stopped improving.
        """
        for label in arms:
            arm = self.study.arm(label)
            # The last round of an arm that continues from the previous model rests on all rounds before it; of a cold
            # start's earlier rounds nothing is left. A first round of a given number of epochs is meant to be short.
            first = (1 if arm.first_epochs is None else 2) if arm.strategy.continues else self.rounds
            for number in range(min(first, self.rounds), self.rounds + 1):
                found = self.table.at(label, number)
                diverged = sum(record.stop_reason == "diverged" for record in found)
                if diverged:
                    return f"Training diverged in {diverged} of {len(found)} {self._in_words(number)} of {label}."
                cut_off = self._cut_off(label, number)
                if cut_off is not None:
                    return cut_off
        return None

    def _cut_off(self, arm: str, number: int) -> str | None:
        """Return a sentence if most trials of a round ended at the limit of epochs without having fitted."""
        stop, found = self.study.stop, self.table.at(arm, number)
        target = stop.train_accuracy or FITTED
        waits = stop.patience is not None
        scores = [0.0 if record.train_score is None else record.train_score for record in found]
        limited = [
            score
            for score, record in zip(scores, found, strict=True)
            if record.stop_reason == "limit" and (waits or score < target) and self._was_improving(record)
        ]
        if 2 * len(limited) <= len(found):
            return None
        reached = 100 * fmean(limited)
        aim = "before training accuracy stopped improving" if waits else f"not {100 * target:g} %"
        return (
            f"The scale cannot test it: {len(limited)} of {len(found)} {self._in_words(number)} of {arm} ended at the "
            f"limit of {stop.max_epochs} epochs, at {reached:.0f} % training accuracy, {aim}."
        )

    def _was_improving(self, record: RoundRecord) -> bool:
        """Return whether training accuracy still rose in the last fifth of a round's epochs."""
        # A model with a strong penalty never fits 99 %, and one with patience may creep along for ever: where the
        # course of training accuracy is known to be level, more epochs would have changed nothing. Any other model that
        # is level below the target has not learned.
        arm = self.study.arm(record.arm)
        if self.study.stop.patience is None and arm.penalty is None and arm.step_shrink is None:
            return True
        history = self.histories.get((record.arm, record.seed, record.round), {})
        columns, epochs = history.get("columns", []), history.get("epochs", [])
        if "train_score" not in columns or len(epochs) < FEWEST_FOR_LEVEL:
            return True
        fifth, scores = len(epochs) // 5, [row[columns.index("train_score")] for row in epochs]
        return fmean(scores[-fifth:]) - fmean(scores[-2 * fifth : -fifth]) > LEVEL

    def _in_words(self, number: int) -> str:
        return {1: "first rounds", self.rounds: "last rounds"}.get(number, f"rounds number {number}")


@dataclass(frozen=True, eq=False)
class Results:
    """The stored results of one experiment.

    Args:
        experiment: The declaration.
        setting: The setting of the results.
        cases: Results of the studies that have begun.
        cases_planned: Number of studies, begun or not.
        confidence: Confidence of the intervals that verdicts rest on.
        problem: Why there are results that cannot be used, in words; empty: there are none such.
    """

    experiment: Experiment
    setting: Setting
    cases: tuple[CaseResults, ...]
    cases_planned: int
    confidence: float = CONFIDENCE
    problem: str = ""

    def where(self, **facets: str) -> list[CaseResults]:
        """Return the studies with these facets."""
        return [case for case in self.cases if all(case.facets.get(key) == value for key, value in facets.items())]

    def first(self, **facets: str) -> CaseResults | None:
        """Return the first study with these facets; None if there is none."""
        return next(iter(self.where(**facets)), None)

    @property
    def rounds_finished(self) -> int:
        """Number of finished rounds of all studies."""
        return sum(len(case.records.rounds) for case in self.cases)

    @property
    def complete(self) -> bool:
        """Whether every round of every study has finished."""
        return len(self.cases) == self.cases_planned and all(case.complete for case in self.cases)


# The study as it was run, its finished rounds, and what is known of their epochs.
Stored = tuple[Study, StudyRecords, Mapping[tuple[str, int, int], Mapping[str, Any]]]


def read_results(experiment: Experiment, setting: Setting, directory: Path) -> Results:
    """Read the stored results of an experiment.

    Args:
        experiment: The declaration.
        setting: The setting of the results.
        directory: Directory that contains the studies' directories.
    """

    # The declaration says which studies there are, and where: whatever else is in the directory is not read.
    def read(case: Case) -> Stored | None:
        folder = directory / case.folder
        return (case.study, read_study(folder), read_histories(folder)) if has_study(folder) else None

    return results_of(experiment, setting, read)


def results_of(experiment: Experiment, setting: Setting, read: Callable[[Case], Stored | None]) -> Results:
    """Return the results of an experiment, wherever they are read from.

    Args:
        experiment: The declaration.
        setting: The setting of the results.
        read: Returns what is stored of a study; None if it has not begun.
    """
    cases = list(experiment.cases(setting))
    begun = [
        CaseResults(case.facets, *stored, setting.confidence) for case in cases if (stored := read(case)) is not None
    ]
    of_experiment = experiment.in_setting(setting)
    return Results(experiment, of_experiment, tuple(begun), len(cases), setting.confidence)
