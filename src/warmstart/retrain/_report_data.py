"""What the report of a project shows, read from its ledger and its cached scores alone: no model runs for it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from warmstart.basics import PERCENT, Metric, checked_path

from ._inspect import Licence, Status, licence_of, status
from ._ledger import (
    LEDGER,
    ArrivalRow,
    AuditRow,
    DeletionRow,
    EventRow,
    JudgementRow,
    Ledger,
    LicenceRow,
    ModelRow,
    PromotionRow,
    RoundRow,
    WatchRow,
)
from ._objects import load_scores
from ._policy import TRIAL_ALPHA
from ._schema import Schema
from ._settings import read_project
from ._sides import HOLDOUT

COSTS: Final = ("flops", "samples", "tokens", "steps", "seconds")
"""By preference: what is the same on every machine comes first."""
FINISHED: Final = ("promoted", "kept")
"""States of a round that has come to a decision."""
_COLD: Final = "cold"
# A mean over a few rows of many would look like that of all.
_LEAST_SHARE: Final = 0.5
_NEVER: Final = 2**62
_CACHED_FILES: Final = 512


class RowScore(NamedTuple):
    """A mean score and the number of rows that it is of."""

    mean: float
    rows: int


class Churn(NamedTuple):
    """Shares of the predictions that a promotion changed, and that it changed from right to wrong (None: no classes).

    Both are of ``rows`` held-out rows that both models predicted.
    """

    changed: float
    negative_flips: float | None
    rows: int


@dataclass(frozen=True)
class ReportedModel:
    """A model that a round trained; ``cost`` is in the report's unit, None where it was not counted.

    ``held_out`` is its score on the rows that judged; None: not known.
    """

    id: str
    strategy: str
    state: str
    stop_reason: str
    rows: int | None
    cost: float | None
    seconds: float | None
    is_audit: bool
    held_out: RowScore | None = None


@dataclass(frozen=True)
class ReportedRound:
    """A round, what it trained and decided, and how the champion that it left scored on the rows that judged.

    Attributes:
        row: The ledger's row.
        models: What it trained, the candidate first.
        judgements: Their comparisons.
        held_out: Score of the champion after the round; None: not known.
        baseline: Score of a predictor that learns nothing, on the same rows; None: not known.
        cold_cost: What a cold start cost, or would have cost; None: not known.
        is_cold_measured: Whether the round trained it, rather than that its cost follows from an earlier one's.
        held_out_before: Score of the champion before the round, on the same rows; None: there was none, or not known.
    """

    row: RoundRow
    models: tuple[ReportedModel, ...]
    judgements: tuple[JudgementRow, ...]
    held_out: RowScore | None
    baseline: RowScore | None
    cold_cost: float | None
    is_cold_measured: bool
    held_out_before: RowScore | None = None


@dataclass(frozen=True)
class ReportedArrival:
    """An arrival, and how the champion of its time scored on it before anything was trained on it.

    Attributes:
        row: The ledger's row.
        held_out: Rows that judge, or did.
        superseded: Older rows of which it has a newer version.
        duplicates: Rows that were dropped when it was added; None: not recorded.
        round: Number of the round that took it in; None: it waits, or does not count.
        tested: Id of the champion of its time; None: there was none.
        score: What that scored; None: too few of its scores are stored.
        baselines: Scores of predictors that learn nothing on the same rows, by name.
    """

    row: ArrivalRow
    held_out: int
    superseded: int
    duplicates: int | None
    round: int | None
    tested: str | None
    score: RowScore | None
    baselines: Mapping[str, float]


@dataclass(frozen=True)
class ReportedPromotion:
    """A model that began to serve, and how much of the predictions that changed; ``churn`` None: not known."""

    row: PromotionRow
    strategy: str
    churn: Churn | None


@dataclass(frozen=True)
class ProjectReport:
    """All that the report of a project shows.

    Attributes:
        name: Of the project's folder.
        status: How the project stands.
        metric: Of the scores; None before the first model.
        grouped: Whether comparisons count groups of rows.
        cost: In which unit costs are, such as ``flops``; None: there is none that all models have.
        baseline: What the predictor is called that learns nothing: ``majority`` or ``mean``; None: not known.
        rounds: Oldest first, as everything here.
        arrivals: All of them, also those that do not count.
        audits: Cold starts beside cheaper ones.
        audit_confidence: Of the intervals of audits.
        licences: What the policy knew of each strategy after a round, by the round's number; empty with a fixed one.
        promotions: Who began to serve when.
        watch: The watch over the present champion.
        deletions: Requested ones.
        events: Whatever else happened.
        settings: Nested settings of ``project.toml``.
    """

    name: str
    status: Status
    metric: Metric | None
    grouped: bool
    cost: str | None
    baseline: str | None
    rounds: tuple[ReportedRound, ...]
    arrivals: tuple[ReportedArrival, ...]
    audits: tuple[AuditRow, ...]
    audit_confidence: float
    licences: Mapping[int, tuple[Licence, ...]]
    promotions: tuple[ReportedPromotion, ...]
    watch: tuple[WatchRow, ...]
    deletions: tuple[DeletionRow, ...]
    events: tuple[EventRow, ...]
    settings: Mapping[str, Any]


def read_report_data(directory: str | Path) -> ProjectReport:
    """Return what a project's report shows, from its ledger and its cached scores; PyTorch is not imported.

    Args:
        directory: The project's folder.

    Raises:
        InputError: If there is no project in it.
        StorageError: If the ledger is missing or damaged. Damaged scores are left out.
    """
    folder = checked_path("directory", directory)
    project, found = read_project(folder), status(folder)
    with Ledger.open(folder / LEDGER) as ledger, ledger.reading():
        reader = _Reader(folder, ledger, project.settings.window)
        states = {row.round: row.state.get("arms", ()) for row in ledger.select(LicenceRow, "ORDER BY round")}
        return ProjectReport(
            name=folder.resolve().name,
            status=found,
            metric=reader.metric,
            grouped=reader.schema is not None and reader.schema.group is not None,
            cost=reader.cost,
            baseline=reader.baseline,
            rounds=tuple(reader.rounds()),
            arrivals=tuple(reader.arrivals()),
            audits=tuple(ledger.select(AuditRow, "ORDER BY round")),
            audit_confidence=1 - TRIAL_ALPHA,
            licences={number: tuple(map(licence_of, arms)) for number, arms in states.items() if arms},
            promotions=tuple(reader.promotions()),
            watch=reader.watch(),
            deletions=tuple(ledger.select(DeletionRow, "ORDER BY id")),
            events=tuple(ledger.events()),
            settings={"retrain": asdict(project.settings), **project.tables},
        )


@dataclass(frozen=True, eq=False)
class _Samples:
    """Rows of the arrivals that count as arrays, by arrival and row.

    Args:
        arrival: Number of the arrival.
        row: Place in it.
        held_out: Whether the row was drawn to judge.
        joined: Round that first trained on it; none: beyond every round.
        superseded: Arrival with a newer version; none: beyond every arrival.
        labelled: Whether it has a label.
        label: Index of the class, or the value; NaN: no label, or several values.
    """

    arrival: np.ndarray
    row: np.ndarray
    held_out: np.ndarray
    joined: np.ndarray
    superseded: np.ndarray
    labelled: np.ndarray
    label: np.ndarray

    @property
    def before(self) -> np.ndarray:
        """The last label before each row; NaN: there is none."""
        places = np.where(np.isnan(self.label), -1, np.arange(len(self.label)))
        last = np.concatenate([[-1], np.maximum.accumulate(places)[:-1]]) if len(places) else places
        return np.where(last >= 0, self.label[last], np.nan) if len(places) else self.label


class _Reader:
    """What several parts of the report need, read once."""

    def __init__(self, directory: Path, ledger: Ledger, window: int) -> None:
        self.ledger, self.window = ledger, window
        self.models = {model.id: model for model in ledger.models()}
        self.rows = ledger.rounds()
        self.finished = [row for row in self.rows if row.state in FINISHED]
        self.served = ledger.promotions()
        self.accepted = {row.number: row for row in ledger.accepted_arrivals()}
        schema = ledger.schema()
        self.schema = None if schema is None else Schema.from_dict(schema.description)
        metrics = [Metric(**one.manifest["metric"]) for one in self.models.values() if "metric" in one.manifest]
        self.metric = metrics[-1] if metrics else None
        # One unit for all: sums of different ones would say nothing.
        costs = [one.cost for one in self.models.values() if one.cost.get("seconds") or one.cost.get("cost")]
        self.cost = next((name for name in COSTS if costs and all(cost.get(name) for cost in costs)), None)
        self.baseline = self._baseline()
        self.samples = self._samples()
        self._judged: dict[tuple[str, int], np.ndarray] = {}
        self._load = lru_cache(_CACHED_FILES)(
            lambda model, number: load_scores(directory, model, self.accepted[number].id, self.accepted[number].rows)
        )

    def _baseline(self) -> str | None:
        """Return what learns nothing and can be scored by the labels alone: not by a metric of the user's own."""
        if self.schema is None or self.metric is None:
            return None
        is_classes = str(self.schema.targets) == "classes"
        known = {("accuracy", True): "majority", ("rmse", False): "mean"}
        return known.get((self.metric.name, is_classes))

    def _samples(self) -> _Samples:
        codes: dict[str, float] = {}
        is_values = self.schema is not None and str(self.schema.targets) == "values"

        def label(text: str | None) -> float:
            if text is None:
                return math.nan
            return _number(text) if is_values else codes.setdefault(text, len(codes))

        columns = [
            np.array(
                [
                    (
                        *(one.arrival, one.row, one.side == HOLDOUT),
                        _NEVER if one.joined is None else one.joined,
                        _NEVER if one.superseded_by is None else one.superseded_by,
                        one.label is not None,
                        label(one.label),
                    )
                    for one in self.ledger.samples(number)
                ],
                dtype=np.float64,
            ).reshape(-1, 7)
            for number in self.accepted
        ]
        found = np.concatenate([np.empty((0, 7)), *columns])
        arrival, row, joined, superseded = (found[:, place].astype(np.int64) for place in (0, 1, 3, 4))
        held_out, labelled = found[:, 2] > 0, found[:, 5] > 0
        return _Samples(arrival, row, held_out, joined, superseded, labelled, found[:, 6])

    def judging(self, round_number: int, latest: int) -> np.ndarray:
        """Return the places of the rows that judged a round."""
        one = self.samples
        recent = (one.arrival <= latest) & (one.arrival > latest - self.window) & (one.superseded > latest)
        return np.flatnonzero(recent & one.held_out & (one.joined > round_number) & one.labelled)

    def scores(self, model: str, places: np.ndarray) -> np.ndarray:
        """Return what is cached of a model's scores and predictions, of shape (rows, 2); NaN: nothing."""
        found = np.full((len(places), 2), np.nan)
        numbers = self.samples.arrival[places]
        for number in np.unique(numbers):
            cached, chosen = self._load(model, int(number)), numbers == number
            if cached is not None:
                found[chosen] = cached[self.samples.row[places[chosen]]]
        return found

    def judged(self, model: str, row: RoundRow) -> np.ndarray:
        """Return a model's scores and predictions of the rows that judged a round, as :meth:`scores` does."""
        key = (model, row.number)
        if key not in self._judged:
            self._judged[key] = self.scores(model, self.judging(row.number, row.arrivals))
        return self._judged[key]

    def mean(self, values: np.ndarray) -> RowScore | None:
        """Return the metric of the rows' scores; None where too few of them are known."""
        known = values[~np.isnan(values)]
        if self.metric is None or not len(known) or len(known) < _LEAST_SHARE * len(values):
            return None
        mean = float(known.mean())
        mean = math.sqrt(mean) if self.metric.name == "rmse" and mean >= 0 else mean
        return RowScore(mean, len(known)) if math.isfinite(mean) else None

    def trivial(self, places: np.ndarray, round_number: int, latest: int) -> RowScore | None:
        """Return the score of the largest class, or of the mean, of what a round was trained on."""
        one = self.samples
        trained = (one.joined <= round_number) & (one.superseded > latest)
        known = one.label[trained & ~np.isnan(one.label)]
        if self.baseline is None or not len(known) or not len(places):
            return None
        labels = one.label[places]
        if self.baseline == "majority":
            return self.mean((labels == np.bincount(known.astype(np.int64)).argmax()).astype(float))
        return self.mean((labels - known.mean()) ** 2)

    def rounds(self) -> Iterator[ReportedRound]:
        last_cold: tuple[float, int] | None = None
        trained: dict[int, list[ModelRow]] = {}
        for model in self.models.values():
            trained.setdefault(model.round, []).append(model)
        for row in self.rows:
            places = self.judging(row.number, row.arrivals) if row.state in FINISHED else np.empty(0, np.int64)
            models = [self._model(one, row, places) for one in trained.get(row.number, ())]
            models.sort(key=lambda one: one.is_audit)
            cold = next((one for one in models if one.strategy == _COLD and one.cost), None)
            rows = next((one.rows for one in models if one.rows), None)
            cost, is_measured = None, cold is not None
            if cold is not None and cold.cost is not None:
                cost = cold.cost
                last_cold = (cold.cost, cold.rows) if cold.rows else last_cold
            elif models and last_cold is not None and rows:
                # As the policy estimates it: what a cold start costs grows with what it is trained on.
                cost = last_cold[0] * rows / last_cold[1]
            held_out = baseline = before = None
            if row.state in FINISHED and row.champion_after is not None:
                held_out = self.mean(self.judged(row.champion_after, row)[:, 0])
                baseline = self.trivial(self.judging(row.number, row.arrivals), row.number, row.arrivals)
            if row.state in FINISHED and row.champion_before is not None:
                # Churn needs these later, too. The files have just been read for the round before.
                before = self.mean(self.judged(row.champion_before, row)[:, 0])
            judgements = tuple(self.ledger.judgements(row.number))
            yield ReportedRound(row, tuple(models), judgements, held_out, baseline, cost, is_measured, before)

    def _model(self, model: ModelRow, row: RoundRow, places: np.ndarray) -> ReportedModel:
        cost, rows = (model.cost.get(name) for name in (self.cost or "", "rows"))
        return ReportedModel(
            *(model.id, model.strategy, model.state, model.stop_reason),
            rows=None if rows is None else int(rows),
            cost=None if cost is None else float(cost),
            seconds=model.cost.get("seconds"),
            is_audit=bool(row.plan.get("audit")) and model.strategy == _COLD != row.plan.get("arm"),
            held_out=self.mean(self.scores(model.id, places)[:, 0]),
        )

    def arrivals(self) -> Iterator[ReportedArrival]:
        rounds = {number: row for row in self.finished for number in self._taken(row)}
        tested = {row.number: self._tested(row) for row in self.finished}
        one, before = self.samples, self.samples.before
        superseding = Counter(one.superseded.tolist())
        added = [event.data for event in self.ledger.events() if event.kind == "add"]
        dropped = {data.get("arrival"): data.get("duplicates") for data in added}
        for row in self.ledger.select(ArrivalRow, "ORDER BY number"):
            taken = rounds.get(row.number) if row.number in self.accepted else None
            own = np.flatnonzero(one.arrival == row.number)
            model = None if taken is None else self.models.get(tested[taken.number] or "")
            score, baselines = None, {}
            labelled = own[one.labelled[own]]
            if model is not None and len(labelled):
                values = self.scores(model.id, labelled)[:, 0]
                score, places = self.mean(values), labelled[~np.isnan(values)]
                baselines = self._baselines(places, before[places], model) if score is not None else {}
            yield ReportedArrival(
                row=row,
                held_out=int(one.held_out[own].sum()),
                superseded=superseding.get(row.number, 0),
                duplicates=dropped.get(row.number),
                round=None if taken is None else taken.number,
                tested=None if model is None else model.id,
                score=score,
                baselines=baselines,
            )

    def _baselines(self, places: np.ndarray, before: np.ndarray, model: ModelRow) -> dict[str, float]:
        found = {} if self.baseline is None else {self.baseline: self.trivial(places, model.round, model.arrivals)}
        # Only where rows have an order in time is the label before known when a row is predicted.
        if self.baseline is not None and self.schema is not None and self.schema.order is not None:
            labels = self.samples.label[places]
            hits = np.where(np.isnan(before), np.nan, labels == before)
            found["persistence"] = self.mean(hits if self.baseline == "majority" else (labels - before) ** 2)
        return {name: one.mean for name, one in found.items() if one is not None}

    def _taken(self, row: RoundRow) -> range:
        """Return the numbers of the arrivals that a finished round was the first to take in."""
        earlier = [other.arrivals for other in self.finished if other.number < row.number]
        return range(max(earlier, default=0) + 1, row.arrivals + 1)

    def _tested(self, row: RoundRow) -> str | None:
        """Return the model that served until the round began: before the watch, which reads what it scored."""
        # Times are to the second: what the round itself promoted may have the time of its start.
        earlier = [one for one in self.served if one.time <= row.started and (one.round or 0) < row.number]
        last = earlier[-1] if earlier else None
        alarms = self.ledger.select(WatchRow, "WHERE round = ? AND alarm", row.number)
        if alarms and last is not None and last.kind == "watch" and last.model == row.champion_before:
            return last.previous
        late = row.plan.get("promoted") or {}
        if late and last is not None and last.model == late.get("model") == row.champion_before:
            return last.previous or row.champion_before
        return row.champion_before

    def promotions(self) -> Iterator[ReportedPromotion]:
        for row in self.served:
            # By hand or by the watch there is no round: the last one that had been decided has the rows.
            found = next((one for one in reversed(self.finished) if self._is_of(one, row)), None)
            strategy = self.models[row.model].strategy if row.model in self.models else ""
            churn = None if found is None or row.previous is None else self._churn(found, row.previous, row.model)
            yield ReportedPromotion(row, strategy, churn)

    @staticmethod
    def _is_of(row: RoundRow, promotion: PromotionRow) -> bool:
        if promotion.round is not None:
            return row.number == promotion.round
        return (row.ended or row.started) <= promotion.time

    def _churn(self, row: RoundRow, before: str, after: str) -> Churn | None:
        old, new = self.judged(before, row), self.judged(after, row)
        known = ~(np.isnan(old).any(axis=1) | np.isnan(new).any(axis=1))
        if not known.any() or known.mean() < _LEAST_SHARE:
            return None
        old, new = old[known], new[known]
        is_right = self.metric is not None and self.metric.unit == PERCENT and np.isin([old[:, 0], new[:, 0]], (0, 1))
        flips = float((old[:, 0] > new[:, 0]).mean()) if np.all(is_right) else None
        return Churn(float((old[:, 1] != new[:, 1]).mean()), flips, int(known.sum()))

    def watch(self) -> tuple[WatchRow, ...]:
        """Return what was noted since the champion began to serve; nothing where the watch has no predecessor."""
        serving = self.served[-1] if self.served else None
        if serving is None or self.ledger.predecessor() is None:
            return ()
        return tuple(self.ledger.select(WatchRow, "WHERE arrival > ? ORDER BY arrival", serving.arrivals))


def _number(text: str) -> float:
    """Return the value of a label; NaN where it is none or has several values."""
    try:
        value = float(text)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan
