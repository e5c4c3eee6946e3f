"""What has arrived, replayed through the lab: every start beside a cold one, with paired seeds."""

from __future__ import annotations

import dataclasses
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from warmstart.basics import PERCENT, InputError, Metric, check_at_least
from warmstart.data import Dataset, LabelledArrays, SampleOrder
from warmstart.executors import Execution
from warmstart.statistics import Estimate, interval_text, mean_interval, times_text
from warmstart.store import RoundRecord, StudyRecords
from warmstart.streams import TimeOrdered
from warmstart.studies import MOST_SEEDS, Study, run_study, study_digest
from warmstart.trial import EvaluationSettings

from ._arrivals import check_arrivals
from ._definition import ARMS
from ._gate import gap_text
from ._ledger import LEDGER, DeletionRow, Ledger, LicenceRow
from ._lock import project_lock
from ._objects import REHEARSALS, crash_point
from ._policy import TRIAL_ALPHA, ArmState, PolicyState
from ._project_data import COLD, ProjectData
from ._settings import read_project
from ._words import counted

FIRST_COUNTED: Final = 3
"""Round from which on differences count: the first is cold for all, and after one more harm has not added up yet."""
_LEAST_ARRIVALS: Final = FIRST_COUNTED + 1  # what a round scores on is the arrival after it
_FEW_ARRIVALS: Final = 5
_COSTS: Final = ("flops", "samples", "steps", "seconds")  # what is the same on every machine comes first


@dataclass(frozen=True)
class RehearsedArm:
    """What a rehearsal says of a start.

    Attributes:
        strategy: Its spec.
        is_licensed: Whether it may run alone, by this rehearsal.
        mean: Its score minus the cold start's on the next arrival, mean over rounds and seeds; of errors as a share of
            the cold start's. None: nothing to compare.
        low: Lower end of the 80 % interval over seeds.
        high: Upper end.
        cost: Of all rounds, relative to the cold start's; None: not counted.
        reason: One sentence.
    """

    strategy: str
    is_licensed: bool
    mean: float | None
    low: float | None
    high: float | None
    cost: float | None
    reason: str


