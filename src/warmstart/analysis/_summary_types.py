"""What a study says, as plain frozen values that go to JSON and back."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from warmstart.basics import InputError, Metric
from warmstart.statistics import Estimate, PairedDifference, PairedRatio
from warmstart.store import COSTS, RoundRecord

from ._plain import plain, rebuilt

SCHEMA: Final = "warmstart.summary/2"
"""Name and version of the summary's JSON form; see :func:`summary_schema`."""


@dataclass(frozen=True)
class CostSummary:
    """One cost of one arm; ``difference`` and ``ratio`` are those to the reference, None for the reference itself."""

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
        words: The difference in words; empty for the reference.
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
        cost: Costs of this round, by name of the cost.
        cumulative: Costs of rounds 1 to this one.
    """

    arm: str
    round: int
    samples_seen: int
    score: Estimate
    score_difference: PairedDifference | None
    cost: Mapping[str, Estimate]
    cumulative: Mapping[str, Estimate]


@dataclass(frozen=True)
class Summary:
    """What a study says, complete or not.

    Attributes:
        schema: :data:`SCHEMA`.
        metric: Name, unit and direction of the scores.
        verdict: The answer in plain sentences, built from the intervals only.
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
        trials: The records that all of it is built from.
        study: The resolved study.
        data: What was trained and evaluated on.
        provenance: Versions, machine and time.
    """

    schema: str
    metric: Metric
    verdict: str
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
    trials: tuple[RoundRecord, ...]
    study: Mapping[str, Any]
    data: Mapping[str, Any]
    provenance: Mapping[str, Any]

    @property
    def costs(self) -> tuple[str, ...]:
        """Names of the costs that were counted in any round, in the order of :data:`warmstart.store.COSTS`."""
        return counted_costs(self.trials)

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


def counted_costs(records: Iterable[RoundRecord]) -> tuple[str, ...]:
    """Return the names of the costs that were counted in any of these rounds; without a round, all but tokens.

    Example:
        >>> counted_costs([RoundRecord("cold", 0, 1, 9, 9, 0.5, {}, 1.0, "converged", 2, 4, None, None, None, 0.1)])
        ('steps', 'seconds')
    """
    rounds = list(records)
    # Before anything has finished nobody knows; most learners count all but tokens.
    if not rounds:
        return tuple(cost for cost in COSTS if cost != "tokens")
    return tuple(cost for cost in COSTS if any(getattr(record, cost) is not None for record in rounds))
