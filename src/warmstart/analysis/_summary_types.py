"""What a study says, as plain frozen values that go to JSON and back."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from warmstart.basics import InputError
from warmstart.statistics import Estimate, PairedDifference, PairedRatio
from warmstart.store import RoundRecord

SCHEMA: Final = "warmstart.summary/1"
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
        diverged: Those of them whose compared round diverged; they have no accuracy.
        accuracy: Evaluation accuracy, in [0, 1].
        accuracy_difference: Accuracy minus the reference's of the same seed; None for the reference.
        words: The difference in words; empty for the reference.
        total: Costs over all rounds up to the compared one, by name of the cost.
        last_round: Costs of the compared round alone, which is what an update pays.
        stop_reasons: How many of all its finished rounds ended in which way.
    """

    arm: str
    seeds: int
    diverged: int
    accuracy: Estimate
    accuracy_difference: PairedDifference | None
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
        accuracy: Evaluation accuracy, in [0, 1].
        accuracy_difference: Accuracy minus the reference's of the same seed; None for the reference.
        cost: Costs of this round, by name of the cost.
        cumulative: Costs of rounds 1 to this one.
    """

    arm: str
    round: int
    samples_seen: int
    accuracy: Estimate
    accuracy_difference: PairedDifference | None
    cost: Mapping[str, Estimate]
    cumulative: Mapping[str, Estimate]


@dataclass(frozen=True)
class Summary:
    """What a study says, complete or not.

    Attributes:
        schema: :data:`SCHEMA`.
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

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as JSON values: no tuple, no number that JSON does not know."""
        return {field.name: plain(getattr(self, field.name)) for field in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Summary":
        """Rebuild a summary from :meth:`to_dict`.

        Raises:
            InputError: If the values are of another schema.
        """
        if values.get("schema") != SCHEMA:
            raise InputError(f"A summary must have schema '{SCHEMA}', got {values.get('schema')!r}.")
        parts = {
            "notes": tuple(values["notes"]),
            "arms": tuple(map(_arm, values["arms"])),
            "rounds": tuple(map(_round, values["rounds"])),
            "trials": tuple(RoundRecord(**trial) for trial in values["trials"]),
        }
        return cls(**{**values, **parts})


def plain(value: Any) -> Any:
    """Return nested values as JSON knows them: lists for tuples, None for NaN and infinity, text for anything else.

    Example:
        >>> plain({"shape": (1, 8), "limit": float("inf")})
        {'shape': [1, 8], 'limit': None}
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if dataclasses.is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return str(value)


def _difference(values: Mapping[str, Any] | None) -> PairedDifference | None:
    return None if values is None else PairedDifference(**values)


def _cost(values: Mapping[str, Any]) -> CostSummary:
    ratio = None if values["ratio"] is None else PairedRatio(**values["ratio"])
    return CostSummary(Estimate(**values["value"]), _difference(values["difference"]), ratio)


def _arm(values: Mapping[str, Any]) -> ArmSummary:
    parts = {
        "accuracy": Estimate(**values["accuracy"]),
        "accuracy_difference": _difference(values["accuracy_difference"]),
        "total": {name: _cost(cost) for name, cost in values["total"].items()},
        "last_round": {name: _cost(cost) for name, cost in values["last_round"].items()},
    }
    return ArmSummary(**{**values, **parts})


def _round(values: Mapping[str, Any]) -> RoundSummary:
    parts = {
        "accuracy": Estimate(**values["accuracy"]),
        "accuracy_difference": _difference(values["accuracy_difference"]),
        "cost": {name: Estimate(**cost) for name, cost in values["cost"].items()},
        "cumulative": {name: Estimate(**cost) for name, cost in values["cumulative"].items()},
    }
    return RoundSummary(**{**values, **parts})
