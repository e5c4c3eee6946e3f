"""How candidates are judged: beside champion and anchor, or beside predictors that learn nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from warmstart.basics import Metric

from ._gate import (
    FIRST_SHARE,
    LATER_LOOKS,
    LATER_SHARE,
    Comparison,
    GateRule,
    Verdict,
    beats_baseline,
    judge,
)
from ._ledger import (
    JudgementRow,
    ModelRow,
    SampleRow,
)
from ._model_file import learner_of
from ._project_data import ProjectData
from ._scoring import baseline_scores

_UNDECIDED_RUNNING = 3
"""Undecided rounds in a row after which `update` says what would change that."""
_UNCONTESTED = Comparison(0.0, 0.0, 0.0, 0, 0.0)


@dataclass(frozen=True, eq=False)
class Judged:
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


class Judging:
    """Compares models on rows that none of them was trained on.

    Args:
        data: Of the project.
        notes: Takes what a reader of the result should know, one sentence each.
    """

    def __init__(self, data: ProjectData, notes: list[str]) -> None:
        self.data, self.ledger, self.settings, self.report = data, data.ledger, data.settings, data.report
        self._notes = notes

    def compared(
        self, candidates: Sequence[ModelRow], rows: Sequence[SampleRow]
    ) -> list[tuple[Judged, list[JudgementRow]]]:
        """Compare each candidate with champion and anchor, or with predictors that learn nothing."""
        champion, anchor = self.ledger.champion(), self.data.intact(self.ledger.anchor())
        is_first = champion is None
        if champion is not None and not self.data.can_score(champion):
            self._notes.append(
                f"The champion {champion.id[:12]} cannot be compared with: its file is gone or damaged, or rows lack "
                "its columns or hold something else in them. Candidates are judged like a first model."
            )
            champion = None
        self.report(f"Judging {len(candidates)} candidate{'s' * (len(candidates) != 1)} on {len(rows):,} held-out rows")
        found: list[tuple[Judged, list[JudgementRow]]] = []
        for model in candidates:
            share = 1.0 if champion is None else FIRST_SHARE
            rule = self.data.rule(model, alpha=share * self.settings.alpha / len(candidates))
            if not rows:
                reason = "kept: no held-out rows to judge by; larger arrivals or a larger holdout would have some"
                found.append((Judged(model, None, None, reason), []))
            elif champion is None:
                found.append(self.beside_baseline(model, rows, rule, is_first=is_first))
            else:
                found.append(self.beside(model, champion, anchor, rows, rule))
        return found

    def challengers(self) -> list[ModelRow]:
        """Return the candidates that may still pass, newest first: undecided, and newer than the champion."""
        champion = self.ledger.champion()
        if champion is None:
            return []
        oldest = max(champion.round + 1, self.ledger.next_round_number() - LATER_LOOKS)
        return [model for model in reversed(self.ledger.models("undecided")) if model.round >= oldest and model.size]

    def again(self, champion: ModelRow, latest: int) -> list[tuple[Judged, list[JudgementRow]]]:
        """Compare each challenger with the champion once more, newest first.

        Held-out rows alone, of which there may be few, could not tell; now there is all that has arrived since. A
        candidate is looked at before each of the next ``LATER_LOOKS`` rounds.
        """
        number, anchor = self.ledger.next_round_number(), self.data.intact(self.ledger.anchor())
        found = []
        for model in filter(self.data.can_score, self.challengers()):
            compared = [model, champion, *([] if anchor is None else [anchor])]
            rows = self.ledger.unseen_rows(compared, latest, self.settings.window)
            of_round = sum(one.state != "diverged" for one in self.ledger.models_of(model.round))
            rule = self.data.rule(model, alpha=LATER_SHARE * self.settings.alpha / of_round)
            if rows:
                found.append(self.beside(model, champion, anchor, rows, rule, look=number))
        return found

    def first_again(self, latest: int) -> list[tuple[Judged, list[JudgementRow]]]:
        """Compare the last model, where none serves yet, with what learns nothing on all that has arrived since.

        Held-out rows alone, of which groups may be few, would have a project wait for its first champion for weeks.
        """
        model = self.data.intact(self.ledger.lineage())
        if model is None:
            return []
        rows = self.ledger.unseen_rows([model], latest, self.settings.window)
        rows = [one for one in rows if one.arrival > model.arrivals]
        if not rows:
            return []
        rule, is_first = self.data.rule(model, alpha=self.settings.alpha), self.ledger.champion() is None
        look = self.ledger.next_round_number()
        return [self.beside_baseline(model, rows, rule, is_first=is_first, of="new", look=look)]

    def resolution_note(self, judged: Sequence[Judged]) -> str | None:
        """Return what to do where nothing has been decided for some rounds, this one included; None: something was."""
        rounds = self.ledger.rounds(last=_UNDECIDED_RUNNING)
        verdicts = [one.verdict for one in judged if one.verdict is not None]
        if len(rounds) < _UNDECIDED_RUNNING or not verdicts:
            return None
        # The same champion all the time: no candidate was promoted late either.
        if len({one.champion_before for one in rounds}) > 1 or any(one.verdict != "undecided" for one in rounds[:-1]):
            return None
        found = min((one.champion for one in verdicts), key=lambda one: one.resolution)
        if found.resolution <= found.tolerance:
            return None
        metric = Metric(**judged[0].model.manifest["metric"])
        units = "rows" if self.data.schema.group is None else "groups"
        resolved, allowed = (metric.text(one, difference=True) for one in (found.resolution, found.tolerance))
        return (
            f"{_UNDECIDED_RUNNING} rounds running could not be decided: {found.n:,} held-out {units} can show an "
            f"equally good model to be within {resolved}, and {allowed} are allowed. Change tolerance or holdout in "
            "project.toml."
        )

    def is_anchor(self, one: Judged) -> bool:
        """Whether a candidate that is promoted becomes the anchor, too."""
        anchor = self.ledger.anchor()
        # A tainted anchor is an opponent only until a clean model has passed it.
        is_left = anchor is None or anchor.state == "tainted" or not self.data.can_score(anchor)
        return one.verdict is None or one.verdict.becomes_anchor or is_left

    def beside_baseline(
        self,
        model: ModelRow,
        rows: Sequence[SampleRow],
        rule: GateRule,
        *,
        is_first: bool = True,
        of: str = "held-out",
        look: int = 0,
    ) -> tuple[Judged, list[JudgementRow]]:
        """Judge a model that has no champion to be compared with against the best of what learns nothing.

        ``of`` is what the rows are, ``look`` as of a judgement.
        """
        training = self.ledger.training_rows(model.arrivals, self.settings.window)
        loaded = self.data.loaded(model)
        known = self.data.training_rows(training, None)
        baselines = baseline_scores(
            learner_of(loaded.manifest),
            known,
            self.data.rows(self.data.places(rows)),
            self.before(rows),
            metric=Metric(**loaded.manifest["metric"]),
        )
        values, units = self.data.scores(model, rows).values, self.data.units(rows)
        comparisons: dict[str, Comparison] = {}
        for name, scored in baselines.items():
            sign = 1.0 if scored.higher_is_better else -1.0
            comparisons[name] = beats_baseline(values, sign * scored.values, rule=rule, units=units)
        judgements = [_judgement(model, name, "baseline", name, one, look) for name, one in comparisons.items()]
        # Persistence knows the label before, which a model does not: beside it the model is shown, not judged.
        trivial = {name: one for name, one in comparisons.items() if name != "persistence"}
        what = "the first model" if is_first else "the first model that can take these rows"
        if not trivial:
            return Judged(model, None, _UNCONTESTED, f"promoted: {what}, and nothing to compare it with"), []
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
        return Judged(model, None, worst, reason), judgements

    def before(self, rows: Sequence[SampleRow]) -> np.ndarray | None:
        """Return the label before each row in time; None where the order in time is not known."""
        if self.data.schema.order is None:
            return None
        labels = self.data.samples.labels
        return labels[np.maximum(self.data.places(rows) - 1, 0)]

    def beside(
        self,
        model: ModelRow,
        champion: ModelRow,
        anchor: ModelRow | None,
        rows: Sequence[SampleRow],
        rule: GateRule,
        *,
        look: int = 0,
    ) -> tuple[Judged, list[JudgementRow]]:
        """Judge a model against champion and anchor; ``look`` as of a judgement."""
        content = model.manifest.get("content")
        if content is not None and content == champion.manifest.get("content"):
            if champion.state != "tainted":
                reason = "kept: training has changed nothing, the candidate is the champion itself"
                return Judged(model, None, None, reason), []
            reason = "promoted: it equals the champion, but was not trained on what was deleted or excluded"
            return Judged(model, None, _UNCONTESTED, reason), []
        other = None if anchor is None or anchor.id == champion.id else anchor
        if other is not None and content is not None and content == other.manifest.get("content"):
            other = None  # what equals the anchor is within every tolerance of it
        classes = None
        if self.data.schema.classes:
            names = np.array(self.data.schema.classes, dtype=object)
            classes = names[self.data.samples.labels[self.data.places(rows)]]
        verdict = judge(
            self.data.scores(model, rows),
            self.data.scores(champion, rows),
            None if other is None else self.data.scores(other, rows),
            rule=rule,
            units=self.data.units(rows),
            classes=None if classes is None else classes.astype(str),
        )
        judgements = [_judgement(model, champion.id, "champion", "", verdict.champion, look)]
        if verdict.anchor is not None and other is not None:
            judgements.append(_judgement(model, other.id, "anchor", "", verdict.anchor, look))
        judgements += [_judgement(model, champion.id, "class", v.name, v.comparison, look) for v in verdict.vetoes]
        return Judged(model, verdict, None, verdict.reason), judgements


def _judgement(model: ModelRow, opponent: str, role: str, detail: str, found: Comparison, look: int) -> JudgementRow:
    # A ledger holds no infinite numbers: nothing was compared, and there is no interval.
    low, high = (value if math.isfinite(value) else math.copysign(1e300, value) for value in (found.low, found.high))
    values = (found.n, found.mean, low, high, found.tolerance)
    return JudgementRow(model.round, model.id, opponent, role, detail, *values, look)
