"""What has arrived, as evidence on models that have not seen it: audits, the watch, and later looks of the gate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from warmstart.statistics import shared_variance

from ._champion import PINNED, repair
from ._gate import GateRule, difference_of
from ._judging import Judged, Judging
from ._ledger import ArrivalRow, AuditRow, EventRow, JudgementRow, LicenceRow, ModelRow, SampleRow, WatchRow
from ._objects import crash_point
from ._policy import Policy, PolicyState
from ._project_data import ProjectData
from ._watch import watch

_WATCH_ALPHA = 0.01


class Evidence:
    """Scores models on what has arrived before anything is trained on it.

    Args:
        data: Of the project.
        judging: Compares models.
    """

    def __init__(self, data: ProjectData, judging: Judging) -> None:
        self.data, self.judging = data, judging
        self.ledger, self.report = data.ledger, data.report
        self.directory, self.settings = data.directory, data.settings

    def weigh(self, pending: Sequence[ArrivalRow]) -> None:
        """Let models be tested on what they have not seen: audits get their differences, the watch its evidence."""
        champion, predecessor = self.data.intact(self.ledger.champion()), self.data.intact(self.ledger.predecessor())
        audits = self.ledger.pending_audits()
        latest = self.ledger.latest_arrival()
        rows = self.ledger.labelled_samples(sorted(one.number for one in pending))
        if not rows:
            return
        if champion is None:
            self._promote_late(self.judging.first_again(latest), latest)
            # A trial must not wait for a champion: it would be paid for without learning anything.
            self._close_audits(audits, latest)
            return
        self.report(f"Scoring {len(rows):,} new rows before training on them")
        tested = [champion, *([predecessor] if predecessor is not None else [])]
        audited = [
            self.data.intact(self.ledger.model(each)) for one in audits for each in (one.arm_model, one.cold_model)
        ]
        for model in {one.id: one for one in (*tested, *audited) if one is not None}.values():
            self.data.scores(model, rows)
        crash_point("arrivals scored")
        self._close_audits(audits, latest)
        # In a call that was interrupted another model may have come to serve already, by this very evidence.
        if any(event.kind in ("watch", "promotion") for event in self.news()):
            return
        if (
            predecessor is not None
            and predecessor.state in ("former", "champion")
            and self._watch(champion, predecessor, pending[-1].number)
        ):
            return  # what has just been shown to be bad data must not choose another champion
        self._promote_late(self.judging.again(champion, latest), latest)

    def news(self) -> list[EventRow]:
        """Return what has happened since the last round was decided, also in a call that was interrupted."""
        return self.ledger.select(
            EventRow,
            "WHERE id > (SELECT coalesce(max(id), 0) FROM event WHERE kind = 'round') AND kind IN "
            "('licence', 'watch', 'promotion', 'verify') ORDER BY id",
        )

    def _promote_late(self, found: Sequence[tuple[Judged, list[JudgementRow]]], latest: int) -> None:
        """Let the newest candidate of earlier rounds serve that has passed on what has arrived since."""
        if not found:
            return
        passing = [one for one, _ in found if one.passes and self.ledger.config(PINNED) is None]
        best = max(passing, key=lambda one: (one.model.round, one.merit), default=None)
        with self.ledger.transaction():
            for one, judgements in found:
                self.ledger.insert(*judgements, replace=True)
                if one.verdict is not None and one.verdict.outcome == "worse":
                    self.ledger.change(ModelRow, one.model.id, state="worse")
            if best is not None:
                self.ledger.promote(
                    best.model.id,
                    kind="gate",
                    reason=best.reason,
                    round_number=best.model.round,
                    as_anchor=self.judging.is_anchor(best),
                    arrivals=latest,
                )
                text = f"The model of round {best.model.round} serves now: {best.reason.removeprefix('promoted: ')}."
                self.ledger.add_event("promotion", text, round_number=best.model.round, model=best.model.id)
                payload = {"round": best.model.round, "outcome": "promoted", "reason": best.reason}
                self.ledger.post(best.model.round, "promotion", payload)
        if best is not None:
            crash_point("promoted late")
            repair(self.directory)

    def _close_audits(self, audits: Sequence[AuditRow], latest: int) -> None:
        """Note what a strategy and a cold start of the same night score on what they have not seen.

        That is the rows held out so far and all that has arrived since: the next arrival alone, of few rows, would say
        next to nothing.
        """
        for audit in audits:
            arm, cold = (self.data.intact(self.ledger.model(each)) for each in (audit.arm_model, audit.cold_model))
            if arm is None or cold is None:
                continue
            rows = self.ledger.unseen_rows([arm, cold], latest, self.settings.window)
            rule, units = self.data.rule(arm, alpha=self.settings.alpha), self.data.units(rows)
            values = [self.data.scores(model, rows).values for model in (arm, cold)]
            differences, tolerance = difference_of(*values, rule=rule, units=units)
            if not len(differences):
                continue
            mean, count = float(differences.mean()), len(differences)
            policy = self.data.policy()
            state, sentences = policy.after_difference(
                audit.arm,
                mean,
                number=audit.round,
                tolerance=tolerance,
                # Of rows also where there are groups: with a seventh of the range, no start of a weekly arrival that is
                # grouped by day could ever be licensed.
                step=0.0 if rule.score_range is None else rule.score_range / len(rows),
                shared=self._shared(replace(audit, arrival=latest, difference=mean, n=count), policy, rows, rule),
                metric=rule.metric,
            )
            last = self.ledger.rounds(last=1)[-1].number
            with self.ledger.transaction():
                self.ledger.change(AuditRow, audit.round, arrival=latest, difference=mean, n=count)
                self.ledger.insert(LicenceRow(last, state.to_dict()), replace=True)
                for sentence in sentences:
                    self.ledger.add_event("licence", sentence, round_number=audit.round, arm=audit.arm)

    def _shared(self, audit: AuditRow, policy: Policy, rows: Sequence[SampleRow], rule: GateRule) -> float:
        """Return the variance that the mean of a trial's differences has because rows judge in several audits.

        Args:
            audit: That is being closed; its models have been scored on the rows.
            policy: Before it.
            rows: That judge in it; those held out judged in earlier audits, too.
            rule: How scores are compared.
        """
        if not isinstance(policy, PolicyState):
            return 0.0
        known = policy.arm(audit.arm)
        closed = self.ledger.select(AuditRow, "WHERE arm = ? AND difference IS NOT NULL ORDER BY round", audit.arm)
        counted = [*(one for one in closed if one.round in known.rounds), audit]
        arrivals, units = np.array([one.arrival for one in rows]), self.data.units(rows)
        numbers = np.arange(len(rows)) if units is None else units
        found = np.full((len(counted), int(numbers.max()) + 1), np.nan)
        for place, one in enumerate(counted):
            models = [self.ledger.model(each) for each in (one.arm_model, one.cold_model)]
            # What has arrived since an audit was closed was no part of it.
            scores = [
                np.where(arrivals <= (one.arrival or 0), self.data.cached_scores(model, rows), np.nan)
                for model in models
                if model is not None
            ]
            if len(scores) == len(models):
                judged = numbers[~np.isnan(scores).any(0)]
                # Once each, in the order of their first row.
                found[place, list(dict.fromkeys(judged.tolist()))] = difference_of(*scores, rule=rule, units=units)[0]
        counts = np.maximum([one.n for one in counted], np.isfinite(found).sum(1))
        mean = sum((*known.differences, audit.difference or 0.0)) / (len(known.differences) + 1)
        return shared_variance(found, counts, mean=mean)

    def _watch(self, champion: ModelRow, predecessor: ModelRow, latest: int) -> bool:
        """Compare the champion with what served before it, on all that has arrived since; roll back if it is worse.

        Returns:
            Whether it was rolled back.
        """
        serving = self.ledger.serving()
        assert serving is not None, "a champion was promoted"
        numbers = (arrival.number for arrival in self.data.arrivals)
        rows = self.ledger.labelled_samples(one for one in numbers if serving.arrivals < one <= latest)
        if not rows:
            return False
        rule = self.data.rule(champion, alpha=_WATCH_ALPHA)
        left, right = (self.data.scores(model, rows).values for model in (champion, predecessor))
        found = watch(left, right, rule=rule, units=self.data.units(rows))
        number = self.ledger.next_round_number()
        upper = math.nan if found.upper is None else found.upper
        noted = WatchRow(number, latest, found.t, found.mean, upper, found.tolerance, found.alarm)
        pinned = self.ledger.config(PINNED) is not None
        if not found.alarm or pinned:
            with self.ledger.transaction():
                self.ledger.insert(noted, replace=True)
            return False
        metric = rule.metric
        reason = (
            f"rolled back: {metric.text(abs(found.mean), difference=True)} worse than the champion before it on "
            f"{found.t:,} {'rows' if self.data.schema.group is None else 'groups'} that arrived since"
        )
        with self.ledger.transaction():
            self.ledger.insert(noted, replace=True)
            self.ledger.promote(predecessor.id, kind="watch", reason=reason, round_number=None, as_anchor=False)
            self.ledger.add_event("watch", reason, model=champion.id, to=predecessor.id)
        crash_point("watch rolled back")
        repair(self.directory)
        return True
