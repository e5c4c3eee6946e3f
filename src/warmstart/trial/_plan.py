"""What a round has to do with: what arrives, what had arrived before, what is carried to it."""

from dataclasses import dataclass

import torch
from torch import nn

from warmstart.basics import generator_for
from warmstart.streams import check_arrival
from warmstart.training import TensorData

from ._data import TrialData
from ._round_state import RoundState
from ._trial import TrainOn, Trial


@dataclass(frozen=True, eq=False)
class RoundPlan:
    """What one round has to do with.

    Args:
        round_state: What the round before has handed on.
        training: What it trains on.
        new: What arrives now.
        old: What had arrived before; None where that was nothing, or the model has no outputs for its classes.
        samples_seen: Samples that have arrived, with this round's.
        evaluation: Never trained on.
        classes: Number of classes.
        seen: Indices into the pool of all that has arrived, with this round's.
        remembered: The same, where it has to be stored because a model had a say in it; else None.
    """

    round_state: RoundState
    training: TensorData
    new: TensorData
    old: TensorData | None
    samples_seen: int
    evaluation: TensorData
    classes: int
    seen: torch.Tensor
    remembered: torch.Tensor | None

    @property
    def number(self) -> int:
        """The round's, counted from 1."""
        return self.round_state.round + 1


def plan_round(trial: Trial, data: TrialData, round_state: RoundState, seen: torch.Tensor) -> RoundPlan:
    """Return the next round.

    Args:
        trial: The settings.
        data: The trial's.
        round_state: What the round before has handed on.
        seen: Indices into the pool of what had arrived before, in order; see :func:`arrived`.
    """
    source = data.source
    number = round_state.round + 1 - data.rounds_before_stream
    if number < 1:
        assert source is not None, "rounds before the stream are those on a source"
        return RoundPlan(
            round_state=round_state,
            training=source.pool,
            new=source.pool,
            old=None,
            samples_seen=len(source.pool),
            evaluation=source.evaluation,
            classes=source.classes,
            seen=seen,
            remembered=round_state.seen,
        )
    arrival = _arrival(trial, data.pool, number, seen, round_state.model, round_state.round + 1)
    now = torch.cat([seen, arrival])
    new = data.pool.take(arrival)
    # Of a source with other classes the model has no outputs any more.
    before_stream = None if source is None or source.classes != data.classes else source.pool
    return RoundPlan(
        round_state=round_state,
        training=data.pool.take(now) if trial.train_on is TrainOn.SEEN else new,
        new=new,
        old=data.pool.take(seen) if len(seen) else before_stream,
        samples_seen=len(now) + (0 if source is None else len(source.pool)),
        evaluation=data.evaluation,
        classes=data.classes,
        seen=now,
        remembered=now if trial.stream.reads_model and round_state.model is not None else None,
    )


def arrived(trial: Trial, data: TrialData, round_state: RoundState) -> torch.Tensor:
    """Return the indices into the pool of what has arrived up to a state, in order.

    What no model had a say in is not stored: the stream is asked again.
    """
    if round_state.seen is not None:
        return round_state.seen
    seen = torch.empty(0, dtype=torch.int64)
    for number in range(1, round_state.round - data.rounds_before_stream + 1):
        seen = torch.cat([seen, _arrival(trial, data.pool, number, seen, None, 0)])
    return seen


def _arrival(
    trial: Trial, pool: TensorData, number: int, seen: torch.Tensor, model: nn.Module | None, trial_round: int
) -> torch.Tensor:
    """Return what arrives in round ``number`` of the stream."""
    stream = trial.stream
    # The same order in every round, unless a model has a say: then each round has draws of its own.
    has_say = stream.reads_model and number > 1 and model is not None
    generator = generator_for(trial.seed, "query", trial_round) if has_say else generator_for(trial.seed, "stream")
    arrival = stream.select(number, pool, seen, model if stream.reads_model else None, generator)
    check_arrival(stream, arrival, number, seen, len(pool))
    return arrival
