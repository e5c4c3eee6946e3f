"""One round: start, train, evaluate."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import nn

from warmstart.basics import generator_for
from warmstart.penalties import Before, Penalty, PenaltyRule
from warmstart.probes import Reading, When
from warmstart.strategies import Context
from warmstart.training import (
    Ending,
    EpochReport,
    Evaluation,
    FitResult,
    Normalization,
    OptimizerState,
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

from ._carried import Carried, in_shape, renew_head_
from ._observer import Observer
from ._plan import Plan
from ._trial import Trial


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


_known_steps: dict[Hashable, tuple[float | None, bool]] = {}
"""Operations of a step for each sample, and whether the channels of images are last in memory, by what decides them:
the same in every round and every trial of a study."""


def playing_round(
    trial: Trial, plan: Plan, on_epoch: Callable[[EpochReport], None] | None, *, graphs: bool = False
) -> Work[Round]:
    """Start from what is carried, train, evaluate, and say what is carried on."""
    fresh = _draw(trial, plan, "fresh", plan.number)
    previous = in_shape(plan.carried, fresh, head=trial.carry_over.head)
    model = _start(trial, plan, previous, fresh)
    optimizer = trial.recipe_of(plan.number).build_optimizer(model)
    # After a source of other classes the model is another one, and its optimizer begins anew.
    if plan.carried.optimizer is not None and previous is plan.carried.model:
        # The recipe's settings stay: loaded, those of a first recipe would last for ever.
        load_named_state_(optimizer, model, plan.carried.optimizer)
    observer = Observer(trial, plan, model, fresh)
    observer.look(When.START)
    penalty = _penalty(trial, plan, previous)
    result = yield from _training(trial, plan, model, optimizer, penalty, observer.telling(on_epoch), graphs=graphs)
    evaluation = _evaluate(trial, model, plan)
    good = result.ending is not Ending.DIVERGED and evaluation.is_finite
    if good:
        observer.look(When.END)
    return Round(
        number=plan.number,
        samples_seen=plan.samples_seen,
        samples_trained_on=len(plan.training),
        fit=result,
        ending=result.ending if good else Ending.DIVERGED,
        evaluation=evaluation if good else None,
        readings=tuple(observer.readings),
        carried=_carried_on(trial, plan, model, optimizer) if good else _fallen_back(plan),
    )


def _training(
    trial: Trial,
    plan: Plan,
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


def _draw(trial: Trial, plan: Plan, purpose: str, number: int) -> nn.Module:
    generator = generator_for(trial.seed, purpose, number)
    model = trial.architecture.build(plan.training.sample_shape, plan.classes, generator=generator)
    return model.to(plan.training.device)


def _start(trial: Trial, plan: Plan, previous: nn.Module | None, fresh: nn.Module) -> nn.Module:
    """Return the model that the round starts from."""
    context = Context(
        first=lambda: _draw(trial, plan, "fresh", 1),
        generator=generator_for(trial.seed, "strategy", plan.number),
        draw=lambda: _draw(trial, plan, "another fresh", plan.number),
    )
    model = trial.strategy(previous, fresh, context)
    if trial.strategy.continues and previous is not plan.carried.model and plan.carried.model is not None:
        renew_head_(model, plan.carried.model, fresh, head=trial.carry_over.head)
    if trial.carry_over.normalization is Normalization.RESET:
        reset_statistics_(model)
    return model


def _penalty(trial: Trial, plan: Plan, previous: nn.Module | None) -> Penalty | None:
    """Return the round's penalty."""
    if not isinstance(trial.penalty, PenaltyRule):
        return trial.penalty

    def earlier(samples: int) -> Iterable[tuple[torch.Tensor, torch.Tensor]]:
        assert plan.old is not None, "where there is a previous model, something had arrived before"
        order = torch.randperm(len(plan.old), generator=generator_for(trial.seed, "penalty", plan.number))
        parts = batches(order[:samples].to(plan.old.device), trial.recipe.batch_size)
        return (plan.old.batch(part) for part in parts)

    return trial.penalty(Before(lambda: _draw(trial, plan, "fresh", 1), previous, earlier))


def _what_counts(trial: Trial, plan: Plan, model: nn.Module, penalty: Penalty | None) -> Hashable:
    """Return all that decides how many operations a step takes."""
    parameters = tuple((parameter.shape, parameter.requires_grad) for parameter in model.parameters())
    return type(model), repr(trial.architecture), plan.training.sample_shape, parameters, repr(penalty)


def _evaluate(trial: Trial, model: nn.Module, plan: Plan) -> Evaluation:
    if trial.carry_over.normalization is Normalization.RECALIBRATE:
        generator = generator_for(trial.seed, "recalibration", plan.number)
        batch_size = trial.recipe_of(plan.number).batch_size
        recalibrate_(model, plan.training, generator=generator, batch_size=batch_size)
    return evaluate(model, plan.evaluation)


def _carried_on(trial: Trial, plan: Plan, model: nn.Module, optimizer: torch.optim.Optimizer) -> Carried:
    """Return what the next round gets; a cold start has no use for the optimizer's state."""
    keeps = trial.carry_over.optimizer_state is OptimizerState.KEEP and trial.strategy.continues
    return Carried(plan.number, model, named_state(optimizer, model) if keeps else None, plan.remembered)


def _fallen_back(plan: Plan) -> Carried:
    """Return what the next round gets after a divergence: what came from the round before, and all that has arrived."""
    return replace(plan.carried, round=plan.number, seen=plan.remembered)
