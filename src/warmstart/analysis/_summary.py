"""From the records of a study to what they say."""

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from warmstart.basics import InputError, unknown_name
from warmstart.store import StudyRecords

from ._auto_seeds import reference_arm
from ._context import class_shares, context_of
from ._metrics import chosen_metric
from ._notes import notes_of
from ._plain import plain
from ._summary_types import SCHEMA as SCHEMA
from ._summary_types import ArmSummary as ArmSummary
from ._summary_types import CostSummary as CostSummary
from ._summary_types import RoundSummary as RoundSummary
from ._summary_types import Summary as Summary
from ._verdict import ahead_of, verdict_of
from ._view import View


def summarize(
    records: StudyRecords, *, reference: str | None = None, confidence: float = 0.95, metric: str | None = None
) -> Summary:
    """Say what a study shows: every arm against the reference, paired by seed, with intervals.

    Scores and costs are compared at the latest round that all arms have finished for a common seed, so a study that is
    still running can be reported on too. A diverged round has no score: its pair is left out and named in the verdict;
    what it cost is still counted.

    Args:
        records: The study's records, complete or not.
        reference: Label of the arm that the others are compared with; by default ``cold``, or the first arm if none
            has that label.
        confidence: Confidence of every interval, in (0, 1).
        metric: What is compared: a name among the metrics of the records, such as ``balanced_accuracy`` or, of a
            learner of your own, ``name:lower`` where lower is better. None: the score. Nothing is trained again for it.

    Returns:
        The summary.

    Raises:
        InputError: If the study has no arm, not this reference or not this metric, or ``confidence`` is out of range.

    Example:
        >>> from warmstart.store._records import RoundRecord
        >>> record = RoundRecord("cold", 0, 1, 500, 500, 0.9, {}, 1.0, "converged", 9, 90, 4500, None, 1e9, 2.0)
        >>> study = StudyRecords({}, ("cold",), 1, 1, (record,), {}, {})
        >>> print(summarize(study).verdict)
        After 1 round (500 samples, 1 seed) cold has an accuracy of 90.0 % (one seed: no interval); there is no other
        strategy to compare it with.
    """
    if not records.arms:
        raise InputError("arms must hold at least one strategy, got none.")
    check_reference(reference, records.arms)
    chosen, key = chosen_metric(metric, records)
    view = View.of(records, confidence, reference or reference_arm(records.arms), chosen, key)
    arms = tuple(view.arm(arm) for arm in records.arms)
    rounds = tuple(view.round(arm, number) for number in view.numbers for arm in records.arms if view.has(arm, number))
    facts, baselines, next_baselines = view.facts(arms), view.baselines(), view.next_baselines()
    return Summary(
        schema=SCHEMA,
        metric=chosen,
        metric_key=key,
        learner_metric=records.metric,
        verdict=verdict_of(facts),
        context=(
            *context_of(records.data, baselines, chosen, key or records.metric.name),
            *ahead_of(arms, next_baselines, records.metric),
        ),
        notes=notes_of(facts, view),
        reference=view.reference,
        confidence=confidence,
        complete=facts.complete,
        rounds_finished=facts.rounds_finished,
        rounds_planned=facts.rounds_planned,
        rounds_expected=records.rounds_expected,
        seeds_expected=records.seeds_expected,
        compared_round=view.compared_round,
        samples_seen=facts.samples_seen,
        arms=arms,
        rounds=rounds,
        class_shares=class_shares(records.data),
        baselines=baselines,
        next_baselines=next_baselines,
        trials=records.rounds,
        study=plain(records.study),
        data=plain(records.data),
        provenance=plain(records.provenance),
    )


def check_reference(reference: str | None, arms: Sequence[str]) -> None:
    """Raise unless ``reference`` is the label of one of the arms, or None."""
    if reference is not None and reference not in arms:
        raise unknown_name("reference", reference, arms)


def summary_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of ``Summary.to_dict()``.

    Example:
        >>> summary_schema()["properties"]["schema"]["const"]
        'warmstart.summary/3'
    """
    return json.loads(files("warmstart.analysis").joinpath("summary.schema.json").read_text(encoding="utf-8"))