@dataclass(frozen=True)
class Rehearsal:
    """What came of a rehearsal.

    Attributes:
        arrivals: Number of arrivals that were replayed.
        rows: Number of their rows.
        seeds: Number of seeds.
        arms: What it says of each start, the cheapest first.
        notes: What a reader should know, one sentence each.
    """

    arrivals: int
    rows: int
    seeds: int
    arms: tuple[RehearsedArm, ...]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, fit for JSON."""
        return dataclasses.asdict(self)

    def lines(self) -> list[str]:
        """Return it as lines for a terminal."""
        first = f"Replayed {self.arrivals:,} arrivals with {self.rows:,} rows, with {self.seeds:,} seeds."
        return [first, *(f"  {arm.reason}" for arm in self.arms), *self.notes]


def rehearse(
    directory: Path, *, seeds: int = 8, workers: int = 1, report: Callable[[str], None] | None = None
) -> Rehearsal:
    """Replay what has arrived, and license starts by it; see :meth:`Retrainer.rehearse`.

    The lock is held only to note the licences: rounds can be trained meanwhile.
    """
    check_at_least("seeds", seeds, 2, most=MOST_SEEDS)
    execution = Execution(workers=workers, device="cpu")
    project, said = read_project(directory), report or (lambda _: None)
    with Ledger.open(directory / LEDGER) as ledger:
        stored = ProjectData(project, ledger, said)
        data = _history(stored)
        policy, deletions = stored.policy(), len(ledger.select(DeletionRow))
        replayed, columns = {one.id for one in stored.arrivals}, stored.schema.columns
        specs = policy.specs if isinstance(policy, PolicyState) else ARMS
        study = _study(stored, specs, seeds=seeds)
    # Trials are found again by their content: with more seeds or arrivals only what is new is trained.
    place = directory / REHEARSALS / study_digest(replace(study, arms=study.arms[-1:], seeds=1))
    try:
        records = run_study(
            study,
            place,
            dataset=data,
            execution=execution,
            listener=lambda one: said(one) if isinstance(one, str) else None,
        )
        crash_point("rehearsed")
    except BaseException:
        # A deletion removes what is stored, which ends a rehearsal; a trial that runs on may have stored more by then.
        with Ledger.open(directory / LEDGER) as ledger:
            _check_deletions(ledger, deletions, place)
        raise
    labels = dict(zip(specs, study.labels, strict=True))
    arms = tuple(
        rehearsed_arm(arm, labels, records, tolerance=project.settings.tolerance) for arm in specs if arm != COLD
    )
    count = records.rounds_expected
    found = Rehearsal(count, len(data.train), seeds, arms)
    with project_lock(directory, "rehearse"), Ledger.open(directory / LEDGER) as ledger:
        _check_deletions(ledger, deletions, place)
        now = ProjectData(project, ledger, said)
        # What has been added since is no matter: licences say nothing of it.
        if not replayed <= {one.id for one in now.arrivals} or now.schema.columns != columns:
            raise InputError(
                "Arrivals were excluded or columns mapped during the rehearsal, so it is void: run it again with what "
                "counts now."
            )
        notes = _license(now, found)
    return replace(found, notes=notes)


def _check_deletions(ledger: Ledger, before: int, place: Path) -> None:
    """Raise if rows were forgotten since there were so many deletions; then nothing of the rehearsal stays."""
    if len(ledger.select(DeletionRow)) != before:
        # What was trained on rows that are forgotten now must not stay, nor license anything.
        shutil.rmtree(place, ignore_errors=True)
        raise InputError("Rows were forgotten during the rehearsal, so it is void: run it again without them.")


def _history(stored: ProjectData) -> Dataset:
    """Return the newest version of all labelled rows that count, in the order in which they arrived.

    Raises:
        InputError: If there are too few arrivals.
        StorageError: If the file of an arrival is missing or damaged.
    """
    rows = stored.ledger.labelled_samples(arrival.number for arrival in stored.arrivals)
    _, arrivals = np.unique([one.arrival for one in rows], return_inverse=True)
    count = int(arrivals.max()) + 1 if rows else 0
    if count < _LEAST_ARRIVALS:
        raise InputError(
            f"There must be at least {_LEAST_ARRIVALS} arrivals with labels to rehearse with, got {count}: starts are "
            f"compared from round {FIRST_COUNTED} on, each on the arrival after it."
        )
    check_arrivals(stored.directory, stored.arrivals)
    found = stored.samples.take(stored.places(rows)).fitted()
    inputs = found.inputs
    if found.encoding is None and not (inputs.dtype == np.int64 or (inputs.dtype == np.uint8 and inputs.ndim == 4)):
        inputs = inputs.astype(np.float32)
    return Dataset(
        "what has arrived",
        LabelledArrays(inputs, found.labels),
        None,
        stored.schema.classes,
        # Without groups: starts are compared on the next arrival, not on what is held out. Held out whole, an arrival
        # that is one group, as a day may be, would have nothing to train on.
        SampleOrder(True, arrivals.astype(np.int64)),
        found.encoding,
        scale=stored.rows(np.empty(0, np.int64)).scale,
        features=stored.schema.names,
    )


def _study(stored: ProjectData, specs: Sequence[str], *, seeds: int) -> Study:
    return replace(
        stored.study(list(specs)),
        seeds=seeds,
        stream=TimeOrdered(),
        evaluation=EvaluationSettings(holdout=stored.settings.holdout),
    )


def rehearsed_arm(arm: str, labels: Mapping[str, str], records: StudyRecords, *, tolerance: float) -> RehearsedArm:
    """Compare a start with the cold one, by seeds."""
    own, cold = (_by_seed(records, labels[each]) for each in (arm, COLD))
    metric, needed = records.metric, ArmState(arm).needs(tolerance)
    numbers = range(FIRST_COUNTED, records.rounds_expected)
    costs = [_cost(records, labels[each]) for each in (arm, COLD)]
    cost = costs[0] / costs[1] if costs[0] and costs[1] else None
    saved = "" if cost is None else f"; it costs {times_text(cost)} of a cold start"
    differences = []
    for seed, rounds in own.items():
        pairs = [(rounds[number].next_score, cold[seed][number].next_score) for number in numbers]
        if any(left is None and right is not None for left, right in pairs):
            reason = f"{arm}: not licensed: its training diverged with seed {seed}"
            return RehearsedArm(arm, False, None, None, None, cost, reason)
        gaps = [_gap(left, right, metric) for left, right in pairs if left is not None and right is not None]
        differences.append(float(np.mean(gaps)) if gaps else math.nan)
    least = 0.0
    if metric.unit == PERCENT:
        # Shares of few rows are often equal by chance: without one row as the least deviation that would be proof.
        sizes = [cold[0][number + 1].samples_seen - cold[0][number].samples_seen for number in numbers]
        least = float(np.mean(1 / np.array(sizes))) / len(sizes)
    found = _interval(differences, least)
    if found.mean is None or found.low is None or found.high is None:
        return RehearsedArm(arm, False, found.mean, None, None, cost, f"{arm}: not licensed: cold starts diverged")
    ends = (found.mean, found.low, found.high)
    text = gap_text(metric, *ends) if metric.higher_is_better else _share_text(*ends)
    allowed = metric.text(-needed, difference=True) if metric.higher_is_better else f"{-100 * needed:.3g} %"
    text = f"{text} beside a cold start on {counted(len(numbers), 'arrival')}, a loss of {allowed} allowed"
    if found.low >= needed:
        return RehearsedArm(arm, True, *ends, cost, f"{arm}: licensed: {text}{saved}")
    why = "it loses more" if found.high < needed else f"{found.n} seeds cannot tell"
    return RehearsedArm(arm, False, *ends, cost, f"{arm}: not licensed: {text}: {why}{saved}")


def _interval(differences: Sequence[float], least: float) -> Estimate:
    """Return the mean and its interval, with a standard deviation of at least ``least``."""
    values = np.array(differences)
    values = values[np.isfinite(values)]
    if len(values) > 1 and values.std(ddof=1) < least:
        spread = np.linspace(-1, 1, len(values))
        values = values.mean() + spread * least / spread.std(ddof=1)
    return mean_interval(values, confidence=1 - TRIAL_ALPHA)


def _gap(left: float, right: float, metric: Metric) -> float:
    """Return how much better the first of two scores is: of errors as a share of the second."""
    if metric.higher_is_better:
        return left - right
    return (right - left) / right if right else (0.0 if left == right else -math.inf)


def _share_text(mean: float, low: float, high: float) -> str:
    return f"error {-100 * mean:+.1f} {interval_text(-100 * high, -100 * low, digits=1)} %"


def _by_seed(records: StudyRecords, label: str) -> dict[int, dict[int, RoundRecord]]:
    found: dict[int, dict[int, RoundRecord]] = {}
    for one in records.rounds:
        if one.arm == label:
            found.setdefault(one.seed, {})[one.round] = one
    return found


def _cost(records: StudyRecords, label: str) -> float:
    """Return what the rounds of a start have cost together, in the first unit that was counted."""
    own = [one for one in records.rounds if one.arm == label]
    totals = (sum(getattr(one, name) or 0 for one in own) for name in _COSTS)
    return next((float(total) for total in totals if total), 0.0)


def _license(stored: ProjectData, found: Rehearsal) -> tuple[str, ...]:
    """Note the licences and the rehearsal, and return notes; the project's lock is held."""
    policy, ledger = stored.policy(), stored.ledger
    licences = {
        arm.strategy: (arm.mean, arm.low, arm.high)
        for arm in found.arms
        if arm.is_licensed and arm.mean is not None and arm.low is not None and arm.high is not None
    }
    notes, few = [], found.arrivals - FIRST_COUNTED
    if few < _FEW_ARRIVALS:
        which = f"{few} arrivals decide" if few != 1 else "One arrival decides"
        notes.append(f"{which}: what is special about so few is not in the intervals, which are over seeds.")
    if not isinstance(policy, PolicyState):
        notes.append(f"The policy of the project is fixed ({stored.settings.policy}), so licences change nothing.")
    source = f"a rehearsal over {found.arrivals} arrivals with {found.seeds} seeds"
    last = ledger.rounds(last=1)
    with ledger.transaction():
        if isinstance(policy, PolicyState) and licences:
            state = policy.with_licences(licences, tolerance=stored.settings.tolerance, source=source)
            ledger.insert(LicenceRow(last[-1].number if last else 0, state.to_dict()), replace=True)
        text = f"A{source[1:]} licensed {', '.join(licences) or 'no start'}."
        ledger.add_event("rehearse", text, arms=[dataclasses.asdict(arm) for arm in found.arms])
    return tuple(notes)
