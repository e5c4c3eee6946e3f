"""What a study says, as plain frozen values that go to JSON and back."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from warmstart.basics import InputError, Metric
from warmstart.statistics import Estimate, PairedDifference, PairedRatio
from warmstart.store import COSTS, RoundRecord

from ._plain import plain, rebuilt

SCHEMA: Final = "warmstart.summary/3"
"""Name and version of the summary's JSON form; see :func:`summary_schema`."""

UPDATE_METRICS: Final = ("churn", "negative_flips")
"""Metrics of a model and the one before it, which are fields of a record."""


@dataclass(frozen=True)
class CostSummary:
    """One cost of one arm, or its churn; what is to the reference is None for the reference itself.

    Attributes:
        value: Mean over seeds.
        difference: Value minus the reference's of the same seed.
        ratio: Value divided by the reference's of the same seed.
    """

    value: Estimate
    difference: PairedDifference | None
    ratio: PairedRatio | None


@dataclass(frozen=True)
class ArmSummary:
    """One strategy at the compared round.

    Attributes:
        arm: Its label.
        seeds: Trials that have finished the compared round.
        diverged: Those of them whose compared round diverged; they have no score.
        score: Evaluation score, in the metric's unit.
        score_difference: Score minus the reference's of the same seed; None for the reference.
        words: The difference as text; empty for the reference.
        own_score: Evaluation score by the learner's own metric, whatever is compared.
        train_score: Training score, in the unit of the learner's metric; none where it is in another.
        metrics: Every other metric of the evaluation by its name in the records; see :data:`warmstart.basics.METRICS`.
        churn: Share of the predictions that an update changed, mean over the updates up to the compared round.
        negative_flips: Share of the predictions that an update turned from right to wrong, likewise.
        next_score: Score on the next arrival before anything was trained on it, mean over rounds.
        next_difference: That minus the reference's of the same seed; None for the reference.
        total: Costs over all rounds up to the compared one, by name of the cost.
        last_round: Costs of the compared round alone, which is what an update pays.
        stop_reasons: How many of all its finished rounds ended in which way.
    """

    arm: str
    seeds: int
    diverged: int
    score: Estimate
    score_difference: PairedDifference | None
    words: str
    own_score: Estimate
    train_score: Estimate
    metrics: Mapping[str, Estimate]
    churn: CostSummary
    negative_flips: CostSummary
    next_score: Estimate
    next_difference: PairedDifference | None
    total: Mapping[str, CostSummary]
    last_round: Mapping[str, CostSummary]
    stop_reasons: Mapping[str, int]


@dataclass(frozen=True)
class RoundSummary:
    """One strategy in one round.

    Attributes:
        arm: Its label.
        round: Number of the round, from 1.
        samples_seen: Training samples that have arrived so far, mean over seeds, rounded.
        score: Evaluation score, in the metric's unit.
        score_difference: Score minus the reference's of the same seed; None for the reference.
        train_score: Training score, in the unit of the learner's metric.
        next_score: Score on the next arrival before anything was trained on it, in the same unit.
        churn: Share of the predictions that differ from those of the round before.
        negative_flips: Share of the predictions that were right in the round before and are wrong now.
        next_baselines: Scores on the next arrival of predictors that learn nothing, by their names.
        cost: Costs of this round, by name of the cost.
        cumulative: Costs of rounds 1 to this one.
    """

    arm: str
    round: int
    samples_seen: int
    score: Estimate
    score_difference: PairedDifference | None
    train_score: Estimate
    next_score: Estimate
    churn: Estimate
    negative_flips: Estimate
    next_baselines: Mapping[str, Estimate]
    cost: Mapping[str, Estimate]
    cumulative: Mapping[str, Estimate]


