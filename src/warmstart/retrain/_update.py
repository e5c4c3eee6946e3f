"""One night of a project: score what has arrived, watch, train, judge, promote.

The steps of a round, each durable before the next one begins, so that a round that was interrupted is resumed::

    score(pending arrivals)            # before anything is trained on them: champion, predecessor, models of audits
    watch(champion, predecessor)       # may roll back
    judge(undecided candidates)        # of the last rounds, on all that has arrived since; may promote
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
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from warmstart.basics import InputError, derived_seed, shown, torch_threads

from ._arrivals import check_arrivals
from ._champion import AUDIT_NEXT, COLD_NEXT, PINNED, abandon_round, finish_deletions, repair
from ._check import CheckReport, check_training
from ._evidence import Evidence
from ._judging import Judging
from ._ledger import (
    LEDGER,
    ArrivalRow,
    AuditRow,
    Ledger,
    LicenceRow,
    ModelRow,
    RoundRow,
    now,
)
from ._lock import project_lock
from ._objects import (
    crash_point,
    draft_file,
    free_space_check,
    store_object,
    verify_object,
)
from ._policy import Plan, PolicyState
from ._project_data import COLD, ProjectData, Report
from ._results import TrainedArm, UpdateResult
from ._settings import read_project
from ._training import train_candidate
from ._upkeep import verify_files
from ._words import counted

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
            found = _Night(ProjectData(project, ledger, report or (lambda _: None)), budget_seconds).run()
            count = finish_deletions(directory, ledger)
            if not count:
                return found
            note = f"The deletions asked for are done: {counted(count, 'model')} trained on the rows removed."
            return replace(found, notes=(*found.notes, note))


def check(directory: Path) -> CheckReport:
    """Run all that a project does with its learner on 64 of its rows; see :func:`check_training`."""
    project = read_project(directory)
    with Ledger.open(directory / LEDGER) as ledger, torch_threads(project.settings.threads):
        data = ProjectData(project, ledger, lambda _: None)
        rows = ledger.training_rows(ledger.latest_arrival(), project.settings.window)
        if not rows:
            raise InputError("There must be rows with labels to check with: add some with `warmstart retrain add`.")
        check_arrivals(directory, data.arrivals)
        study = data.study([COLD])
        return check_training(study.trial(COLD, project.settings.seed), data.training_rows(rows, None))


class _Night:
    """One call of :func:`update`."""

    def __init__(self, data: ProjectData, budget_seconds: float | None) -> None:
        self.data, self.budget = data, budget_seconds
        self.ledger, self.report = data.ledger, data.report
        self.directory, self.settings = data.directory, data.settings
        self._notes: list[str] = []
        self.judging = Judging(data, self._notes)
        self.evidence = Evidence(data, self.judging)

    def run(self) -> UpdateResult:
        if self.ledger.open_round() is not None:
            self._check_files()
        opened = self.ledger.open_round()
        if opened is not None and opened.state == "open" and (reason := self._outdated(opened)) is not None:
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
                self.evidence.weigh(pending)
            opened = self._open(pending, asked)
        else:
            self.report(f"Resuming round {opened.number}, which was interrupted")
        if opened.state == "open":
            self._train(opened)
        if opened.state in ("open", "trained"):
            self._judge(opened)
        found = self._decide(self.ledger.rounds(last=1)[-1])
        return self._clean_at_last(found) if self._is_overdue else found

    def _outdated(self, opened: RoundRow) -> str | None:
        """Return why an interrupted round can no longer be trained as it was planned; None: it can."""
        arm = opened.plan["arm"]
        if arm not in self.data.policy().specs:
            return f"It was planned for {shown(arm)}, which is no start of the policy any more."
        start = self.ledger.model(opened.plan["start"])
        if start is None:
            return None
        rows = self.ledger.training_rows(opened.arrivals, self.settings.window)
        return self.data.obstacle(start, self.data.training_rows(rows, start))

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
        clean = [one for one in self.ledger.models("undecided", "worse", "former") if self.data.can_score(one)]
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
        best = max(clean, key=lambda one: (self.data.scores(one, rows).values.mean() if rows else 0.0, one.round))
        reason = "promoted without passing the gate: the time for a deletion is over"
        with self.ledger.transaction():
            self.ledger.promote(best.id, kind="gate", reason=reason, round_number=None, as_anchor=True)
            self.ledger.set_config(PINNED, None)
            self.ledger.add_event("deletion", f"Model {best.id[:12]} {reason}.", model=best.id)
        crash_point("clean model promoted")
        repair(self.directory)
        if found is None:
            return UpdateResult("promoted", None, best.id, f"Model {best.id[:12]} of round {best.round}: {reason}.")
        return replace(found, outcome="promoted", champion=best.id, reason=f"{reason} ({found.reason})")

    def _check_files(self) -> None:
        """Do without models whose files are damaged: the last good one serves, and another one is continued.

        Raises:
            StorageError: If an arrival is damaged. Without it the same data would give another model.
        """
        ledger, opened = self.ledger, self.ledger.open_round()
        check_arrivals(self.directory, self.data.arrivals)
        wanted = [ledger.champion(), ledger.anchor(), ledger.predecessor(), ledger.lineage()]
        wanted += self.judging.challengers()
        wanted += [ledger.model(each) for one in ledger.pending_audits() for each in (one.arm_model, one.cold_model)]
        of_round = [] if opened is None else ledger.models_of(opened.number)
        of_round += [] if opened is None or opened.state != "open" else [ledger.model(opened.plan["start"])]
        names = {model.id: model.size for model in (*wanted, *of_round) if model is not None and model.size}
        damaged = {name for name, size in names.items() if verify_object(self.directory, "models", name, size=size)}
        if not damaged:
            return
        self.data.damaged = damaged - set(verify_files(self.directory, ledger).restored)
        if self.data.damaged.intersection(model.id for model in of_round if model is not None):
            with ledger.transaction():
                abandon_round(ledger, "the file of a model that it needs is damaged")

    # The round.

    def _planned(
        self, pending: Sequence[ArrivalRow], asked: Mapping[str, str | None], number: int, latest: int
    ) -> tuple[Plan, ModelRow | None]:
        """Return what a round is to train, and the model that it continues; None: there is none."""
        start = self.ledger.lineage()
        if start is not None and start.id in self.data.damaged:
            start = None
        rows = self.ledger.training_rows(latest, self.settings.window)
        training = None if start is None else self.data.training_rows(rows, start)
        if start is not None and training is not None and (reason := self.data.obstacle(start, training)) is not None:
            self._notes.append(f"The round starts cold: {reason[0].lower()}{reason[1:]}")
            start = None
        models = self.ledger.models()
        last_cold = next((one for one in reversed(models) if one.strategy == COLD and one.cost.get("cost")), None)
        cold_cost = None
        if last_cold is not None:
            # By the rows: what a cold start costs grows with what it is trained on.
            cold_cost = last_cold.cost["cost"] * len(rows) / max(last_cold.cost["rows"], 1)
        plan = self.data.policy().plan(
            number=number,
            can_continue=start is not None and asked[COLD_NEXT] is None,
            suspicion=self._suspicion(pending),
            cold_cost=cold_cost,
        )
        if asked[AUDIT_NEXT] is not None and plan.arm != COLD:
            plan = replace(plan, audit=True, reason=f"{plan.reason}; an audit was asked for")
        if plan.audit and self.budget is not None:
            # Of each strategy the last round's; 0 where nothing is known.
            seconds = {one.strategy: one.cost.get("seconds", 0.0) for one in models}
            if sum(seconds.get(arm, seconds.get(COLD, 0.0)) for arm in (plan.arm, COLD)) > self.budget:
                reason = f"{plan.reason}; the cold start beside it does not fit the budget"
                plan = replace(plan, audit=False, reason=reason)
        if plan.begins_trial and start is not None and training is not None and start.strategy != COLD:
            # Another arm's model would be blamed on the arm on trial.
            others = reversed(self.ledger.models("champion", "former", "undecided"))
            usable = (one for one in others if one.strategy == COLD and one.size and one.id not in self.data.damaged)
            start = next((one for one in usable if self.data.obstacle(one, training) is None), start)
        return plan, start

    def _open(self, pending: Sequence[ArrivalRow], asked: Mapping[str, str | None]) -> RoundRow:
        """Decide what the round trains, and write it down."""
        latest = max([one.number for one in self.data.arrivals], default=0)
        number = self.ledger.next_round_number()
        plan, start = self._planned(pending, asked, number, latest)
        # What cannot be trained, such as a strategy that does not exist, is refused before the round is written down.
        self.data.study([plan.arm])
        since = self.evidence.news()
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
                "promoted": next(
                    (
                        {"model": event.data["model"], "text": event.text}
                        for event in since
                        if event.kind == "promotion"
                    ),
                    None,
                ),
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
        if last and any(model.stop_reason in ("limit", "diverged") for model in self.ledger.models_of(last[-1].number)):
            return "the last round ended at its limit"
        champion = self.data.intact(self.ledger.champion())
        if champion is None or not pending:
            return None
        new = self.ledger.labelled_samples(one.number for one in pending)
        old = self.ledger.judging_rows(min(one.number for one in pending) - 1, self.settings.window)
        old = [one for one in old if one.arrival > champion.arrivals - self.settings.window]
        if len(new) < 30 or len(old) < 30:
            return None
        now_scores, before = (self.data.scores(champion, part).values for part in (new, old))
        error = math.sqrt(now_scores.var() / len(new) + before.var() / len(old))
        drop = before.mean() - now_scores.mean()
        return "the champion scores worse on what has just arrived" if error and drop > 3 * error else None

    def _train(self, opened: RoundRow) -> None:
        """Train every arm of the round that has no model yet."""
        plan, number = opened.plan, opened.number
        arms = [plan["arm"], *([COLD] if plan["audit"] and plan["arm"] != COLD else [])]
        trained = {model.strategy for model in self.ledger.models_of(number)}
        start = self.ledger.model(plan["start"])
        rows = self.ledger.training_rows(opened.arrivals, self.settings.window)
        training = self.data.training_rows(rows, start)
        for arm in arms:
            if arm in trained:
                continue
            self.report(f"Training round {number}: {arm} on {len(rows):,} rows")
            study = self.data.study([arm])
            trial = study.trial(study.labels[0], self.settings.seed)
            candidate = train_candidate(
                trial,
                training,
                None if start is None else self.data.loaded(start),
                number=number,
                tables=self.data.project.tables,
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
        models = self.ledger.models_of(number)
        candidates = [model for model in models if model.state == "candidate"]
        rows = self.ledger.judging_rows(opened.arrivals, self.settings.window)
        found = self.judging.compared(candidates, rows)
        judged = [one for one, _ in found]
        passing = sorted((one for one in judged if one.passes), key=lambda one: -one.merit)
        best = passing[0] if passing else None
        both = "; ".join(f"{one.model.strategy}: {one.reason.removeprefix('kept: ')}" for one in judged)
        reason = best.reason if best is not None else f"kept: {both}"
        if len(judged) == 1:
            reason = judged[0].reason
        if not judged:
            reason = "kept: training diverged, so there is no candidate"
        if best is not None and self.ledger.config(PINNED) is not None:
            best, reason = None, f"kept: the champion is pinned ({reason})"
        if best is not None and opened.plan.get("rolled_back"):
            # Held-out rows of a poisoned arrival would judge what was trained on the others of it.
            reason = f"kept: the watch has just rolled back on what this round was trained on ({reason})"
            best = None
        verdict: str | None = "promote"
        notes = opened.plan.get("notes", [])
        if best is None:
            # A veto or a pin has decided, not the interval.
            outcomes = {
                None if found is None or (found.vetoes and found.outcome != "worse") else found.outcome
                for found in (one.verdict for one in judged)
            }
            verdict = outcomes.pop() if outcomes in ({"worse"}, {"undecided"}) else "mixed"
        if verdict == "undecided" and (note := self.judging.resolution_note(judged)) is not None:
            notes = [*notes, note]
        anchor = self.ledger.anchor()
        anchor_after = None if anchor is None else anchor.id
        if best is not None and self.judging.is_anchor(best):
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
                plan={**opened.plan, "notes": notes},
                reason=reason,
                champion_after=opened.champion_before if best is None else best.model.id,
                anchor_after=anchor_after,
            )
        crash_point("round judged")

    def _decide(self, opened: RoundRow) -> UpdateResult:
        """Promote or keep, in one transaction with what the policy learns from the night."""
        number = opened.number
        if opened.champion_after != opened.champion_before and self.ledger.config(PINNED) is not None:
            # Since it was judged, in a call that was interrupted.
            opened = replace(
                opened, champion_after=opened.champion_before, reason=f"kept: the champion is pinned ({opened.reason})"
            )
        models = self.ledger.models_of(number)
        plan = Plan(number, *(opened.plan[name] for name in ("arm", "audit", "reason", "begins_trial")))
        promoted = opened.champion_after is not None and opened.champion_after != opened.champion_before
        costs = {model.strategy: float(model.cost["cost"]) for model in models}
        diverged = [model.strategy for model in models if model.state == "diverged"]
        before = self.data.policy()
        # A policy that was chosen since the round was planned learns nothing from a start that is none of its own.
        learns = not isinstance(before, PolicyState) or plan.arm in before.specs
        state = before.after_training(plan, costs) if learns else before
        sentences: tuple[str, ...] = ()
        if isinstance(before, PolicyState) and isinstance(state, PolicyState):
            changed = zip(before.arms, state.arms, strict=True)
            sentences = tuple(new.reason for old, new in changed if new.status == "revoked" != old.status)
        for arm in diverged if learns else ():
            state, more = state.after_failure(arm, number=number)
            sentences += more
        by_arm = {model.strategy: model for model in models if model.state != "diverged"}
        outcome: Literal["promoted", "kept"] = "promoted" if promoted else "kept"
        with self.ledger.transaction():
            if promoted and opened.champion_after is not None:
                self.ledger.promote(
                    opened.champion_after,
                    kind="gate",
                    reason=opened.reason or "",
                    round_number=number,
                    as_anchor=opened.anchor_after == opened.champion_after,
                )
            if plan.audit and plan.arm != COLD and plan.arm in by_arm and COLD in by_arm:
                self.ledger.insert(AuditRow(number, plan.arm, by_arm[plan.arm].id, by_arm[COLD].id), replace=True)
            self.ledger.insert(LicenceRow(number, state.to_dict()), replace=True)
            self.ledger.change(
                RoundRow, number, state=outcome, ended=now(), champion_after=opened.champion_after, reason=opened.reason
            )
            for name, value in opened.plan.get("asked", {}).items():
                # What was asked for after the round was planned is for the next one.
                if value is not None and self.ledger.config(name) == value:
                    self.ledger.set_config(name, None)
            for sentence in sentences:
                self.ledger.add_event("licence", sentence, round_number=number)
            # The last event of a round: what comes after it is news for the next one.
            self.ledger.add_event("round", opened.reason or "", round_number=number, outcome=outcome)
            self.ledger.post(number, "round", {"round": number, "outcome": outcome, "reason": opened.reason})
        self._notes += sentences
        crash_point("round decided")
        repair(self.directory)
        return self._result(opened, plan, outcome, opened.reason or "")

    def _result(self, opened: RoundRow, plan: Plan, outcome: Literal["promoted", "kept"], reason: str) -> UpdateResult:
        """Return what a round that was decided has come to."""
        number, champion = opened.number, self.ledger.champion()
        judgements, known = self.ledger.judgements(number), opened.plan.get("notes", ())
        arms = tuple(
            TrainedArm(
                strategy=model.strategy,
                model=model.id,
                stop_reason=model.stop_reason,
                state=model.state,
                cost=model.cost,
                judgements=tuple(one for one in judgements if one.model == model.id),
            )
            for model in self.ledger.models_of(number)
        )
        final: Literal["promoted", "kept", "rolled back"] = outcome
        # It may have been rolled back since, in a call that was interrupted.
        earlier = opened.plan.get("promoted") or {}
        serves = champion is not None and champion.state == "champion" and champion.id == earlier.get("model")
        if outcome == "kept" and opened.plan.get("rolled_back"):
            final = "rolled back"
        elif outcome == "kept" and serves:
            text = earlier["text"]
            final, reason = "promoted", f"promoted: {text[0].lower()}{text[1:-1]}; round {number}: {reason}"
        known = [note for note in known if note != earlier.get("text")]
        return UpdateResult(
            final,
            number,
            None if champion is None else champion.id,
            reason,
            plan=plan.reason,
            arms=arms,
            notes=(*known, *(one for one in self._notes if one not in known)),
        )

    def _nothing_new(self, reason: str = "Nothing has arrived since the last round.") -> UpdateResult:
        champion, waiting = self.ledger.champion(), self.ledger.waiting_rows()
        if waiting:
            reason = f"Nothing with labels has arrived since the last round; {waiting:,} rows wait for theirs."
        if not self.ledger.accepted_arrivals():
            has_arrived = bool(self.ledger.arrivals())
            reason = "Nothing that has arrived counts, all is excluded" if has_arrived else "Nothing has arrived yet"
            reason += ": add data with `warmstart retrain add`."
        return UpdateResult("nothing new", None, None if champion is None else champion.id, reason)
