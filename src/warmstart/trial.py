"""A trial: one stream played to its end with one strategy, one recipe, one seed.

The loop that everything else serves stands in :func:`play`::

    for arrival in stream:
        fresh = build_model(generator)
        start = strategy(previous, fresh)
        fit(start, seen, recipe, stop)
        record(evaluate(start), cost)
        previous = start
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Any

import torch
from torch import nn

from warmstart.basics import generator_for, settle_choices
from warmstart.models import Architecture
from warmstart.strategies import Cold, Context, Strategy
from warmstart.streams import Stream
from warmstart.training import (
    CarryOver,
    Ending,
    EpochReport,
    Evaluation,
    FitResult,
    Normalization,
    OptimizerState,
    Recipe,
    StopRule,
    TensorData,
    evaluate,
    fit,
    recalibrate_,
    reset_statistics_,
)


class TrainOn(StrEnum):
    """What a round trains on: everything ``SEEN`` so far (the paper), or only the new ``ARRIVAL``."""

    SEEN = "seen"
    ARRIVAL = "arrival"


@dataclass(frozen=True)
class Trial:
    """The settings of one trial.

    Args:
        architecture: Builds the fresh models.
        stream: How data arrive.
        strategy: Decides what each round starts from.
        train_on: What each round trains on.
        carry_over: What else survives a round.
        recipe: How a round trains.
        stop: When a round is done.
        seed: Decides order of arrival, fresh models, order of samples, noise - each by a generator of its own, so that
            trials with equal seeds are paired.
    """

    architecture: Architecture
    stream: Stream = field(repr=False)
    strategy: Strategy = Cold()
    train_on: TrainOn = TrainOn.SEEN
    carry_over: CarryOver = CarryOver()
    recipe: Recipe = Recipe()
    stop: StopRule = StopRule()
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the options."""
        settle_choices(self)


@dataclass(frozen=True, eq=False)
class TrialData:
    """What a trial trains and is evaluated on.

    Args:
        pool: What the stream draws from.
        evaluation: Never trained on.
        classes: Number of classes.
    """

    pool: TensorData
    evaluation: TensorData
    classes: int


