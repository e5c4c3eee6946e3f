"""What the built-in learners have in common: an architecture trained by the engine on tensors."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import nn

from warmstart.basics import InputError, described, generator_for, resolve_choices
from warmstart.models import Architecture, ResNet18
from warmstart.penalties import Penalty
from warmstart.training import (
    CarryOver,
    EarlyStopping,
    Loss,
    Normalization,
    OptimizerState,
    Recipe,
    StoppingRule,
    TensorData,
    Work,
    choose_memory_format,
    fitting,
    load_named_state_,
    named_state,
    recalibrate_,
    run_alone,
)

from ._in_trial import TrialLearner
from ._learner import Round
from ._validation import FEWEST_SAMPLES, held_apart, never_trained_on

_known_steps: dict[Hashable, tuple[float | None, bool]] = {}
"""Operations of a step for each sample, and whether the channels of images are last in memory, by what decides them:
the same in every round and every trial of a study."""


MOST_DEVIATIONS = 5.0
"""Standard deviations of the known data beyond which inputs are compressed. On Elec2 with the scale of its first week,
whose dates are 11,000 deviations before the last, a cold start on 36,000 rows has an accuracy of 62 to 67 % without
that, 79 % with it, and 81 % with the scale of all rows, which is unknown in the first week (2 seeds)."""


@dataclass(frozen=True)
class TensorLearner(TrialLearner):
    """Trains an architecture on tensors with :func:`warmstart.fit`; a classifier or a regressor.

    Args:
        architecture: Builds the models.
        recipe: How a round trains.
        stop: When a round is done.
        penalty: Added to the loss.
        carry_over: What survives a round besides the weights.
    """

    architecture: Architecture = ResNet18()
    recipe: Recipe = Recipe()
    stop: StoppingRule = StoppingRule()
    penalty: Penalty | None = None
    carry_over: CarryOver = CarryOver()

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
        kinds = {"architecture": Architecture, "recipe": Recipe, "stop": StoppingRule, "carry_over": CarryOver}
        for name, kind in kinds.items():
            if not isinstance(getattr(self, name), kind):
                raise InputError(f"{name} must be of class {kind.__name__}, got {described(getattr(self, name))}.")
        if self.penalty is not None and not isinstance(self.penalty, Penalty):
            raise InputError(f"penalty must be of class Penalty or None, got {described(self.penalty)}.")
        if isinstance(self.objective, Loss):  # else the regressor says so
            self.recipe.check_loss(self.objective)

    @abstractmethod
    def outputs(self, data: TensorData) -> int:
        """Return how many outputs a model of these data has."""

    @property
    @abstractmethod
    def objective(self) -> Loss:
        """What training minimizes."""

    def build(self, data: TensorData, seed: int) -> nn.Module:
        """Return a freshly initialised model on the data's device; see :meth:`Learner.build`."""
        generator = torch.Generator().manual_seed(seed)
        return self.architecture.build(data.sample_shape, self.outputs(data), generator=generator).to(data.device)

    def prepared(self, parts: list[TensorData], known: TensorData, *, scale: bool = True) -> list[TensorData]:
        """Return columns of tables, and channels of windows and pictures, with mean 0 and variance 1 over known data.

        Channels come last in (n, length, channels), first in (n, channels, height, width) and whatever has more
        dimensions. Images of bytes have their scale already; whole numbers stand for something else than their size.

        What lies beyond five deviations is compressed to 5 + ln(size / 5): a first week says little of the years that
        follow, and a date or a price far outside of it would otherwise drown all other columns.
        """
        inputs = known.inputs
        if not scale or not inputs.is_floating_point():
            return parts
        others = {2: (0,), 3: (0, 1)}.get(inputs.ndim, (0, *range(2, inputs.ndim)))
        # Of shape (columns,), (channels,) or (channels, 1, 1), which is what a batch is multiplied by.
        deviation, mean = (found(others, keepdim=True)[0] for found in (partial(inputs.std, correction=0), inputs.mean))
        factor = torch.where(deviation > 0, 1 / deviation, torch.ones_like(deviation))
        return [part.scaled(factor, -mean * factor, limit=MOST_DEVIATIONS) for part in parts]

    def channels_last(self, model: nn.Module, data: TensorData) -> bool:
        """Return whether the model trains fastest on images with their channels last, and can train so."""
        if not data.is_image:
            return False
        return choose_memory_format(model, data, self.recipe.batch_size, None, loss=self.objective)[1]

    def train(self, model: nn.Module, round: Round) -> None:
        """Train the model in place; see :meth:`Learner.train`."""
        run_alone(self.steps(model, round), round.device)

    def steps(self, model: nn.Module, round: Round) -> Work[None]:
        """Return the work of :meth:`train`, which takes turns with others on a GPU."""
        data, validation, stop = self._parts(round)
        optimizer = self.recipe.build_optimizer(model)
        if round.optimizer_state is not None:
            # The recipe's settings stay: loaded, those of a first recipe would last for ever.
            load_named_state_(optimizer, model, round.optimizer_state)
        penalty = None if self.penalty is None else self.penalty.for_round(round.context)
        parameters = tuple((parameter.shape, parameter.requires_grad) for parameter in model.parameters())
        decisive = (
            type(model),
            repr(self.architecture),
            round.data.sample_shape,
            parameters,
            repr(penalty),
            self.objective,
        )
        if decisive not in _known_steps:
            _known_steps[decisive] = choose_memory_format(
                model, round.data, self.recipe.batch_size, penalty, loss=self.objective
            )
        flops, channels_last = _known_steps[decisive]
        result = yield from fitting(
            model,
            data,
            recipe=self.recipe,
            stop=stop,
            loss=self.objective,
            generator=round.generator("order"),
            optimizer=optimizer,
            penalty=penalty,
            validation=validation,
            on_epoch=round.report_epoch,
            graphs=round.graphs,
            flops_per_sample=flops,
            channels_last=channels_last,
            extend_optimizer=True,
        )
        _known_steps[decisive] = result.flops_per_sample, channels_last
        cost = result.cost
        round.count(steps=cost.steps, samples=cost.samples, **({} if cost.flops is None else {"flops": cost.flops}))
        round.seconds, round.stop_reason = cost.seconds, result.stop_reason
        round.notes += result.notes
        if self.carry_over.normalization is Normalization.RECALIBRATE:
            batch_size = self.recipe.batch_size
            recalibrate_(model, round.data, generator=round.generator("recalibration"), batch_size=batch_size)
        keeps = self.carry_over.optimizer_state is OptimizerState.KEEP
        round.optimizer_state = named_state(optimizer, model) if keeps else None

    def _parts(self, round: Round) -> tuple[TensorData, TensorData | None, StoppingRule]:
        """Return what the round trains on, what decides when it ends, and its stopping rule."""
        data = round.data
        stop = self.stop.resolved(is_table=not data.is_image and not data.holds_indices)
        if not stop.stops_early:
            return data, None, stop
        if round.validation is None:
            # One draw for all rounds of a trial: a sample that an earlier round was validated on must not be trained on
            # in the next, nor the other way round, or the validation loss of a warm start would be that of samples it
            # knows.
            generator = generator_for(round.trial_seed, "validation")
            is_apart = held_apart(data.labels, stop.validation, classes=data.classes, generator=generator)
            is_apart = never_trained_on(is_apart, round.earlier)
        else:
            is_apart = round.validation.to(data.device)
        # Of two samples at least something can be learned; a mask that was given may leave fewer.
        if len(data) < FEWEST_SAMPLES or not is_apart.any() or int((~is_apart).sum()) < 2:
            round.notes.append(
                f"The round's {len(data)} samples are too few to hold a validation part apart, so it ends by its "
                "training score."
            )
            return data, None, replace(stop, early_stopping=EarlyStopping.OFF)
        return data.take((~is_apart).nonzero()[:, 0]), data.take(is_apart.nonzero()[:, 0]), stop
