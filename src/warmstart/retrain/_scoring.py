"""Scores of a project's models, row by row."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from warmstart.basics import ACCURACY, PERCENT, InputError, Metric
from warmstart.learners import Classifier, Scores, TrialLearner

from ._model_file import LoadedModel
from ._rows import Rows, numbers_of, prepared_rows


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """What a model, or a predictor that learns nothing, scores on rows.

    Args:
        values: float64 (n,), one score per row in their order: 1 or 0 for right or wrong, or a squared error.
        predictions: The class predicted of each row, int64 (n,), -1 where there is none; None: none are predicted, or
            they are no indices of classes.
        metric: Name, unit and direction of the score.
    """

    values: np.ndarray
    predictions: np.ndarray | None
    metric: Metric

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher value is better."""
        return self.metric.higher_is_better

    @property
    def score_range(self) -> float | None:
        """The difference between the best and the worst value there can be: 1 for shares; None: unbounded."""
        return 1.0 if self.metric.unit == PERCENT else None


def score_rows(loaded: LoadedModel, learner: TrialLearner, rows: Rows) -> ScoredRows:
    """Score a model on rows, prepared as those that it was trained on.

    Rows of classes that the model has no output for count as wrong: 0 where a higher value is better, else the worst
    value of the other rows. The same model and the same rows in the same order give the same bits in the same place:
    CPU or GPU, number of threads, version of PyTorch. Among other rows a value may differ by rounding, since products
    of matrices of another size may sum in another order; with accuracy that matters where two outputs are as good as
    equal.

    Args:
        loaded: The model; left as it is.
        learner: Evaluates; see :func:`learner_of`.
        rows: At least one.

    Raises:
        InputError: If the rows do not fit the model, or the learner does not return one score per row.
    """
    if not len(rows):
        raise InputError("There must be rows to score, got none.")
    known, outputs = len(loaded.classes), np.arange(len(rows))
    metric = Metric(**loaded.manifest["metric"])
    if rows.classes[:known] != loaded.classes[: len(rows.classes)]:
        raise InputError(
            f"rows must have the classes of the model in the same order, {', '.join(loaded.classes)}, and may have new "
            f"ones after them, got {', '.join(rows.classes)}."
        )
    if rows.classes:
        outputs = np.flatnonzero(rows.labels < known)
    values = np.zeros(len(rows))
    predictions = np.full(len(rows), -1)
    if len(outputs) == 0:
        return ScoredRows(values if metric.higher_is_better else values + np.nan, None, metric)
    fitting = replace(
        Rows(rows.inputs, rows.labels, rows.classes, rows.encoding, rows.features, rows.scale),
        inputs=rows.inputs[outputs],
        labels=rows.labels[outputs],
    )
    device = next((one.device for one in loaded.model.parameters()), torch.device("cpu"))
    scores = learner.evaluate(loaded.model, prepared_rows(fitting, loaded.manifest, device).of_classes(known))
    found = _of_rows(scores, len(fitting), learner)
    values[outputs] = found.values
    if len(outputs) < len(rows) and not found.higher_is_better:
        values[rows.labels >= known] = found.values.max()
    if found.predictions is None:
        return replace(found, values=values)
    predictions[outputs] = found.predictions
    return replace(found, values=values, predictions=predictions)


def baseline_scores(
    learner: TrialLearner,
    training: Rows,
    rows: Rows,
    before: np.ndarray | None = None,
    *,
    metric: Metric | None = None,
) -> dict[str, ScoredRows]:
    """Return the scores of predictors that learn nothing, by their names.

    Args:
        learner: Knows them: of a classifier ``majority``, of a regressor ``mean``, and ``persistence`` of both. One of
            the user's own that knows none has those of a classifier, where its score is accuracy.
        training: What the model was trained on.
        rows: What is scored.
        before: For each row the label of the one before it in time, known when the row was predicted; None: there is
            no order in time.
        metric: Of the model; None: not known.

    Raises:
        InputError: If a learner of the user's own does not return one score per row.
    """
    device = torch.device("cpu")
    fitted = None if training.encoding is None else training.encoding.fitted(training.inputs)
    parts = [numbers_of(part, fitted, device) for part in (training, rows)]
    labels = None if before is None else torch.tensor(before.astype(np.int64 if rows.classes else np.float32))
    found = learner.baselines(parts[0], parts[1], labels)
    if not found and rows.classes and metric == ACCURACY:
        found = Classifier().baselines(parts[0], parts[1], labels)
    return {name: _of_rows(scores, len(rows), learner) for name, scores in found.items()}


def _of_rows(scores: Scores, count: int, learner: TrialLearner) -> ScoredRows:
    """Return scores as those of rows; raise unless there is one per row."""
    values = np.asarray(scores.values)
    if len(values) != count:
        name = type(getattr(learner, "learner", learner)).__name__
        raise InputError(
            f"{name}.evaluate must return one score per row for a project that is retrained, got {len(values)} for "
            f"{count} rows; rows that belong together are named by the group of the project's data."
        )
    predictions = None if scores.predictions is None else np.asarray(scores.predictions)
    is_index = predictions is not None and predictions.dtype.kind in "iub"
    return ScoredRows(values, predictions.astype(np.int64) if predictions is not None and is_index else None,
                      scores.metric)  # fmt: skip
