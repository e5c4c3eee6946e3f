"""What a study leaves behind: one record per finished round, and what all of them have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from warmstart.basics import ACCURACY, Metric

STOP_REASONS: Final = ("converged", "plateau", "limit", "diverged")
"""How a round can end: target reached, no progress any more, stopped at a limit, training lost."""

COSTS: Final = ("steps", "samples", "tokens", "flops", "seconds")
"""The costs of a round, each a field of :class:`RoundRecord`; one that was not counted is None."""


@dataclass(frozen=True)
class RoundRecord:
    """One finished round of one trial, in plain Python values.

    Attributes:
        arm: Label of the strategy with its options.
        seed: Number of the seed; trials of one seed share split, arrivals and fresh draws.
        round: Number of the round, from 1.
        samples_seen: Training samples that have arrived so far.
        samples_trained_on: Training samples that this round was fitted to.
        score: Score on the evaluation data in the metric's unit (accuracy in [0, 1]); None when the round diverged.
        metrics: Other metrics of the same evaluation by name, such as ``{"loss": 0.3}``; empty when the round diverged.
        train_score: Score on the training data as the stopping rule measured it; None where the learner reports none.
        stop_reason: One of :data:`STOP_REASONS`.
        epochs: Passes over the data.
        steps: Optimizer updates of this round's training; None, here and below: not counted.
        samples: Samples processed by this round's training, repeats counted.
        tokens: Tokens processed by this round's training, repeats counted.
        flops: Floating-point operations of this round's training.
        seconds: Wall-clock seconds of this round's training, evaluation not included.
        churn: Share of the evaluation data for which the previous model predicts another class, in [0, 1]; None, here
            and below: there is no previous model, or the learner predicts no classes.
        negative_flips: Share of the evaluation data that the previous model has right and this one wrong, in [0, 1].
        next_score: Score on the next arrival, before anything is trained on it; None where there is none, or the model
            itself picks it.
        baselines: Metrics on the evaluation data of predictors that learn nothing, by their names: ``majority``,
            ``mean``, ``persistence``; the score stands among them under the metric's name.
        next_baselines: Scores of these on the next arrival, in the metric's unit.
    """

    arm: str
    seed: int
    round: int
    samples_seen: int
    samples_trained_on: int
    score: float | None
    metrics: Mapping[str, float]
    train_score: float | None
    stop_reason: str
    epochs: int
    steps: int | None
    samples: int | None
    tokens: int | None
    flops: float | None
    seconds: float
    churn: float | None = None
    negative_flips: float | None = None
    next_score: float | None = None
    baselines: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    next_baselines: Mapping[str, float] = field(default_factory=dict)


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
        metric: Name, unit and direction of the scores.
    """

    study: Mapping[str, Any]
    arms: tuple[str, ...]
    rounds_expected: int
    seeds_expected: int
    rounds: tuple[RoundRecord, ...]
    data: Mapping[str, Any]
    provenance: Mapping[str, Any]
    metric: Metric = ACCURACY