@dataclass(frozen=True)
class Summary:
    """What a study says, complete or not.

    Attributes:
        schema: :data:`SCHEMA`.
        metric: Name, unit and direction of the compared scores.
        metric_key: Their name among the metrics of a record; None: they are the learner's own scores.
        learner_metric: What the learner's own scores are, among them training scores and those on the next arrival.
        verdict: The answer in plain sentences, built from the intervals only.
        context: What the scores are to be seen against, one sentence each: classes with their shares, and baselines.
        notes: What to keep in mind with this particular verdict, one sentence each.
        reference: Label of the arm that the others are compared with.
        confidence: Confidence of every interval, in (0, 1).
        complete: Whether all expected rounds have finished.
        rounds_finished: Finished rounds, over all arms and seeds.
        rounds_planned: Rounds that the complete study has, over all arms and seeds.
        rounds_expected: Rounds of one trial.
        seeds_expected: Seeds of one arm.
        compared_round: The latest round that all arms have finished for a common seed; 0 if nothing has finished.
        samples_seen: Training samples that have arrived by the compared round.
        arms: Each strategy at the compared round, in the study's order.
        rounds: Each strategy in each round.
        class_shares: Share of each class in the data by its name, the largest first; empty if unknown.
        baselines: Metrics, at the compared round, of predictors that learn nothing, by their names.
        next_baselines: Their scores on the next arrival, mean over rounds.
        trials: The records that all of it is built from.
        study: The resolved study.
        data: What was trained and evaluated on.
        provenance: Versions, machine and time.
    """

    schema: str
    metric: Metric
    metric_key: str | None
    learner_metric: Metric
    verdict: str
    context: tuple[str, ...]
    notes: tuple[str, ...]
    reference: str
    confidence: float
    complete: bool
    rounds_finished: int
    rounds_planned: int
    rounds_expected: int
    seeds_expected: int
    compared_round: int
    samples_seen: int
    arms: tuple[ArmSummary, ...]
    rounds: tuple[RoundSummary, ...]
    class_shares: Mapping[str, float]
    baselines: Mapping[str, Mapping[str, Estimate]]
    next_baselines: Mapping[str, Estimate]
    trials: tuple[RoundRecord, ...]
    study: Mapping[str, Any]
    data: Mapping[str, Any]
    provenance: Mapping[str, Any]

    @property
    def costs(self) -> tuple[str, ...]:
        """Names of the costs that were counted in any round, in the order of :data:`warmstart.store.COSTS`."""
        return counted_costs(self.trials)

    def score_of(self, record: RoundRecord) -> float | None:
        """Return the compared score of one of the trials' rounds."""
        return score_of(record, self.metric_key)

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as JSON values: no tuple, no number that JSON does not know."""
        return {field.name: plain(getattr(self, field.name)) for field in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Summary":
        """Rebuild a summary from :meth:`to_dict`.

        Raises:
            InputError: If the values are of another schema, such as that of 0.1.
        """
        # No conversion of older forms: the store has all that they were made of.
        if values.get("schema") != SCHEMA:
            raise InputError(
                f"A summary must have schema '{SCHEMA}', got {values.get('schema')!r}: write it again from the stored "
                "results with `warmstart report DIR`."
            )
        return rebuilt(cls, values)


def score_of(record: RoundRecord, key: str | None) -> float | None:
    """Return what is compared of a round: the metric of this name, or, for None, the score.

    Example:
        >>> record = RoundRecord("cold", 0, 2, 9, 9, 0.5, {"loss": 0.7}, 1.0, "converged", 2, 4, 9, None, 1.0, 0.1, 0.2)
        >>> score_of(record, None), score_of(record, "loss"), score_of(record, "churn"), score_of(record, "auc")
        (0.5, 0.7, 0.2, None)
    """
    if key in UPDATE_METRICS:
        return getattr(record, key)
    return record.score if key is None else record.metrics.get(key)


def counted_costs(records: Iterable[RoundRecord]) -> tuple[str, ...]:
    """Return the names of the costs that were counted in any of these rounds; without a round, all but tokens.

    Example:
        >>> counted_costs([RoundRecord("cold", 0, 1, 9, 9, 0.5, {}, 1.0, "converged", 2, 4, None, None, None, 0.1)])
        ('steps', 'seconds')
    """
    rounds = list(records)
    # Unknown before anything has finished; most learners count all but tokens.
    if not rounds:
        return tuple(cost for cost in COSTS if cost != "tokens")
    return tuple(cost for cost in COSTS if any(getattr(record, cost) is not None for record in rounds))
