"""Which metric a comparison is about, as it was asked for."""

from warmstart.basics import METRICS, Metric, unknown_name
from warmstart.store import StudyRecords


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
    asked, _, direction = name.rpartition(":")
    if not asked or direction not in ("lower", "higher"):
        asked, direction = name, ""
    if _form(asked) == _form(records.metric.name):
        return records.metric, None
    found = dict.fromkeys(key for record in records.rounds for key in record.metrics)
    # Without a finished round nobody knows what else there will be.
    names = {_form(key): key for key in (found if records.rounds else METRICS)}
    if _form(asked) not in names:
        raise unknown_name("metric", name, [records.metric.name, *(key.replace("_", "-") for key in found or METRICS)])
    key = names[_form(asked)]
    # "recall: yes" is the recall of one class.
    kind, _, part = key.partition(":")
    known = None if direction else METRICS.get(kind)
    if known is None:
        return Metric(key.replace("_", " "), higher_is_better=direction != "lower"), key
    # An error in the unit of the target is in that of the scores, which are errors as well.
    unit = records.metric.unit if kind == "mae" else known.unit
    return Metric(f"{known.name}{f' of {part.strip()}' if part else ''}", unit, known.higher_is_better), key


def _form(name: str) -> str:
    return name.strip().casefold().replace("_", "-").replace(" ", "-")
