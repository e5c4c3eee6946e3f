"""What has arrived, as evidence on models that have not seen it: audits, the watch, and later looks of the gate."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
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
from ._sides import HOLDOUT
from ._watch import watch

_WATCH_ALPHA = 0.01
# Fewer groups say next to nothing of others: with two or three that are the same every night too many starts would be
# licensed that cost the tolerance.
_FEWEST_UNITS = 5


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
                # It would wait for ever, and keep both files: a model is damaged, or needs a column that is gone.
                with self.ledger.transaction():
                    self.ledger.end_audit(audit.round)
                    text = f"The audit of round {audit.round} is given up: one of its models cannot be scored."
                    self.ledger.add_event("audit", text, round_number=audit.round, arm=audit.arm)
                continue
            policy, rounds = self.data.policy(), ()
            if isinstance(policy, PolicyState) and audit.arm in policy.specs:
                rounds = policy.arm(audit.arm).rounds
            found = self.ledger.select(AuditRow, "WHERE arm = ? ORDER BY round", audit.arm)
            earlier = [one for one in found if one.round in rounds]
            *rows_before, rows = self._judging_rows([*earlier, replace(audit, arrival=latest)])
            rule, units = self.data.rule(arm, alpha=self.settings.alpha), self.data.units(rows)
            values = [self.data.scores(model, rows).values for model in (arm, cold)]
            differences, tolerance = difference_of(*values, rule=rule, units=units)
            if not len(differences):
                continue
            closed = replace(audit, arrival=latest, difference=float(differences.mean()), n=len(differences))
            judged = list(zip([*earlier, closed], [*rows_before, rows], strict=True))
            state, sentences = self._learned(policy, judged, rule, tolerance)
            last = self.ledger.rounds(last=1)[-1].number
            with self.ledger.transaction():
                self.ledger.change(AuditRow, audit.round, arrival=latest, difference=closed.difference, n=closed.n)
                self.ledger.insert(LicenceRow(last, state.to_dict()), replace=True)
                for sentence in sentences:
                    self.ledger.add_event("licence", sentence, round_number=audit.round, arm=audit.arm)

    def _judging_rows(self, audits: Sequence[AuditRow]) -> Iterator[list[SampleRow]]:
        """Yield, audit by audit, the rows that judge in it, as its arrival had them.

        Of those that its models do not know: what was held out, and what has arrived since the round. What a known
        group brings is new, too, and both models know as much of it; a newer version of a row that was trained on is
        not.
        """
        is_grouped, window = self.data.schema.group is not None, self.settings.window
        first = min(one.round for one in audits)
        unknown = self.ledger.unknown_rows(first, max(one.arrival or 0 for one in audits))
        joined = self.ledger.first_joined(first, grouped=is_grouped)
        for audit in audits:
            model, latest = self.ledger.model(audit.arm_model), audit.arrival or 0
            since = latest if model is None else model.arrivals
            yield [
                one
                for one in unknown
                if one.arrival <= latest
                and (one.superseded_by is None or one.superseded_by > latest)
                and (one.joined is None or one.joined > audit.round)
                and (one.arrival > since or (one.side == HOLDOUT and one.arrival > since - window))
                and joined.get(one.key if is_grouped else one.unit, math.inf) > audit.round
            ]

    def _learned(
        self,
        policy: Policy,
        judged: Sequence[tuple[AuditRow, Sequence[SampleRow]]],
        rule: GateRule,
        tolerance: float,
    ) -> tuple[Policy, tuple[str, ...]]:
        """Return the policy after an audit, and what that changed.

        Args:
            policy: Before it.
            judged: The audits of the trial with the rows that judge in each; the last is new, with its difference.
            rule: How scores are compared.
            tolerance: In the unit of the difference.
        """
        (audit, rows), shared = judged[-1], 0.0
        if isinstance(policy, PolicyState):
            if audit.arm not in policy.specs:
                return policy, ()  # of a fixed policy before
            table, is_whole = self._table(judged, rule)
            shared = shared_variance(table)
            if not is_whole:
                # Such as after rows were forgotten.
                shared = max(shared, policy.arm(audit.arm).shared)
            if table.shape[1] < _FEWEST_UNITS:
                # What they have in common may be as large as the largest difference of all.
                shared = max(shared, float(np.nanmax(table**2, initial=0.0)))
        return policy.after_difference(
            audit.arm,
            audit.difference or 0.0,
            number=audit.round,
            tolerance=tolerance,
            # Of rows also where there are groups: with a seventh of the range, no start of a weekly arrival that is
            # grouped by day could ever be licensed.
            step=0.0 if rule.score_range is None else rule.score_range / len(rows),
            shared=shared,
            metric=rule.metric,
        )

    def _table(self, judged: Sequence[tuple[AuditRow, Sequence[SampleRow]]], rule: GateRule) -> tuple[np.ndarray, bool]:
        """Return the differences of audits by what has judged in them, of shape (audits, units), NaN where one has not.

        And whether all of it is still known; arguments as of :meth:`_learned`.
        """
        places: dict[str, int] = {}
        parts: list[tuple[np.ndarray, np.ndarray]] = []
        is_whole = True
        for one, rows in judged:
            models = [self.ledger.model(each) for each in (one.arm_model, one.cold_model)]
            scores = [self.data.cached_scores(model, rows) for model in models if model is not None]
            if len(scores) < len(models):
                is_whole = False
                continue
            differences, _ = difference_of(*scores, rule=rule)
            # A row with a newer version, such as one with its label at last, is the same one.
            missing = np.isnan(scores[0] + scores[1])
            units = [row.unit for row, is_missing in zip(rows, missing, strict=True) if not is_missing]
            of_rows = np.array([places.setdefault(unit, len(places)) for unit in units], dtype=np.int64)
            parts.append((of_rows, differences))
            is_whole &= (len(units) if self.data.schema.group is None else len(set(units))) >= one.n
        table = np.full((len(parts), len(places)), np.nan)
        for row, (of_rows, differences) in zip(table, parts, strict=True):
            counts = np.bincount(of_rows, minlength=len(places))
            sums = np.bincount(of_rows, differences, minlength=len(places))
            np.divide(sums, counts, out=row, where=counts > 0)
        return table, is_whole

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
