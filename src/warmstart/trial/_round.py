"""One round: start, train, evaluate."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import nn

from warmstart.basics import generator_for
from warmstart.diagnostics import Reading, When
from warmstart.penalties import Penalty
from warmstart.strategies import RoundContext
from warmstart.training import (
    EpochReport,
    Evaluation,
    FitResult,
    Normalization,
    OptimizerState,
    StopReason,
    TensorData,
    Work,
    batches,
    evaluate,
    fitting,
    load_named_state_,
    named_state,
    recalibrate_,
    reset_statistics_,
    tried_step,
)

from ._measurement_log import MeasurementLog
from ._plan import RoundPlan
from ._round_state import RoundState, in_shape, renew_head_
from ._trial import Trial


@dataclass(frozen=True, eq=False)
class RoundResult:
    """One finished round.

    Args:
        number: Counted from 1.
        samples_seen: Samples that had arrived.
        samples_trained_on: Samples the round trained on.
        fit: How training went.
        stop_reason: How the round ended: as training did, or diverged when the trained model's outputs are not finite.
        evaluation: Of the trained model; None when it diverged.
        readings: What the measurements measured, in order.
        round_state: What goes on to the next round. After a divergence, that is what came from the round before.
    """

    number: int
    samples_seen: int
    samples_trained_on: int
    fit: FitResult
    stop_reason: StopReason
    evaluation: Evaluation | None
    readings: tuple[Reading, ...]
    round_state: RoundState


_known_steps: dict[Hashable, tuple[float | None, bool]] = {}
"""Operations of a step for each sample, and whether the channels of images are last in memory, by what decides them:
the same in every round and every trial of a study."""


def run_round(
    trial: Trial, plan: RoundPlan, on_epoch: Callable[[EpochReport], None] | None, *, graphs: bool = False
) -> Work[RoundResult]:
    """Start from the state of the round before, train, evaluate, and return the state after it."""
    fresh = _draw(trial, plan, "fresh", plan.number)
    previous = in_shape(plan.round_state, fresh, head=trial.carry_over.head)
    context = _context(trial, plan, previous)
    model = _start(trial, plan, fresh, context)
    optimizer = trial.recipe_of(plan.number).build_optimizer(model)
    # After a source of other classes the model is another one, and its optimizer begins anew.
    if plan.round_state.optimizer is not None and previous is plan.round_state.model:
        # The recipe's settings stay: loaded, those of a first recipe would last for ever.
        load_named_state_(optimizer, model, plan.round_state.optimizer)
    observer = MeasurementLog(trial, plan, model, fresh)
    observer.look(When.START)
    penalty = None if trial.penalty is None else trial.penalty.for_round(context)
    result = yield from _training(trial, plan, model, optimizer, penalty, observer.telling(on_epoch), graphs=graphs)
    evaluation = _evaluate(trial, model, plan)
    good = result.stop_reason is not StopReason.DIVERGED and evaluation.is_finite
    if good:
        observer.look(When.END)
    return RoundResult(
        number=plan.number,
        samples_seen=plan.samples_seen,
        samples_trained_on=len(plan.training),
        fit=result,
        stop_reason=result.stop_reason if good else StopReason.DIVERGED,
        evaluation=evaluation if good else None,
        readings=tuple(observer.readings),
        round_state=_carried_on(trial, plan, model, optimizer) if good else _fallen_back(plan),
    )


def _training(
    trial: Trial,
    plan: RoundPlan,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    penalty: Penalty | None,
    on_epoch: Callable[[EpochReport], None] | None,
    *,
    graphs: bool,
) -> Work[FitResult]:
    """Train the model on the round's data."""
    decisive = _what_counts(trial, plan, model, penalty)
    if decisive not in _known_steps:
        _known_steps[decisive] = tried_step(model, plan.training, trial.recipe_of(plan.number).batch_size, penalty)
    flops, channels_last = _known_steps[decisive]
    result = yield from fitting(
        model,
        plan.training,
        recipe=trial.recipe_of(plan.number),
        stop=trial.stop_of(plan.number),
        generator=generator_for(trial.seed, "order", plan.number),
        optimizer=optimizer,
        penalty=penalty,
        on_epoch=on_epoch,
        graphs=graphs,
        flops_per_sample=flops,
        channels_last=channels_last,
        extend_optimizer=True,
    )
    _known_steps[decisive] = result.flops_per_sample, channels_last
    return result


def _draw(trial: Trial, plan: RoundPlan, purpose: str, number: int) -> nn.Module:
    generator = generator_for(trial.seed, purpose, number)
    model = trial.architecture.build(plan.training.sample_shape, plan.classes, generator=generator)
    return model.to(plan.training.device)


def _context(trial: Trial, plan: RoundPlan, previous: nn.Module | None) -> RoundContext:
    """Return what the strategy and the penalty may draw on; every draw has a generator of its own."""

    def sampled(data: TensorData | None, purpose: str, samples: int) -> Iterable[tuple[torch.Tensor, torch.Tensor]]:
        if data is None:
            return []
        order = torch.randperm(len(data), generator=generator_for(trial.seed, purpose, plan.number))
        parts = batches(order[:samples].to(data.device), trial.recipe.batch_size)
        return (data.batch(part) for part in parts)

    return RoundContext(
        round=plan.number,
        generator=generator_for(trial.seed, "strategy", plan.number),
        first=lambda: _draw(trial, plan, "fresh", 1),
        another=lambda: _draw(trial, plan, "another fresh", plan.number),
        previous=previous,
        old=partial(sampled, plan.old, "penalty"),
        new=partial(sampled, plan.new, "new samples"),
    )


def _start(trial: Trial, plan: RoundPlan, fresh: nn.Module, context: RoundContext) -> nn.Module:
    """Return the model that the round starts from."""
    previous = context.previous
    model = trial.strategy(previous, fresh, context)
    if trial.strategy.continues and previous is not plan.round_state.model and plan.round_state.model is not None:
        renew_head_(model, plan.round_state.model, fresh, head=trial.carry_over.head)
    if trial.carry_over.normalization is Normalization.RESET:
        reset_statistics_(model)
    return model


def _what_counts(trial: Trial, plan: RoundPlan, model: nn.Module, penalty: Penalty | None) -> Hashable:
    """Return all that decides how many operations a step takes."""
    parameters = tuple((parameter.shape, parameter.requires_grad) for parameter in model.parameters())
    return type(model), repr(trial.architecture), plan.training.sample_shape, parameters, repr(penalty)


def _evaluate(trial: Trial, model: nn.Module, plan: RoundPlan) -> Evaluation:
    if trial.carry_over.normalization is Normalization.RECALIBRATE:
        generator = generator_for(trial.seed, "recalibration", plan.number)
        batch_size = trial.recipe_of(plan.number).batch_size
        recalibrate_(model, plan.training, generator=generator, batch_size=batch_size)
    return evaluate(model, plan.evaluation)


def _carried_on(trial: Trial, plan: RoundPlan, model: nn.Module, optimizer: torch.optim.Optimizer) -> RoundState:
    """Return what the next round gets; a cold start has no use for the optimizer's state."""
    keeps = trial.carry_over.optimizer_state is OptimizerState.KEEP and trial.strategy.continues
    return RoundState(plan.number, model, named_state(optimizer, model) if keeps else None, plan.remembered)


def _fallen_back(plan: RoundPlan) -> RoundState:
    """Return what the next round gets after a divergence: what came from the round before, and all that has arrived."""
    return replace(plan.round_state, round=plan.number, seen=plan.remembered)