@dataclass(frozen=True, eq=False)
class Carried:
    """All that a round hands to the next one; with the trial's settings, all that is needed to go on.

    Args:
        round: The round that has ended, counted from 1; 0 before the first.
        model: The previous model; None while there is none.
        optimizer: The state of its optimizer, where that is kept.
    """

    round: int = 0
    model: nn.Module | None = None
    optimizer: dict[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class Round:
    """One finished round.

    Args:
        number: Counted from 1.
        samples_seen: Samples that had arrived.
        samples_trained_on: Samples the round trained on.
        fit: How training went.
        ending: How the round ended: as training did, or diverged when the trained model's outputs are not finite.
        evaluation: Of the trained model; None when it diverged.
        carried: What goes on to the next round. After a divergence, that is what came from the round before.
    """

    number: int
    samples_seen: int
    samples_trained_on: int
    fit: FitResult
    ending: Ending
    evaluation: Evaluation | None
    carried: Carried


def play(
    trial: Trial,
    data: TrialData,
    *,
    carried: Carried | None = None,
    on_epoch: Callable[[int, EpochReport], None] | None = None,
) -> Iterator[Round]:
    """Play a trial round by round.

    Args:
        trial: The settings.
        data: On the device where the trial is to run.
        carried: Where to go on after an interruption; the rounds that follow are those of an uninterrupted trial.
        on_epoch: Called with the round's number and each epoch's report.

    Yields:
        Each round as it ends.

    Raises:
        InputError: If the stream, the model or the data do not fit together.
    """
    arrivals = trial.stream.arrivals(len(data.pool), generator=generator_for(trial.seed, "stream"))
    data = _standardized(data, arrivals[0])
    carried = carried or Carried()
    for number, arrival in enumerate(arrivals, start=1):
        if number > carried.round:
            seen = torch.cat(arrivals[:number])
            training = data.pool.take(seen if trial.train_on is TrainOn.SEEN else arrival)
            report = None if on_epoch is None else partial(on_epoch, number)
            played = _play_round(trial, data, training, carried, report)
            yield replace(played, samples_seen=len(seen))
            carried = played.carried


def _play_round(
    trial: Trial,
    data: TrialData,
    training: TensorData,
    carried: Carried,
    on_epoch: Callable[[EpochReport], None] | None,
) -> Round:
    """Start from what is carried, train, evaluate, and say what is carried on."""
    number = carried.round + 1
    model = _start(trial, data, carried.model, number)
    optimizer = _optimizer(trial, model, carried.optimizer)
    order = generator_for(trial.seed, "order", number)
    result = fit(
        model, training, recipe=trial.recipe, stop=trial.stop, generator=order, optimizer=optimizer, on_epoch=on_epoch
    )
    evaluation = _evaluate(trial, model, training, data.evaluation, number)
    good = result.ending is not Ending.DIVERGED and evaluation.is_finite
    return Round(
        number=number,
        samples_seen=len(training),
        samples_trained_on=len(training),
        fit=result,
        ending=result.ending if good else Ending.DIVERGED,
        evaluation=evaluation if good else None,
        carried=_carried_on(trial, model, optimizer, number) if good else replace(carried, round=number),
    )


def _start(trial: Trial, data: TrialData, previous: nn.Module | None, number: int) -> nn.Module:
    """Return the model that the round starts from."""

    def draw(purpose: str, round_number: int) -> nn.Module:
        generator = generator_for(trial.seed, purpose, round_number)
        shape = tuple(data.pool.inputs.shape[1:])
        model = trial.architecture.build(shape, data.classes, generator=generator)
        return model.to(data.pool.labels.device)

    context = Context(
        first=lambda: draw("fresh", 1),
        generator=generator_for(trial.seed, "strategy", number),
        draw=lambda: draw("another fresh", number),
    )
    model = trial.strategy(previous, draw("fresh", number), context)
    if trial.carry_over.normalization is Normalization.RESET:
        reset_statistics_(model)
    return model


def _optimizer(trial: Trial, model: nn.Module, state: dict[str, Any] | None) -> torch.optim.Optimizer:
    optimizer = trial.recipe.build_optimizer(model)
    if state is not None:
        # Copied, for the optimizer would go on in the very tensors that a diverged round has to fall back on.
        optimizer.load_state_dict(copy.deepcopy(state))
    return optimizer


def _evaluate(trial: Trial, model: nn.Module, training: TensorData, evaluation: TensorData, number: int) -> Evaluation:
    if trial.carry_over.normalization is Normalization.RECALIBRATE:
        generator = generator_for(trial.seed, "recalibration", number)
        recalibrate_(model, training, generator=generator, batch_size=trial.recipe.batch_size)
    return evaluate(model, evaluation)


def _carried_on(trial: Trial, model: nn.Module, optimizer: torch.optim.Optimizer, number: int) -> Carried:
    """Return what the next round gets; a cold start has no use for the optimizer's state."""
    keeps = trial.carry_over.optimizer_state is OptimizerState.KEEP and trial.strategy.continues
    return Carried(number, model, optimizer.state_dict() if keeps else None)


def _standardized(data: TrialData, first_arrival: torch.Tensor) -> TrialData:
    """Give table columns mean 0 and variance 1 over the first arrival, the only data known when the stream begins."""
    if data.pool.is_image:
        return data
    known = data.pool.inputs[first_arrival.to(data.pool.inputs.device)]
    deviation = known.std(0, correction=0)
    scale = torch.where(deviation > 0, 1 / deviation, torch.ones_like(deviation))
    offset = -known.mean(0) * scale
    return replace(
        data,
        pool=replace(data.pool, scale=scale, offset=offset),
        evaluation=replace(data.evaluation, scale=scale, offset=offset),
    )
