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
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Any

import torch
from torch import nn

from warmstart.basics import InputError, generator_for, settle_choices
from warmstart.models import Architecture
from warmstart.penalties import Before, Penalty, PenaltyRule
from warmstart.probes import Moment, Probe, Reading, When
from warmstart.strategies import Cold, Context, Strategy, transplant
from warmstart.streams import Active, Stream
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
    batches,
    evaluate,
    fit,
    predict,
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
        first_recipe: How round 1 trains; None: as the others.
        first_stop: When round 1 is done; None: as the others.
        penalty: Added to the loss, or makes for each round what is.
        probes: What is measured besides accuracy and cost.
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
    first_recipe: Recipe | None = None
    first_stop: StopRule | None = None
    penalty: Penalty | PenaltyRule | None = None
    probes: tuple[Probe, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the options."""
        settle_choices(self)

    def recipe_of(self, number: int) -> Recipe:
        """Return how round ``number`` trains."""
        return self.first_recipe if number == 1 and self.first_recipe is not None else self.recipe

    def stop_of(self, number: int) -> StopRule:
        """Return when round ``number`` is done."""
        return self.first_stop if number == 1 and self.first_stop is not None else self.stop


def opening(trial: Trial) -> Trial | None:
    """Return what decides round 1 of a trial: two trials with equal openings have the same first round, bit for bit.

    None where nothing can be said: where the strategy does not begin with the fresh model as it is, or where the
    optimizer's state is kept, which depends on the strategy.
    """
    if not trial.strategy.begins_fresh or trial.carry_over.optimizer_state is OptimizerState.KEEP:
        return None
    later = isinstance(trial.penalty, PenaltyRule) and trial.penalty.from_round > 1
    return replace(
        trial,
        strategy=Cold(),
        train_on=TrainOn.SEEN,
        recipe=trial.recipe_of(1),
        stop=trial.stop_of(1),
        first_recipe=None,
        first_stop=None,
        penalty=None if later else trial.penalty,
    )


def check_source(trial: Trial, classes: int, *, source: int) -> None:
    """Raise unless a trial can go on from a source.

    Args:
        trial: The settings.
        classes: Number of classes of what the stream draws from.
        source: Number of classes of the source.

    Raises:
        InputError: If the penalty looks back on samples of classes that the model has no outputs for any more.
    """
    looks_back = isinstance(trial.penalty, PenaltyRule) and trial.penalty.from_round > 1
    if looks_back and classes != source:
        raise InputError(
            f"source must have {classes} classes, as the data have, for the penalty {trial.penalty}, got {source}."
        )


@dataclass(frozen=True, eq=False)
class TrialData:
    """What a trial trains and is evaluated on.

    Args:
        pool: What the stream draws from.
        evaluation: Never trained on.
        classes: Number of classes.
        source: Another data set of inputs of the same shape; round 1 then trains on all of its pool and is evaluated
            on its evaluation data, and the stream begins with round 2. None: there is none.
    """

    pool: TensorData
    evaluation: TensorData
    classes: int
    source: "TrialData | None" = None


@dataclass(frozen=True, eq=False)
class Carried:
    """All that a round hands to the next one; with the trial's settings, all that is needed to go on.

    Args:
        round: The round that has ended, counted from 1; 0 before the first.
        model: The previous model; None while there is none.
        optimizer: The state of its optimizer, where that is kept.
        seen: Indices into the pool of all that has arrived, where models have decided that; else None.
    """

    round: int = 0
    model: nn.Module | None = None
    optimizer: dict[str, Any] | None = None
    seen: torch.Tensor | None = None


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
        readings: What the probes measured, in order.
        carried: What goes on to the next round. After a divergence, that is what came from the round before.
    """

    number: int
    samples_seen: int
    samples_trained_on: int
    fit: FitResult
    ending: Ending
    evaluation: Evaluation | None
    readings: tuple[Reading, ...]
    carried: Carried


@dataclass(frozen=True, eq=False)
class _Plan:
    """What one round has to do with: its data, and what is carried to it."""

    carried: Carried
    training: TensorData
    old: TensorData | None
    new: TensorData
    samples_seen: int
    evaluation: TensorData
    classes: int

    @property
    def number(self) -> int:
        return self.carried.round + 1


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
    planned = trial.stream.arrivals(len(data.pool), generator=generator_for(trial.seed, "stream"))
    if data.source is not None:
        check_source(trial, data.classes, source=data.source.classes)
    data = _standardized(data, planned[0])
    carried = carried or Carried()
    if carried.model is not None:
        # As training left it: what was stored lies otherwise in memory, and sums over it would round otherwise.
        data.pool.laid_out_for(carried.model)
    before = 0 if data.source is None else 1
    while carried.round < before + len(planned):
        if carried.round < before:
            plan = _source_plan(data, carried)
        else:
            index = carried.round - before
            seen, arrival = _arrived(trial, data.pool, carried, planned, index)
            plan = _stream_plan(trial, data, carried, seen, arrival)
            carried = replace(carried, seen=_remembered(trial, carried, seen, arrival))
        played = _play_round(trial, plan, None if on_epoch is None else partial(on_epoch, plan.number))
        carried = replace(played.carried, seen=carried.seen)
        yield replace(played, carried=carried)


def _source_plan(data: TrialData, carried: Carried) -> _Plan:
    """Return the round on the source."""
    source = data.source
    assert source is not None, "only asked for where there is one"
    pool = source.pool
    return _Plan(carried, pool, None, pool, len(pool), source.evaluation, source.classes)


def _stream_plan(trial: Trial, data: TrialData, carried: Carried, seen: torch.Tensor, arrival: torch.Tensor) -> _Plan:
    """Return a round on what the stream has brought."""
    new = data.pool.take(arrival)
    old = data.pool.take(seen) if len(seen) else _before_stream(data)
    training = data.pool.take(torch.cat([seen, arrival])) if trial.train_on is TrainOn.SEEN else new
    count = len(seen) + len(arrival) + (len(data.source.pool) if data.source is not None else 0)
    return _Plan(carried, training, old, new, count, data.evaluation, data.classes)


def _before_stream(data: TrialData) -> TensorData | None:
    """Return what had arrived when the stream began; None where the model has no outputs for its classes."""
    source = data.source
    return None if source is None or source.classes != data.classes else source.pool


def _arrived(
    trial: Trial, pool: TensorData, carried: Carried, planned: list[torch.Tensor], index: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what had arrived before, and what arrives now."""
    planned_before = torch.cat([torch.zeros(0, dtype=torch.int64), *planned[:index]])
    if not isinstance(trial.stream, Active) or index == 0 or carried.model is None:
        return planned_before, planned[index]
    seen = planned_before if carried.seen is None else carried.seen
    return seen, _asked_for(trial.stream, pool, carried, seen, len(planned[index]), trial.seed)


def _remembered(trial: Trial, carried: Carried, seen: torch.Tensor, arrival: torch.Tensor) -> torch.Tensor | None:
    """Return what has to be stored of what has arrived: all of it once a model has had a say."""
    has_say = isinstance(trial.stream, Active) and carried.model is not None
    return torch.cat([seen, arrival]) if has_say else None


def _asked_for(
    stream: Active, pool: TensorData, carried: Carried, seen: torch.Tensor, count: int, seed: int
) -> torch.Tensor:
    """Return the samples that the query picks: one pass of the model over all that have not arrived."""
    assert carried.model is not None, "somebody has to be asked"
    is_left = torch.ones(len(pool), dtype=torch.bool)
    is_left[seen] = False
    left = is_left.nonzero().squeeze(1)
    logits = predict(carried.model, pool.take(left)) if stream.query.reads_logits else torch.empty(len(left), 0)
    picked = stream.query(logits, count, generator=generator_for(seed, "query", carried.round + 1))
    return left[picked]


def _play_round(trial: Trial, plan: _Plan, on_epoch: Callable[[EpochReport], None] | None) -> Round:
    """Start from what is carried, train, evaluate, and say what is carried on."""
    number, recipe = plan.number, trial.recipe_of(plan.number)
    fresh = _draw(trial, plan, "fresh", number)
    previous, state = _fitting(plan.carried, fresh)
    model = _start(trial, plan, previous, fresh)
    optimizer = _optimizer(recipe, model, state)
    observer = _Observer(trial, plan, model, fresh)
    observer.look(When.START)
    result = fit(
        model,
        plan.training,
        recipe=recipe,
        stop=trial.stop_of(number),
        generator=generator_for(trial.seed, "order", number),
        optimizer=optimizer,
        penalty=_penalty(trial, plan, previous),
        on_epoch=observer.telling(on_epoch),
    )
    evaluation = _evaluate(trial, model, plan)
    good = result.ending is not Ending.DIVERGED and evaluation.is_finite
    if good:
        observer.look(When.END)
    return Round(
        number=number,
        samples_seen=plan.samples_seen,
        samples_trained_on=len(plan.training),
        fit=result,
        ending=result.ending if good else Ending.DIVERGED,
        evaluation=evaluation if good else None,
        readings=tuple(observer.readings),
        carried=_carried_on(trial, model, optimizer, number) if good else replace(plan.carried, round=number),
    )


def _draw(trial: Trial, plan: _Plan, purpose: str, number: int) -> nn.Module:
    generator = generator_for(trial.seed, purpose, number)
    model = trial.architecture.build(plan.training.sample_shape, plan.classes, generator=generator)
    return model.to(plan.training.labels.device)


def _fitting(carried: Carried, fresh: nn.Module) -> tuple[nn.Module | None, dict[str, Any] | None]:
    """Return what is carried in the fresh model's shape: after a source of other classes the head is new.

    The state of an optimizer of other shapes is of no use then.
    """
    previous = carried.model
    if previous is None or _shapes(previous) == _shapes(fresh):
        return previous, carried.optimizer
    return transplant(previous, fresh), None


def _renew_head_(model: nn.Module, source: nn.Module, fresh: nn.Module) -> None:
    """Give parameters that the source's model does not have, or has in another shape, their fresh values.

    A strategy has taken them for trained ones: shrunk, a new head would begin at another scale.
    """
    known, drawn = _shapes(source), fresh.state_dict()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if known.get(name) != parameter.shape:
                parameter.copy_(drawn[name])


def _shapes(model: nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in model.state_dict().items()}


def _start(trial: Trial, plan: _Plan, previous: nn.Module | None, fresh: nn.Module) -> nn.Module:
    """Return the model that the round starts from."""
    context = Context(
        first=lambda: _draw(trial, plan, "fresh", 1),
        generator=generator_for(trial.seed, "strategy", plan.number),
        draw=lambda: _draw(trial, plan, "another fresh", plan.number),
    )
    model = trial.strategy(previous, fresh, context)
    if trial.strategy.continues and previous is not plan.carried.model and plan.carried.model is not None:
        _renew_head_(model, plan.carried.model, fresh)
    if trial.carry_over.normalization is Normalization.RESET:
        reset_statistics_(model)
    return model


def _optimizer(recipe: Recipe, model: nn.Module, state: dict[str, Any] | None) -> torch.optim.Optimizer:
    optimizer = recipe.build_optimizer(model)
    if state is not None:
        # The recipe's settings stay: loaded, those of a first recipe would last for ever. The state is copied, for the
        # optimizer would go on in the very tensors that a diverged round has to fall back on.
        settings = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": copy.deepcopy(state["state"]), "param_groups": settings})
    return optimizer


def _penalty(trial: Trial, plan: _Plan, previous: nn.Module | None) -> Penalty | None:
    """Return the round's penalty."""
    if not isinstance(trial.penalty, PenaltyRule):
        return trial.penalty

    def earlier(samples: int) -> Iterable[tuple[torch.Tensor, torch.Tensor]]:
        assert plan.old is not None, "where there is a previous model, something had arrived before"
        order = torch.randperm(len(plan.old), generator=generator_for(trial.seed, "penalty", plan.number))
        parts = batches(order[:samples].to(plan.old.labels.device), trial.recipe.batch_size)
        return (plan.old.batch(part) for part in parts)

    return trial.penalty(Before(lambda: _draw(trial, plan, "fresh", 1), previous, earlier))


def _evaluate(trial: Trial, model: nn.Module, plan: _Plan) -> Evaluation:
    if trial.carry_over.normalization is Normalization.RECALIBRATE:
        generator = generator_for(trial.seed, "recalibration", plan.number)
        batch_size = trial.recipe_of(plan.number).batch_size
        recalibrate_(model, plan.training, generator=generator, batch_size=batch_size)
    return evaluate(model, plan.evaluation)


def _carried_on(trial: Trial, model: nn.Module, optimizer: torch.optim.Optimizer, number: int) -> Carried:
    """Return what the next round gets; a cold start has no use for the optimizer's state."""
    keeps = trial.carry_over.optimizer_state is OptimizerState.KEEP and trial.strategy.continues
    return Carried(number, model, optimizer.state_dict() if keeps else None)


class _Observer:
    """Lets a trial's probes look at a round, and keeps what they read."""

    def __init__(self, trial: Trial, plan: _Plan, model: nn.Module, fresh: nn.Module) -> None:
        self.readings: list[Reading] = []
        self._trial, self._plan, self._model, self._fresh = trial, plan, model, fresh
        self._start = copy.deepcopy(model) if trial.probes else model
        self._epoch = self._steps = 0

    def telling(self, on_epoch: Callable[[EpochReport], None] | None) -> Callable[[EpochReport], None] | None:
        """Return what ``fit`` is to call after every epoch."""
        if not self._trial.probes:
            return on_epoch

        def look_and_tell(report: EpochReport) -> None:
            self._epoch, self._steps = report.epoch, report.steps
            if math.isfinite(report.train_loss):
                self.look(When.EPOCH)
            if on_epoch is not None:
                on_epoch(report)

        return look_and_tell

    def look(self, when: When) -> None:
        """Let every probe look."""
        for probe in self._trial.probes:
            for name, value in probe(self._moment(when)).items():
                known = value if value is not None and math.isfinite(value) else None
                self.readings.append(Reading(name, known, when, self._epoch, self._steps))

    def _moment(self, when: When) -> Moment:
        plan = self._plan
        return Moment(
            when=when,
            epoch=self._epoch,
            steps=self._steps,
            model=self._model,
            start=self._start,
            fresh=self._fresh,
            training=plan.training,
            old=plan.old,
            new=plan.new,
            evaluation=plan.evaluation,
            generator=generator_for(self._trial.seed, "probe", plan.number),
        )


def _standardized(data: TrialData, first_arrival: torch.Tensor) -> TrialData:
    """Give table columns mean 0 and variance 1 over the only data known when the trial begins.

    Those are the source where there is one, else the first arrival.
    """
    if data.pool.is_image:
        return data
    where = first_arrival.to(data.pool.inputs.device)
    known = data.pool.inputs[where] if data.source is None else data.source.pool.inputs
    deviation = known.std(0, correction=0)
    scale = torch.where(deviation > 0, 1 / deviation, torch.ones_like(deviation))
    return _scaled(data, scale, -known.mean(0) * scale)


def _scaled(data: TrialData, scale: torch.Tensor, offset: torch.Tensor) -> TrialData:
    return replace(
        data,
        pool=replace(data.pool, scale=scale, offset=offset),
        evaluation=replace(data.evaluation, scale=scale, offset=offset),
        source=None if data.source is None else _scaled(data.source, scale, offset),
    )
