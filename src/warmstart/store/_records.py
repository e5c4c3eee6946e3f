"""What a study leaves behind: one record per finished round, and what all of them have in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

STOP_REASONS: Final = ("converged", "plateau", "limit", "diverged")
"""How a round can end: target reached, no progress any more, stopped at a limit, training lost."""

COSTS: Final = ("steps", "samples", "flops", "seconds")
"""The four costs of a round, each a field of :class:`RoundRecord`."""


@dataclass(frozen=True)
class RoundRecord:
    """One finished round of one trial, in plain Python values.

    Attributes:
        arm: Label of the strategy with its options.
        seed: Number of the seed; trials of one seed share split, arrivals and fresh draws.
        round: Number of the round, from 1.
        samples_seen: Training samples that have arrived so far.
        samples_trained_on: Training samples that this round was fitted to.
        accuracy: Accuracy on the evaluation data, in [0, 1]; None when the round diverged.
        loss: Mean loss on the evaluation data; None when the round diverged.
        train_accuracy: Accuracy on the training data as the stop rule measured it, in [0, 1].
        stop_reason: One of :data:`STOP_REASONS`.
        epochs: Passes over the data.
        steps: Optimizer updates of this round's training.
        samples: Samples processed by this round's training, repeats counted.
        flops: Floating-point operations of this round's training; None where they could not be counted.
        seconds: Wall-clock seconds of this round's training, evaluation not included.
    """

    arm: str
    seed: int
    round: int
    samples_seen: int
    samples_trained_on: int
    accuracy: float | None
    loss: float | None
    train_accuracy: float
    stop_reason: str
    epochs: int
    steps: int
    samples: int
    flops: float | None
    seconds: float


@dataclass(frozen=True)
class StudyRecords:
    """Everything that a summary is built from; a study that is still running has fewer rounds than expected.

    Attributes:
        study: The resolved study as nested plain values.
        arms: Labels of the strategies, in the study's order, each once.
        rounds_expected: Rounds of a trial.
        seeds_expected: Seeds of an arm.
        rounds: The finished rounds, in any order.
        data: What was trained and evaluated on.
        provenance: Versions, machine and time.
    """

    study: Mapping[str, Any]
    arms: tuple[str, ...]
    rounds_expected: int
    seeds_expected: int
    rounds: tuple[RoundRecord, ...]
    data: Mapping[str, Any]
    provenance: Mapping[str, Any]
