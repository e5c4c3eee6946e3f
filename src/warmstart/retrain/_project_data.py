"""What a project's commands read: rows, models and scores, each once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from warmstart.basics import PERCENT, InputError, Metric, shown
from warmstart.learners import TensorLearner, TrialLearner, adapted
from warmstart.studies import Study, study_from_dict

from ._add import current_schema
from ._arrivals import Samples, read_rows
from ._definition import ARMS, first_policy
from ._gate import GateRule, ModelScores
from ._ledger import (
    ArrivalRow,
    Ledger,
    ModelRow,
    SampleRow,
)
from ._model_file import LoadedModel, fresh_model, learner_of, load_model
from ._objects import (
    load_scores,
    object_path,
    save_scores,
)
from ._policy import Policy, PolicyState, policy_from_dict
from ._rows import Rows, TrainingRows
from ._schema import DROPPED, Schema
from ._scoring import score_rows
from ._settings import Project
from ._sides import validation_mask
from ._training import obstacle

Report = Callable[[str], None]
COLD = "cold"
_OWN_ARMS = ("warm", COLD)
"""Of a learner of the user's own, whose models may have no tensors that could be shrunk."""


class ProjectData:
    """A project with its open ledger, and what is read or computed of it only once.

    Args:
        project: Its settings.
        ledger: Open.
        report: Called with one sentence before each step that takes time.
    """

    def __init__(self, project: Project, ledger: Ledger, report: Report) -> None:
        self.project, self.ledger, self.report = project, ledger, report
        self.directory, self.settings = project.directory, project.settings
        self.damaged: set[str] = set()
        self._loaded: dict[str, LoadedModel] = {}

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
            class_alpha=self.settings.alpha,
            root=model.manifest["is_root"],
        )

    def scores(self, model: ModelRow, rows: Sequence[SampleRow]) -> ModelScores:
        """Return a model's scores of rows, higher is better; those that are not cached yet are computed and cached."""
        cached = self._cached(model, rows)
        missing = [(one.arrival, one.row) for one in rows if np.isnan(cached[one.arrival][one.row, 0])]
        if missing:
            places = np.array([self._first_rows[number] + row for number, row in missing])
            loaded = self.loaded(model)
            scored = score_rows(loaded, learner_of(loaded.manifest), self.rows(places))
            predictions = np.full(len(places), np.nan) if scored.predictions is None else scored.predictions
            for (number, row), value, predicted in zip(missing, scored.values, predictions, strict=True):
                cached[number][row] = value, predicted
            touched = {number for number, _ in missing}
            for arrival in self.arrivals:
                if arrival.number in touched:
                    save_scores(self.directory, model.id, arrival.id, cached[arrival.number])
        return ModelScores(model.id, _signed(model, rows, cached))

    def cached_scores(self, model: ModelRow, rows: Sequence[SampleRow]) -> np.ndarray:
        """Return what is cached of the scores of rows, higher is better; NaN: the model may be gone by now."""
        return _signed(model, rows, self._cached(model, rows))

    def _cached(self, model: ModelRow, rows: Sequence[SampleRow]) -> dict[int, np.ndarray]:
        """Return the cached scores and predictions of the rows' arrivals by their numbers, NaN where there are none."""
        wanted, found = {one.arrival for one in rows}, {}
        for arrival in self.arrivals:
            if arrival.number in wanted:
                scores = load_scores(self.directory, model.id, arrival.id, arrival.rows)
                found[arrival.number] = np.full((arrival.rows, 2), np.nan) if scores is None else scores
        return found

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

    def can_score(self, model: ModelRow) -> bool:
        """Whether a model can be scored: its file is there, and rows have all its columns, of the same kinds."""
        is_intact = model.size > 0 and model.state != "damaged" and model.id not in self.damaged
        return is_intact and self.schema.holds_columns_of(model.manifest)

    def intact(self, model: ModelRow | None) -> ModelRow | None:
        """Return a model where it can be scored, otherwise None."""
        return model if model is not None and self.can_score(model) else None

    def obstacle(self, start: ModelRow, rows: TrainingRows) -> str | None:
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
        found, gone = obstacle(loaded, rows), start.manifest.get(DROPPED)
        if found is None and gone:
            found = f"The columns are others than the model was trained on: {shown(', '.join(gone))} had been dropped."
        return found


def _signed(model: ModelRow, rows: Sequence[SampleRow], scores: Mapping[int, np.ndarray]) -> np.ndarray:
    """Return the scores of rows, by their arrivals, so that higher is better."""
    sign = 1.0 if Metric(**model.manifest["metric"]).higher_is_better else -1.0
    return sign * np.array([scores[one.arrival][one.row, 0] for one in rows])


def _takes_model(tables: Mapping[str, Any]) -> bool:
    """Return whether a project's learner is one of the built-in ones, which take an architecture."""
    name = tables.get("learner", {}).get("name", "classifier")
    return ":" not in str(name)
