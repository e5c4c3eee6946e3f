"""One night of a project: score what has arrived, watch, train, judge, promote.

The steps of a round, each durable before the next one begins, so that a round that was interrupted is resumed::

    score(pending arrivals)            # before anything is trained on them: champion, predecessor, models of audits
    watch(champion, predecessor)       # may roll back
    open(round)                        # arms, start, data: all that decides what follows
    for arm in arms: train(arm)        # model file, then its row
    judge(candidates)                  # against champion and anchor, on held-out rows
    promote or keep                    # ledger, then pointer, then outbox
"""

from __future__ import annotations

import math
import os
import platform
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from warmstart.basics import PERCENT, InputError, Metric, StorageError, derived_seed, shown
from warmstart.learners import TensorLearner, TrialLearner, adapted
from warmstart.studies import Study, study_from_dict

from ._add import current_schema
from ._arrivals import Samples, read_rows
from ._check import CheckReport, check_training
from ._definition import ARMS, first_policy
from ._gate import Comparison, GateRule, ModelScores, Verdict, beats_baseline, difference_of, judge
from ._inspect import COLD_NEXT, abandon_round, finish_deletions, repair, verify_files
from ._ledger import (
    LEDGER,
    ArrivalRow,
    AuditRow,
    EventRow,
    JudgementRow,
    Ledger,
    LicenceRow,
    ModelRow,
    RoundRow,
    SampleRow,
    WatchRow,
    now,
)
from ._lock import project_lock
from ._model_file import LoadedModel, fresh_model, learner_of, load_model
from ._objects import (
    crash_point,
    draft_file,
    free_space_check,
    load_scores,
    object_path,
    save_scores,
    store_object,
    verify_object,
)
from ._policy import Plan, Policy, PolicyState, policy_from_dict
from ._results import TrainedArm, UpdateResult
from ._rows import Rows, TrainingRows
from ._schema import Schema
from ._scoring import baseline_scores, score_rows
from ._settings import Project, read_project
from ._sides import validation_mask
from ._training import obstacle, train_candidate
from ._watch import watch

Report = Callable[[str], None]
COLD = "cold"
AUDIT_NEXT = "audit next"
"""Of the ledger's own values: what the next round must do."""
_OWN_ARMS = ("warm", COLD)
"""Of a learner of the user's own, whose models may have no tensors that could be shrunk."""
_WATCH_ALPHA = 0.01
_LONG_ABSENCE = 7
"""Arrivals waiting from which on a round is audited: too much has changed for yesterday's licence."""
_MOST_REFUSALS = 2


def update(directory: Path, *, budget_seconds: float | None = None, report: Report | None = None) -> UpdateResult:
    """Run a project's next round, or what is left of one that was interrupted.

    Args:
        directory: The project's folder.
        budget_seconds: Time for training; a cold start beside the strategy is left out where it would not fit.
        report: Called with one sentence before each step.

    Raises:
        LockedError: If another process changes the project.
        InputError: If the project's settings do not fit its data.
        StorageError: If the disk is full or a file is damaged; the champion serves on.
    """
    project = read_project(directory)
    with project_lock(directory, "update"):
        repair(directory)
        with Ledger.open(directory / LEDGER) as ledger, torch_threads(project.settings.threads):
            finish_deletions(directory, ledger)
            found = Night(project, ledger, report or (lambda _: None), budget_seconds).run()
            count = finish_deletions(directory, ledger)
            if not count:
                return found
            note = f"The deletions asked for are done: {count} models that were trained on the rows are removed."
            return replace(found, notes=(*found.notes, note))


def check(directory: Path) -> CheckReport:
    """Run all that a project does with its learner on 64 of its rows; see :func:`check_training`."""
    project = read_project(directory)
    with Ledger.open(directory / LEDGER) as ledger, torch_threads(project.settings.threads):
        night = Night(project, ledger, lambda _: None, None)
        rows = ledger.training_rows(ledger.latest_arrival(), project.settings.window)
        if not rows:
            raise InputError("There must be rows with labels to check with: add some with `warmstart retrain add`.")
        study = night.study([COLD])
        return check_training(study.trial(COLD, project.settings.seed), night.training_rows(rows, None))


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Train with a number of threads; it decides the last bits, and is a setting of the whole process."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True, eq=False)
class _Judged:
    """A candidate and what the gate says of it; ``baseline`` where there is no champion."""

    model: ModelRow
    verdict: Verdict | None
    baseline: Comparison | None
    reason: str

    @property
    def passes(self) -> bool:
        """Whether it may serve."""
        if self.verdict is not None:
            return self.verdict.outcome == "promote"
        return self.baseline is not None and (self.baseline is _UNCONTESTED or self.baseline.is_better)

    @property
    def merit(self) -> float:
        """Its mean difference, by which one of two that pass is chosen."""
        found = self.baseline if self.verdict is None else self.verdict.champion
        return -math.inf if found is None else found.mean


class Night:
    """One call of :func:`update`, with what is read only once."""

    def __init__(self, project: Project, ledger: Ledger, report: Report, budget_seconds: float | None) -> None:
        self.project, self.ledger, self.report, self.budget = project, ledger, report, budget_seconds
        self.directory, self.settings = project.directory, project.settings
        self._loaded: dict[str, LoadedModel] = {}
        self._damaged: set[str] = set()
        self._notes: list[str] = []

    def run(self) -> UpdateResult:
        if self.ledger.open_round() is not None:
            self._check_files()
        opened = self.ledger.open_round()
        if opened is not None and opened.state == "open" and (start := self.ledger.model(opened.plan["start"])):
            rows = self.ledger.training_rows(opened.arrivals, self.settings.window)
            if (reason := self._obstacle(start, self.training_rows(rows, start))) is not None:
                with self.ledger.transaction():
                    abandon_round(self.ledger, reason)
                opened = None
        if opened is None:
            pending = [arrival for arrival in self.ledger.pending_arrivals() if arrival.labelled]
            asked = {name: self.ledger.config(name) for name in (AUDIT_NEXT, COLD_NEXT)}
            if not pending and asked[COLD_NEXT] is None:
                return self._clean_at_last(None) if self._is_overdue else self._nothing_new()
            if not self.ledger.training_rows(self.ledger.latest_arrival(), self.settings.window):
                return self._nothing_new(
                    "All rows with labels are held out to judge by; there is none to train on yet."
                )
            self._check_files()
            if pending:
                self._before_training(pending)
            opened = self._open(pending, asked)
        else:
            self.report(f"Resuming round {opened.number}, which was interrupted")
        if opened.state == "open":
            self._train(opened)
        if opened.state in ("open", "trained"):
            self._judge(opened)
        found = self._decide(opened)
        return self._clean_at_last(found) if self._is_overdue else found

    @property
    def _is_overdue(self) -> bool:
        """Whether the champion was trained on rows whose deletion is due."""
        champion = self.ledger.champion()
        return champion is not None and champion.state == "tainted" and self.ledger.is_deletion_due()

    def _clean_at_last(self, found: UpdateResult | None) -> UpdateResult:
        """Promote the best clean model there is, whatever the gate has said: the time for a deletion is over.

        Args:
            found: What came of the round that was trained just now; None: there was none.
        """
        clean = [one for one in self.ledger.models("undecided", "worse", "former") if self.can_score(one)]
        rows = self.ledger.judging_rows(self.ledger.latest_arrival(), self.settings.window)
        if not clean:
            # Without rows to train on, or where training diverges, there is nothing to serve instead.
            reason = "The champion should be gone, as rows were forgotten, but there is no clean model yet."
            champion = self.ledger.champion()
            first = UpdateResult("nothing new", None, None if champion is None else champion.id, reason)
            if found is None and self.ledger.training_rows(self.ledger.latest_arrival(), self.settings.window):
                with self.ledger.transaction():
                    self.ledger.set_config(COLD_NEXT, "forget")
                return self.run()
            return replace(found or first, notes=(*(found.notes if found else ()), reason))
        # All are clean, and held-out rows are new to all of them: the same ones tell which is best, of equals the last.
        best = max(clean, key=lambda one: (self.scores(one, rows).values.mean() if rows else 0.0, one.round))
        reason = "promoted without passing the gate: the time for a deletion is over"
        with self.ledger.transaction():
            self.ledger.promote(best.id, kind="gate", reason=reason, round_number=None, as_anchor=True)
            self.ledger.set_config("pinned", None)
            self.ledger.add_event("deletion", f"Model {best.id[:12]} {reason}.", model=best.id)
        crash_point("clean model promoted")
        repair(self.directory)
        if found is None:
            return UpdateResult("promoted", None, best.id, f"Model {best.id[:12]} of round {best.round}: {reason}.")
        return replace(found, outcome="promoted", champion=best.id, reason=f"{reason} ({found.reason})")

    def can_score(self, model: ModelRow) -> bool:
        """Whether a model can be scored: its file is there, and rows have all its columns."""
        is_intact = model.size > 0 and model.state != "damaged" and model.id not in self._damaged
        return is_intact and set(model.manifest["features"]) <= set(self.schema.names)

    def _check_files(self) -> None:
        """Do without models whose files are damaged: the last good one serves, and another one is continued.

        Raises:
            StorageError: If an arrival is damaged. Without it the same data would give another model.
        """
        ledger, opened = self.ledger, self.ledger.open_round()
        for one in self.arrivals:
            problem = verify_object(self.directory, "arrivals", one.id, size=one.size)
            if problem is not None:
                path = shown(object_path(self.directory, "arrivals", one.id), limit=300)
                raise StorageError(
                    f"Arrival {one.number} ({shown(one.source)}) is {problem}: restore {path} from a backup, or leave "
                    f"the arrival out with `warmstart retrain exclude {shown(self.directory)} {one.number}`."
                )
        wanted = [ledger.champion(), ledger.anchor(), ledger.predecessor(), ledger.lineage()]
        wanted += [ledger.model(each) for one in ledger.pending_audits() for each in (one.arm_model, one.cold_model)]
        of_round = [] if opened is None else [model for model in ledger.models() if model.round == opened.number]
        of_round += [] if opened is None or opened.state != "open" else [ledger.model(opened.plan["start"])]
        names = {model.id: model.size for model in (*wanted, *of_round) if model is not None and model.size}
        damaged = {name for name, size in names.items() if verify_object(self.directory, "models", name, size=size)}
        if not damaged:
            return
        self._damaged = damaged - set(verify_files(self.directory, ledger).restored)
        if self._damaged.intersection(model.id for model in of_round if model is not None):
            with ledger.transaction():
                abandon_round(ledger, "the file of a model that it needs is damaged")

    def _obstacle(self, start: ModelRow, rows: TrainingRows) -> str | None:
        """Return why a round cannot continue from a model, as a sentence; None: it can."""
        try:
            loaded = self.loaded(start)
            fresh = fresh_model(self.learner, loaded.manifest)
        except InputError as error:
            return str(error)
        left, right = ({name: getattr(value, "shape", None) for name, value in model.state_dict().items()}
                       for model in (loaded.model, fresh))  # fmt: skip
        if left != right:
            return "The settings build another model than the last one is."
        return obstacle(loaded, rows)

    def intact(self, model: ModelRow | None) -> ModelRow | None:
        """Return a model where it can be scored, otherwise None."""
        return model if model is not None and self.can_score(model) else None

    # What is the same for the whole night.

    @cached_property
    def schema(self) -> Schema:
        """The newest version of the schema."""
        found = current_schema(self.ledger)
        assert found is not None, "what has arrived has a schema"
        return found

    def study(self, strategies: Sequence[str]) -> Study:
        """Return the study whose trials a round of these strategies belongs to."""
        tables = {name: table for name, table in self.project.tables.items() if name != "data"}
        is_image = not self.schema.is_table and len(self.schema.shape) == 3
        if not is_image and "model" not in tables and _takes_model(tables):
            tables["model"] = {"name": "mlp"}
        return study_from_dict({"strategies": list(strategies), "seeds": 1, **tables})

    @cached_property
    def learner(self) -> TrialLearner:
        """What builds, trains and evaluates the models."""
        return adapted(self.study([COLD]).full_learner)

    @cached_property
    def arrivals(self) -> list[ArrivalRow]:
        """The arrivals that count."""
        return self.ledger.accepted_arrivals()

    @cached_property
    def samples(self) -> Samples:
        """All rows of the arrivals that count, whether labelled or not, in their order."""
        self.report("Reading what has arrived")
        return read_rows([object_path(self.directory, "arrivals", one.id) for one in self.arrivals], self.schema)

    @cached_property
    def _first_rows(self) -> dict[int, int]:
        """For each arrival by its number, where its rows begin among the samples."""
        begins = np.concatenate([[0], np.cumsum([one.rows for one in self.arrivals])])
        return {one.number: int(begin) for one, begin in zip(self.arrivals, begins, strict=False)}

    def places(self, rows: Sequence[SampleRow]) -> np.ndarray:
        """Return where rows of the ledger are among the samples."""
        return np.array([self._first_rows[one.arrival] + one.row for one in rows], dtype=np.int64)

    def rows(self, places: np.ndarray) -> Rows:
        """Return rows by their places."""
        found = self.samples.take(places)
        scale = self.project.tables.get("data", {}).get("scale", "standard") != "none"
        return Rows(found.inputs, found.labels, self.schema.classes, found.encoding, self.schema.names, scale)

    def units(self, rows: Sequence[SampleRow]) -> np.ndarray | None:
        """Return the group of each row as a number; None where rows are independent."""
        return None if self.schema.group is None else np.unique([one.unit for one in rows], return_inverse=True)[1]

    def loaded(self, model: ModelRow) -> LoadedModel:
        """Return a stored model, read once."""
        if model.id not in self._loaded:
            path = object_path(self.directory, "models", model.id)
            self._loaded[model.id] = load_model(path, model.manifest, digest=model.id)
        return self._loaded[model.id]

    def rule(self, model: ModelRow, *, alpha: float) -> GateRule:
        """Return how the scores of a model, and of all others of the project, are compared."""
        metric = Metric(**model.manifest["metric"])
        return GateRule(
            metric,
            score_range=1.0 if metric.unit == PERCENT else None,
            tolerance=self.settings.tolerance,
            class_tolerance=self.settings.class_tolerance,
            alpha=alpha,
            root=model.manifest["is_root"],
        )

    def scores(self, model: ModelRow, rows: Sequence[SampleRow]) -> ModelScores:
        """Return a model's scores of rows, higher is better; those that are not cached yet are computed and cached."""
        by_number = {one.number: one for one in self.arrivals}
        wanted: dict[int, list[int]] = {}
        for one in rows:
            wanted.setdefault(one.arrival, []).append(one.row)
        cached: dict[int, np.ndarray] = {}
        missing: list[tuple[int, int]] = []
        for number, places in wanted.items():
            arrival = by_number[number]
            found = load_scores(self.directory, model.id, arrival.id, arrival.rows)
            cached[number] = np.full((arrival.rows, 2), np.nan) if found is None else found
            missing += [(number, place) for place in places if np.isnan(cached[number][place, 0])]
        if missing:
            places = np.array([self._first_rows[number] + row for number, row in missing])
            loaded = self.loaded(model)
            scored = score_rows(loaded, learner_of(loaded.manifest), self.rows(places))
            predictions = np.full(len(places), np.nan) if scored.predictions is None else scored.predictions
            for (number, row), value, predicted in zip(missing, scored.values, predictions, strict=True):
                cached[number][row] = value, predicted
            for number in dict.fromkeys(number for number, _ in missing):
                save_scores(self.directory, model.id, by_number[number].id, cached[number])
        values = np.array([cached[one.arrival][one.row, 0] for one in rows])
        sign = 1.0 if Metric(**model.manifest["metric"]).higher_is_better else -1.0
        return ModelScores(model.id, sign * values)

    # Before anything is trained on what has arrived.

    def _before_training(self, pending: Sequence[ArrivalRow]) -> None:
        """Let models be tested on what they have not seen: audits get their differences, the watch its evidence."""
        champion, predecessor = self.intact(self.ledger.champion()), self.intact(self.ledger.predecessor())
        audits = self.ledger.pending_audits()
        numbers = {one.number for one in pending}
        rows = [
            one
            for arrival in sorted(numbers)
            for one in self.ledger.samples(arrival)
            if one.label is not None and (one.superseded_by is None)
        ]
        if not rows:
            return
        if champion is None:
            self._promote_late(rows)
            # A trial must not wait for a champion: it would be paid for without learning anything.
            self._close_audits(audits, rows, max(numbers))
            return
        self.report(f"Scoring {len(rows):,} new rows before training on them")
        tested = [champion, *([predecessor] if predecessor is not None else [])]
        audited = [self.intact(self.ledger.model(each)) for one in audits for each in (one.arm_model, one.cold_model)]
        for model in {one.id: one for one in (*tested, *audited) if one is not None}.values():
            self.scores(model, rows)
        crash_point("arrivals scored")
        self._close_audits(audits, rows, max(numbers))
        if predecessor is not None and predecessor.state in ("former", "champion"):
            self._watch(champion, predecessor, max(numbers))

    def _promote_late(self, rows: Sequence[SampleRow]) -> None:
        """Let the last model serve where it beats what learns nothing on all that has just arrived.

        Held-out rows alone, of which groups may be few, would have a project wait for its first champion for weeks.
        """
        model = self.intact(self.ledger.lineage())
        if model is None or self.ledger.config("pinned") is not None:
            return
        judged, judgements = self._beside_baseline(model, rows, self.rule(model, alpha=self.settings.alpha), of="new")
        if not judged.passes:
            return
        reason = judged.reason
        with self.ledger.transaction():
            self.ledger.insert(*judgements, replace=True)
            self.ledger.promote(model.id, kind="gate", reason=reason, round_number=model.round, as_anchor=True)
            text = f"The model of round {model.round} serves now: {reason.removeprefix('promoted: ')}."
            self.ledger.add_event("promotion", text, round_number=model.round, model=model.id)
        repair(self.directory)

    def _close_audits(self, audits: Sequence[AuditRow], rows: Sequence[SampleRow], arrival: int) -> None:
        """Note what a strategy and a cold start of the same night score on what they have not seen."""
        for audit in audits:
            arm, cold = (self.intact(self.ledger.model(each)) for each in (audit.arm_model, audit.cold_model))
            if arm is None or cold is None:
                continue
            rule = self.rule(arm, alpha=self.settings.alpha)
            values = [self.scores(model, rows).values for model in (arm, cold)]
            differences, tolerance = difference_of(*values, rule=rule, units=self.units(rows))
            if not len(differences):
                continue
            mean = float(differences.mean())
            state, sentences = self.policy().after_difference(
                audit.arm,
                mean,
                number=audit.round,
                tolerance=tolerance,
                # Of rows also where there are groups: with a seventh of the range, no start of a weekly arrival that is
                # grouped by day could ever be licensed.
                step=0.0 if rule.score_range is None else rule.score_range / len(rows),
                metric=rule.metric,
            )
            last = self.ledger.rounds(last=1)[-1].number
            with self.ledger.transaction():
                self.ledger.change(AuditRow, audit.round, arrival=arrival, difference=mean, n=len(differences))
                self.ledger.insert(LicenceRow(last, state.to_dict()), replace=True)
                for sentence in sentences:
                    self.ledger.add_event("licence", sentence, round_number=audit.round, arm=audit.arm)

    def policy(self) -> Policy:
        """Return the policy with what it has learned so far; a changed setting begins anew."""
        first = first_policy(self.settings, arms=ARMS if isinstance(self.learner, TensorLearner) else _OWN_ARMS)
        row = self.ledger.licence()
        if row is None:
            return first
        found = policy_from_dict(row.state)
        if type(found) is not type(first):
            return first
        if isinstance(found, PolicyState) and isinstance(first, PolicyState):
            return replace(found, prefer=first.prefer, audit_share=first.audit_share)
        return first

    def _watch(self, champion: ModelRow, predecessor: ModelRow, latest: int) -> None:
        """Compare the champion with what served before it, on all that has arrived since; roll back if it is worse."""
        rows = [
            one
            for arrival in self.arrivals
            if champion.arrivals < arrival.number <= latest
            for one in self.ledger.samples(arrival.number)
            if one.label is not None and one.superseded_by is None
        ]
        if not rows:
            return
        rule = self.rule(champion, alpha=_WATCH_ALPHA)
        left, right = (self.scores(model, rows).values for model in (champion, predecessor))
        found = watch(left, right, rule=rule, units=self.units(rows))
        number = self.ledger.next_round_number()
        upper = math.nan if found.upper is None else found.upper
        noted = WatchRow(number, latest, found.t, found.mean, upper, found.tolerance, found.alarm)
        pinned = self.ledger.config("pinned") is not None
        if not found.alarm or pinned:
            with self.ledger.transaction():
                self.ledger.insert(noted, replace=True)
            return
        metric = rule.metric
        reason = (
            f"rolled back: {metric.text(abs(found.mean), difference=True)} worse than the champion before it on "
            f"{found.t:,} {'rows' if self.schema.group is None else 'groups'} that arrived since"
        )
        with self.ledger.transaction():
            self.ledger.insert(noted, replace=True)
            self.ledger.promote(predecessor.id, kind="watch", reason=reason, round_number=None, as_anchor=False)
            self.ledger.add_event("watch", reason, model=champion.id, to=predecessor.id)
        crash_point("watch rolled back")
        repair(self.directory)

    # The round.

    def _open(self, pending: Sequence[ArrivalRow], asked: Mapping[str, str | None]) -> RoundRow:
        """Decide what the round trains, and write it down."""
        latest = max([one.number for one in self.arrivals], default=0)
        number = self.ledger.next_round_number()
        start = self.ledger.lineage()
        if start is not None and start.id in self._damaged:
            start = None
        training = self.ledger.training_rows(latest, self.settings.window)
        if start is not None:
            probe = self.training_rows(training, start)
            if (reason := self._obstacle(start, probe)) is not None:
                self._notes.append(f"The round starts cold: {reason[0].lower()}{reason[1:]}")
                start = None
        last_cold = next((m for m in reversed(self.ledger.models()) if m.strategy == COLD and m.cost.get("cost")), None)
        cold_cost = None
        if last_cold is not None:
            # By the rows: what a cold start costs grows with what it is trained on.
            cold_cost = last_cold.cost["cost"] * len(training) / max(last_cold.cost["rows"], 1)
        suspicion = self._suspicion(pending)
        plan = self.policy().plan(
            number=number,
            can_continue=start is not None and asked[COLD_NEXT] is None,
            suspicion=suspicion,
            cold_cost=cold_cost,
        )
        if asked[AUDIT_NEXT] is not None and plan.arm != COLD:
            plan = replace(plan, audit=True, reason=f"{plan.reason}; an audit was asked for")
        if plan.audit and self.budget is not None and self._seconds_expected([plan.arm, COLD]) > self.budget:
            plan = replace(plan, audit=False, reason=f"{plan.reason}; the cold start beside it does not fit the budget")
        if plan.begins_trial and start is not None and start.strategy != COLD:
            # Another arm's model would be blamed on the one that goes on trial.
            start = next(
                (m for m in reversed(self.ledger.models("champion", "former", "undecided")) if m.strategy == COLD),
                start,
            )
        # Read from the ledger: watch and audits may have come to their results in a call that was interrupted.
        since = self.ledger.select(
            EventRow,
            "WHERE id > (SELECT coalesce(max(id), 0) FROM event WHERE kind = 'round') AND kind IN "
            "('licence', 'watch', 'promotion', 'verify') ORDER BY id",
        )
        free_space_check(self.directory, 3 * max([m.size for m in self.ledger.models()], default=0), "The round")
        row = RoundRow(
            number=number,
            token=uuid.uuid4().hex,
            owner={"pid": os.getpid(), "host": platform.node(), "started": now()},
            state="open",
            plan={
                "arm": plan.arm,
                "audit": plan.audit,
                "reason": plan.reason,
                "begins_trial": plan.begins_trial,
                "start": None if start is None else start.id,
                "asked": asked,
                "rolled_back": any(event.kind == "watch" for event in since),
                "notes": [*(event.text for event in since), *self._notes],
            },
            arrivals=latest,
            started=now(),
            champion_before=None if (champion := self.ledger.champion()) is None else champion.id,
        )
        with self.ledger.transaction():
            self.ledger.insert(row)
        crash_point("round open")
        return row

    def _suspicion(self, pending: Sequence[ArrivalRow]) -> str | None:
        """Return why yesterday's evidence may not hold any more; None where nothing says so."""
        last = self.ledger.rounds(last=_MOST_REFUSALS)
        if len(last) == _MOST_REFUSALS and all(one.state == "kept" and one.verdict == "worse" for one in last):
            return "two rounds running were refused as worse"
        if len(pending) >= _LONG_ABSENCE:
            return f"{len(pending)} arrivals have waited for this round"
        if last and any(
            m.stop_reason in ("limit", "diverged") for m in self.ledger.models() if m.round == last[-1].number
        ):
            return "the last round ended at its limit"
        champion = self.intact(self.ledger.champion())
        if champion is None or not pending:
            return None
        new = [s for one in pending for s in self.ledger.samples(one.number) if s.label is not None]
        old = self.ledger.judging_rows(min(one.number for one in pending) - 1, self.settings.window)
        old = [one for one in old if one.arrival > champion.arrivals - self.settings.window]
        if len(new) < 30 or len(old) < 30:
            return None
        now_scores, before = (self.scores(champion, part).values for part in (new, old))
        error = math.sqrt(now_scores.var() / len(new) + before.var() / len(old))
        drop = before.mean() - now_scores.mean()
        return "the champion scores worse on what has just arrived" if error and drop > 3 * error else None

    def _seconds_expected(self, arms: Sequence[str]) -> float:
        """Return how long training is expected to take, from the last rounds; 0 where nothing is known."""
        found = {model.strategy: model.cost.get("seconds", 0.0) for model in self.ledger.models()}
        return sum(found.get(arm, found.get(COLD, 0.0)) for arm in arms)

    def training_rows(self, rows: Sequence[SampleRow], start: ModelRow | None) -> TrainingRows:
        """Return what a round trains on, in training order."""
        places = self.places(rows)
        base = self.rows(places)
        found = self.samples.take(places).fitted(scale=base.scale)
        new = np.flatnonzero([one.joined is None or start is None or one.joined > start.round for one in rows])
        learner, mask = self.learner, None
        if isinstance(learner, TensorLearner):
            mask = validation_mask(self.ledger.salt, [one.unit for one in rows], share=learner.stop.validation)
        return TrainingRows(
            found.inputs,
            found.labels,
            base.classes,
            found.encoding,
            base.features,
            base.scale,
            new=new,
            validation=mask,
        )

    def _train(self, opened: RoundRow) -> None:
        """Train every arm of the round that has no model yet."""
        plan, number = opened.plan, opened.number
        arms = [plan["arm"], *([COLD] if plan["audit"] and plan["arm"] != COLD else [])]
        trained = {model.strategy for model in self.ledger.models() if model.round == number}
        start = self.ledger.model(plan["start"])
        rows = self.ledger.training_rows(opened.arrivals, self.settings.window)
        for arm in arms:
            if arm in trained:
                continue
            self.report(f"Training round {number}: {arm} on {len(rows):,} rows")
            study = self.study([arm])
            trial = study.trial(study.labels[0], self.settings.seed)
            candidate = train_candidate(
                trial,
                self.training_rows(rows, start),
                None if start is None else self.loaded(start),
                number=number,
                tables=self.project.tables,
                on_report=lambda *_: crash_point("training"),
            )
            counts = {"rows": candidate.samples, "seconds": candidate.seconds, **candidate.counts}
            # What is the same on every machine comes first.
            cost = next(
                (counts[name] for name in ("flops", "samples", "tokens", "steps", "seconds") if counts.get(name)), 0
            )
            digest, size = f"{number}-{arm}-diverged", 0
            if candidate.loaded is not None:
                with draft_file(self.directory, f"round-{number}-{derived_seed(arm, number)}") as draft:
                    digest = candidate.save(draft)
                    size = draft.stat().st_size
                    store_object(self.directory, "models", draft, digest)
            crash_point("model durable")
            continues = start is not None and trial.strategy.continues
            with self.ledger.transaction():
                self.ledger.insert(
                    ModelRow(
                        id=digest,
                        round=number,
                        strategy=arm,
                        start_model=start.id if continues and start is not None else None,
                        seed=self.settings.seed,
                        arrivals=opened.arrivals,
                        manifest=candidate.manifest,
                        cost={"cost": cost, **counts},
                        stop_reason=str(candidate.stop_reason),
                        state="candidate" if candidate.loaded is not None else "diverged",
                        size=size,
                        created=now(),
                    )
                )
        with self.ledger.transaction():
            self.ledger.join(number, opened.arrivals, self.settings.window)
            self.ledger.change(RoundRow, number, state="trained")
        crash_point("round trained")

    def _judge(self, opened: RoundRow) -> None:
        """Compare the candidates with champion and anchor, or the first ones with predictors that learn nothing."""
        number = opened.number
        models = [model for model in self.ledger.models() if model.round == number]
        candidates = [model for model in models if model.state == "candidate"]
        rows = self.ledger.judging_rows(opened.arrivals, self.settings.window)
        found = self._compared(candidates, rows)
        judged = [one for one, _ in found]
        passing = sorted((one for one in judged if one.passes), key=lambda one: -one.merit)
        best = passing[0] if passing else None
        both = "; ".join(f"{one.model.strategy}: {one.reason.removeprefix('kept: ')}" for one in judged)
        reason = best.reason if best is not None else f"kept: {both}"
        if len(judged) == 1:
            reason = judged[0].reason
        if not judged:
            reason = "kept: training diverged, so there is no candidate"
        if best is not None and self.ledger.config("pinned") is not None:
            best, reason = None, f"kept: the champion is pinned ({reason})"
        if best is not None and opened.plan.get("rolled_back"):
            # Held-out rows of a poisoned arrival would judge what was trained on the others of it.
            reason = f"kept: the watch has just rolled back on what this round was trained on ({reason})"
            best = None
        verdict = "promote" if best is not None else "undecided"
        if (
            best is None
            and judged
            and all(one.verdict is not None and one.verdict.outcome == "worse" for one in judged)
        ):
            verdict = "worse"
        anchor = self.ledger.anchor()
        anchor_after = None if anchor is None else anchor.id
        # A tainted anchor is an opponent only until a clean model has passed it.
        is_left = anchor is None or anchor.state == "tainted" or not self.can_score(anchor)
        if best is not None and (best.verdict is None or best.verdict.becomes_anchor or is_left):
            anchor_after = best.model.id
        with self.ledger.transaction():
            for one, comparisons in found:
                self.ledger.insert(*comparisons, replace=True)
                is_worse = one.verdict is not None and one.verdict.outcome == "worse"
                self.ledger.change(ModelRow, one.model.id, state="worse" if is_worse else "undecided")
            self.ledger.change(
                RoundRow,
                number,
                state="judged",
                verdict=verdict,
                reason=reason,
                champion_after=opened.champion_before if best is None else best.model.id,
                anchor_after=anchor_after,
            )
        crash_point("round judged")

    def _compared(
        self, candidates: Sequence[ModelRow], rows: Sequence[SampleRow]
    ) -> list[tuple[_Judged, list[JudgementRow]]]:
        """Compare each candidate with champion and anchor, or with predictors that learn nothing."""
        champion, anchor = self.ledger.champion(), self.intact(self.ledger.anchor())
        is_first = champion is None
        if champion is not None and not self.can_score(champion):
            self._notes.append(
                f"The champion {champion.id[:12]} cannot be compared with: its file is gone or damaged, or rows lack "
                "its columns. Candidates are judged like a first model."
            )
            champion = None
        self.report(f"Judging {len(candidates)} candidate{'s' * (len(candidates) != 1)} on {len(rows):,} held-out rows")
        found: list[tuple[_Judged, list[JudgementRow]]] = []
        for model in candidates:
            rule = self.rule(model, alpha=self.settings.alpha / len(candidates))
            if not rows:
                reason = "kept: no held-out rows to judge by; larger arrivals or a larger holdout would have some"
                found.append((_Judged(model, None, None, reason), []))
            elif champion is None:
                found.append(self._beside_baseline(model, rows, rule, is_first=is_first))
            else:
                found.append(self._beside(model, champion, anchor, rows, rule))
        return found

    def _beside_baseline(
        self,
        model: ModelRow,
        rows: Sequence[SampleRow],
        rule: GateRule,
        *,
        is_first: bool = True,
        of: str = "held-out",
    ) -> tuple[_Judged, list[JudgementRow]]:
        """Judge a model that has no champion to be compared with against the best of what learns nothing.

        ``of`` is what the rows are.
        """
        training = self.ledger.training_rows(model.arrivals, self.settings.window)
        loaded = self.loaded(model)
        known = self.training_rows(training, None)
        baselines = baseline_scores(
            learner_of(loaded.manifest),
            known,
            self.rows(self.places(rows)),
            self._before(rows),
            metric=Metric(**loaded.manifest["metric"]),
        )
        values, units = self.scores(model, rows).values, self.units(rows)
        comparisons: dict[str, Comparison] = {}
        for name, scored in baselines.items():
            sign = 1.0 if scored.higher_is_better else -1.0
            comparisons[name] = beats_baseline(values, sign * scored.values, rule=rule, units=units)
        judgements = [_judgement(model, name, "baseline", "", one, rule) for name, one in comparisons.items()]
        # Persistence knows the label before, which a model does not: beside it the model is shown, not judged.
        trivial = {name: one for name, one in comparisons.items() if name != "persistence"}
        what = "the first model" if is_first else "the first model that can take these rows"
        if not trivial:
            return _Judged(model, None, _UNCONTESTED, f"promoted: {what}, and nothing to compare it with"), []
        name, worst = min(trivial.items(), key=lambda item: item[1].low)
        resolution = (
            rule.metric.text(worst.resolution, difference=True) if math.isfinite(worst.resolution) else "nothing"
        )
        judged_on = f"{worst.n:,} {of} {'rows' if units is None else 'groups'}"
        text = f"{worst.text(rule.metric)} against the {name} predictor on {judged_on}"
        if worst.is_better:
            reason = f"promoted: {what}, {text}, which resolve differences of {resolution}"
        else:
            reason = f"kept: {what} is not shown to beat what learns nothing, {text}"
        return _Judged(model, None, worst, reason), judgements

    def _before(self, rows: Sequence[SampleRow]) -> np.ndarray | None:
        """Return the label before each row in time; None where the order in time is not known."""
        if self.schema.order is None:
            return None
        labels = self.samples.labels
        return labels[np.maximum(self.places(rows) - 1, 0)]

    def _beside(
        self, model: ModelRow, champion: ModelRow, anchor: ModelRow | None, rows: Sequence[SampleRow], rule: GateRule
    ) -> tuple[_Judged, list[JudgementRow]]:
        """Judge a model against champion and anchor."""
        content = model.manifest.get("content")
        if content is not None and content == champion.manifest.get("content"):
            if champion.state != "tainted":
                reason = "kept: training has changed nothing, the candidate is the champion itself"
                return _Judged(model, None, None, reason), []
            reason = "promoted: it equals the champion, but was not trained on what was deleted or excluded"
            return _Judged(model, None, _UNCONTESTED, reason), []
        other = None if anchor is None or anchor.id == champion.id else anchor
        if other is not None and content is not None and content == other.manifest.get("content"):
            other = None  # what equals the anchor is within every tolerance of it
        classes = None
        if self.schema.classes:
            names = np.array(self.schema.classes, dtype=object)
            classes = names[self.samples.labels[self.places(rows)]]
        verdict = judge(
            self.scores(model, rows),
            self.scores(champion, rows),
            None if other is None else self.scores(other, rows),
            rule=rule,
            units=self.units(rows),
            classes=None if classes is None else classes.astype(str),
        )
        judgements = [_judgement(model, champion.id, "champion", "", verdict.champion, rule)]
        if verdict.anchor is not None and other is not None:
            judgements.append(_judgement(model, other.id, "anchor", "", verdict.anchor, rule))
        judgements += [_judgement(model, champion.id, "class", v.name, v.comparison, rule) for v in verdict.vetoes]
        return _Judged(model, verdict, None, verdict.reason), judgements

    def _decide(self, opened: RoundRow) -> UpdateResult:
        """Promote or keep, in one transaction with what the policy learns from the night."""
        number = opened.number
        row = self.ledger.rounds(last=1)[-1]
        if row.champion_after != row.champion_before and self.ledger.config("pinned") is not None:
            # Since it was judged, in a call that was interrupted.
            row = replace(
                row, champion_after=row.champion_before, reason=f"kept: the champion is pinned ({row.reason})"
            )
        models = [model for model in self.ledger.models() if model.round == number]
        plan = Plan(number, *(opened.plan[name] for name in ("arm", "audit", "reason", "begins_trial")))
        promoted = row.champion_after is not None and row.champion_after != row.champion_before
        costs = {model.strategy: float(model.cost["cost"]) for model in models}
        diverged = [model.strategy for model in models if model.state == "diverged"]
        before = self.policy()
        state = before.after_training(plan, costs)
        sentences: tuple[str, ...] = ()
        if isinstance(before, PolicyState) and isinstance(state, PolicyState):
            changed = zip(before.arms, state.arms, strict=True)
            sentences = tuple(new.reason for old, new in changed if new.status == "revoked" != old.status)
        for arm in diverged:
            state, more = state.after_failure(arm, number=number)
            sentences += more
        by_arm = {model.strategy: model for model in models if model.state != "diverged"}
        outcome = "promoted" if promoted else "kept"
        with self.ledger.transaction():
            if promoted and row.champion_after is not None:
                self.ledger.promote(
                    row.champion_after,
                    kind="gate",
                    reason=row.reason or "",
                    round_number=number,
                    as_anchor=row.anchor_after == row.champion_after,
                )
            if plan.audit and plan.arm != COLD and plan.arm in by_arm and COLD in by_arm:
                self.ledger.insert(AuditRow(number, plan.arm, by_arm[plan.arm].id, by_arm[COLD].id), replace=True)
            self.ledger.insert(LicenceRow(number, state.to_dict()), replace=True)
            self.ledger.change(
                RoundRow, number, state=outcome, ended=now(), champion_after=row.champion_after, reason=row.reason
            )
            for name, value in opened.plan.get("asked", {}).items():
                # What was asked for after the round was planned is for the next one.
                if value is not None and self.ledger.config(name) == value:
                    self.ledger.set_config(name, None)
            for sentence in sentences:
                self.ledger.add_event("licence", sentence, round_number=number)
            # The last event of a round: what comes after it is news for the next one.
            self.ledger.add_event("round", row.reason or "", round_number=number, outcome=outcome)
            self.ledger.post(number, "round", {"round": number, "outcome": outcome, "reason": row.reason})
        self._notes += sentences
        crash_point("round decided")
        repair(self.directory)
        champion = self.ledger.champion()
        arms = tuple(
            TrainedArm(
                strategy=model.strategy,
                model=model.id,
                stop_reason=model.stop_reason,
                state=self._state_of(model.id),
                cost=model.cost,
                judgements=tuple(one for one in self.ledger.judgements(number) if one.model == model.id),
            )
            for model in models
        )
        return UpdateResult(
            "rolled back" if opened.plan.get("rolled_back") and not promoted else outcome,
            number,
            None if champion is None else champion.id,
            row.reason or "",
            plan=plan.reason,
            arms=arms,
            notes=(
                *opened.plan.get("notes", ()),
                *(one for one in self._notes if one not in opened.plan.get("notes", ())),
            ),
        )

    def _state_of(self, model: str) -> str:
        found = self.ledger.model(model)
        assert found is not None, "it was just trained"
        return found.state

    def _nothing_new(self, reason: str = "Nothing has arrived since the last round.") -> UpdateResult:
        champion, waiting = self.ledger.champion(), self.ledger.waiting_rows()
        if waiting:
            reason = f"Nothing with labels has arrived since the last round; {waiting:,} rows wait for theirs."
        if not self.ledger.accepted_arrivals():
            reason = "Nothing has arrived yet: add data with `warmstart retrain add`."
        return UpdateResult("nothing new", None, None if champion is None else champion.id, reason)


_UNCONTESTED = Comparison(0.0, 0.0, 0.0, 0, 0.0)


def _judgement(
    model: ModelRow, opponent: str, role: str, detail: str, found: Comparison, rule: GateRule
) -> JudgementRow:
    # A ledger holds no infinite numbers: nothing was compared, and there is no interval.
    low, high = (value if math.isfinite(value) else math.copysign(1e300, value) for value in (found.low, found.high))
    detail = detail or (opponent if role == "baseline" else "")
    return JudgementRow(model.round, model.id, opponent, role, detail, found.n, found.mean, low, high, found.tolerance)


def _takes_model(tables: Mapping[str, Any]) -> bool:
    """Return whether a project's learner is one of the built-in ones, which take an architecture."""
    name = tables.get("learner", {}).get("name", "classifier")
    return ":" not in str(name)
