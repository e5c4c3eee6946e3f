"""What a round has to do with: what arrives, what had arrived before, what is carried to it."""

from dataclasses import dataclass

import torch

from warmstart.basics import generator_for
from warmstart.streams import Active
from warmstart.training import TensorData, predict

from ._arrivals import Arrivals
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
        remembered: Indices into the pool of all that has arrived, for the rounds after this one to build on.
    """

    round_state: RoundState
    training: TensorData
    new: TensorData
    old: TensorData | None
    samples_seen: int
    evaluation: TensorData
    classes: int
    remembered: torch.Tensor | None

    @property
    def number(self) -> int:
        """The round's, counted from 1."""
        return self.round_state.round + 1


def plan_round(trial: Trial, data: TrialData, round_state: RoundState, planned: Arrivals) -> RoundPlan:
    """Return the next round.

    Args:
        trial: The settings.
        data: The trial's.
        round_state: What the round before has handed on.
        planned: The stream's arrivals; where a query picks them, how many they are.
    """
    index = round_state.round - data.rounds_before_stream
    return _source_plan(data, round_state) if index < 0 else _stream_plan(trial, data, round_state, planned, index)


def _source_plan(data: TrialData, round_state: RoundState) -> RoundPlan:
    """Return the round on the source."""
    source = data.source
    assert source is not None, "only asked for where there is one"
    return RoundPlan(
        round_state=round_state,
        training=source.pool,
        new=source.pool,
        old=None,
        samples_seen=len(source.pool),
        evaluation=source.evaluation,
        classes=source.classes,
        remembered=round_state.seen,
    )


def _stream_plan(trial: Trial, data: TrialData, round_state: RoundState, planned: Arrivals, index: int) -> RoundPlan:
    """Return a round on what the stream has brought."""
    seen, arrival = _arrived(trial, data.pool, round_state, planned, index)
    new = data.pool.take(arrival)
    return RoundPlan(
        round_state=round_state,
        training=data.pool.take(torch.cat([seen, arrival])) if trial.train_on is TrainOn.SEEN else new,
        new=new,
        old=data.pool.take(seen) if len(seen) else _before_stream(data),
        samples_seen=len(seen) + len(arrival) + (len(data.source.pool) if data.source is not None else 0),
        evaluation=data.evaluation,
        classes=data.classes,
        remembered=_remembered(trial, round_state, seen, arrival),
    )


def _before_stream(data: TrialData) -> TensorData | None:
    """Return what had arrived when the stream began; None where the model has no outputs for its classes."""
    source = data.source
    return None if source is None or source.classes != data.classes else source.pool


def _arrived(
    trial: Trial, pool: TensorData, round_state: RoundState, planned: Arrivals, index: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what had arrived before, and what arrives now."""
    if not isinstance(trial.stream, Active) or index == 0 or round_state.model is None:
        return planned.before(index), planned.at(index)
    seen = planned.before(index) if round_state.seen is None else round_state.seen
    return seen, _asked_for(trial.stream, pool, round_state, seen, len(planned.at(index)), trial.seed)


def _remembered(
    trial: Trial, round_state: RoundState, seen: torch.Tensor, arrival: torch.Tensor
) -> torch.Tensor | None:
    """Return what has to be stored of what has arrived: all of it once a model has had a say."""
    has_say = isinstance(trial.stream, Active) and round_state.model is not None
    return torch.cat([seen, arrival]) if has_say else None


def _asked_for(
    stream: Active, pool: TensorData, round_state: RoundState, seen: torch.Tensor, count: int, seed: int
) -> torch.Tensor:
    """Return the samples that the query picks: one pass of the model over all that have not arrived."""
    assert round_state.model is not None, "somebody has to be asked"
    is_left = torch.ones(len(pool), dtype=torch.bool)
    is_left[seen] = False
    left = is_left.nonzero().squeeze(1)
    logits = predict(round_state.model, pool.take(left)) if stream.query.reads_logits else torch.empty(len(left), 0)
    picked = stream.query(logits, count, generator=generator_for(seed, "query", round_state.round + 1))
    return left[picked]
