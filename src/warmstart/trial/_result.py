"""One finished round of a trial."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from warmstart.diagnostics import Reading
from warmstart.learners import Scores
from warmstart.training import StopReason, best_epoch

from ._round_state import RoundState


@dataclass(frozen=True, eq=False)
class RoundResult:
    """One finished round.

    Args:
        number: Counted from 1.
        samples_seen: Samples that had arrived.
        samples_trained_on: Samples the round trained on.
        history: What training reported, epoch by epoch.
        counts: Costs by name: ``steps``, ``samples``, ``tokens``, ``flops``; what was not counted is missing.
        seconds: Wall-clock seconds of training alone.
        stop_reason: Why training stopped; diverged also where the trained model's outputs are not finite.
        scores: Of the trained model; None when it diverged.
        readings: What was measured, in order.
        notes: What a reader should know, one sentence each.
        start: Digest of the model that the round started from: two trials with the same settings but for the strategy
            have equal first rounds where their starts are equal.
        round_state: What the next round takes over. After a divergence, that is what came from the round before.
        preparation: Of round 1: how samples became what the model takes, as plain values. None: of other rounds, and
            where that does not depend on the data.
        churn: Share of the evaluation data for which the previous model predicts another class, in [0, 1]; None, here
            and below: there is no previous model, or the learner predicts no classes.
        negative_flips: Share of the evaluation data that the previous model has right and this one wrong, in [0, 1].
        next_scores: On the next arrival, before anything is trained on it; None where there is none, or arrivals do not
            stand in time order.
        baselines: Scores on the evaluation data of predictors that learn nothing, by their names.
        next_baselines: Their scores on the next arrival.
    """

    number: int
    samples_seen: int
    samples_trained_on: int
    history: tuple[Mapping[str, float], ...]
    counts: Mapping[str, float]
    seconds: float
    stop_reason: StopReason
    scores: Scores | None
    readings: tuple[Reading, ...]
    notes: tuple[str, ...]
    start: str
    round_state: RoundState
    preparation: Mapping[str, Any] | None = None
    churn: float | None = None
    negative_flips: float | None = None
    next_scores: Scores | None = None
    baselines: Mapping[str, Scores] = field(default_factory=dict)
    next_baselines: Mapping[str, Scores] = field(default_factory=dict)

    @property
    def train_score(self) -> float | None:
        """Training score of the epoch that the model is of: with a validation loss the best one, else the last one."""
        if not self.history:
            return None
        best = best_epoch([row.get("validation_loss") for row in self.history])
        return self.history[-1 if best is None else best - 1].get("train_score")
