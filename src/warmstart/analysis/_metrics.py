"""The metric that a comparison is about."""

import re
from dataclasses import replace

from warmstart.basics import METRICS, PERCENT, Metric, metric_named, recall_of, unknown_name
from warmstart.store import StudyRecords

from ._summary_types import UPDATE_METRICS, score_of

_OF_VALUES = frozenset({"rmse", "mae", "r2"})


def chosen_metric(name: str | None, records: StudyRecords) -> tuple[Metric, str | None]:
    """Return the metric that ``name`` asks for, and its name in the records; None: it is that of the scores themselves.

    Args:
        name: As it stands in the records, also with ``-`` for ``_``; with ``:lower`` or ``:higher`` behind it where a
            learner of the user's own has a metric whose direction nobody else knows. None: that of the scores.
        records: The study's records.

    Raises:
        InputError: If the finished rounds have no metric of this name.

    Example:
        >>> records = StudyRecords({}, ("cold",), 1, 1, (), {}, {})
        >>> metric, key = chosen_metric("balanced-accuracy", records)
        >>> metric.name, metric.unit, key
        ('balanced accuracy', '%', 'balanced_accuracy')
    """
    if name is None:
        return records.metric, None
    requested, _, direction = name.rpartition(":")
    if not requested or direction not in ("lower", "higher"):
        requested, direction = name, ""
    if _form(requested) == _form(records.metric.name):
        return records.metric, None
    found = dict.fromkeys(key for record in records.rounds for key in record.metrics)
    for key in UPDATE_METRICS:
        if any(score_of(record, key) is not None for record in records.rounds):
            found[key] = None
    # Without a finished round it is unknown which other metrics there will be.
    names = {_form(key): key for key in (found if records.rounds else METRICS)}
    if _form(requested) not in names:
        raise unknown_name("metric", name, [records.metric.name, *(key.replace("_", "-") for key in found or METRICS)])
    key = names[_form(requested)]
    known = metric_of(key, records.metric)
    if direction and known.higher_is_better != (direction == "higher"):
        return Metric(key.replace("_", " "), higher_is_better=direction != "lower"), key
    return known, key


def metric_of(key: str, score: Metric) -> Metric:
    """Return what is known of a metric in records, beside scores of the metric ``score``.

    Example:
        >>> metric_of("mae", Metric("rmse", "°C", higher_is_better=False)).unit, metric_of("top_5", Metric("F1")).name
        ('°C', 'top 5')
    """
    kind, _, name = key.partition(": ")
    if kind == "recall" and name:
        return recall_of(name)[1]
    known = METRICS.get(key, Metric(key.replace("_", " ")))
    # An error in the unit of the target is in that of the scores, which are errors as well.
    return replace(known, unit=score.unit) if key in ("mae", "rmse") and score.unit != PERCENT else known


def check_metric(name: str | None, *, of_classes: bool) -> None:
    """Raise unless ``name`` may be a metric of a built-in learner; before anything is trained.

    Args:
        name: As typed; None: none was.
        of_classes: Whether the learner predicts classes.

    Raises:
        InputError: If it cannot be one.
    """
    if name is None:
        return
    key, _ = metric_named(name.removesuffix(":lower").removesuffix(":higher"))
    if of_classes == (key in _OF_VALUES):
        known = [one.replace("_", "-") for one in METRICS if of_classes != (one in _OF_VALUES)]
        raise unknown_name("metric", name, [*known, "recall:CLASS"] if of_classes else known)


def _form(name: str) -> str:
    return re.sub(r"[\s_-]+", "-", name.strip().casefold()).replace(":-", ":")
