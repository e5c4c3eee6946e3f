"""What a study would meet in training, tried before anything is written."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import nn

from warmstart.basics import InputError, copy_model, generator_for, seeded_globals
from warmstart.models import Architecture, UserModel, build_checked
from warmstart.penalties import Penalty
from warmstart.strategies import RoundContext, transplant
from warmstart.training import Recipe, TensorData, lay_out_, loss_of, smallest_batch, wants_channels_last
from warmstart.trial import TrainOn, check_source

from ._study import Study


def dry_run(study: Study, shape: tuple[int, ...], classes: int, *, samples: int, source: Size | None = None) -> int:
    """Raise unless every round can train; return how many rounds a trial has.

    Args:
        study: The study.
        shape: Of one input.
        classes: Number of classes.
        samples: What a trial fits to, in all, without its source.
        source: Samples and classes of the source, where there is one.

    Raises:
        InputError: If the stream, the model, the recipe or the source do not fit the data.
    """
    arrivals = study.stream.sizes(samples)
    before = [] if source is None else [source.samples]
    sizes = _round_sizes(study, arrivals) + before
    if min(sizes) < 2:
        raise InputError(f"Every round must train on at least 2 samples, but the stream gives one only {min(sizes)}.")
    outputs = {classes} if source is None else {classes, source.classes}
    generator = partial(generator_for, 0, "fresh", 1)
    models = {count: build_checked(study.architecture, shape, count, generator=generator()) for count in outputs}
    if source is not None:
        _check_source(study, models, classes, source.classes)
    for model in models.values():
        context = RoundContext.from_fresh(model, round=2, previous=model)
        context = replace(context, old=partial(_zeros, shape), new=partial(_zeros, shape))
        for label in study.labels:
            study.arm(label).strategy(copy_model(model), copy_model(model), context)
        # Penalties as in round 1, where none looks back: what EWC measures on real samples, zeros cannot stand for.
        first = replace(context, round=1, previous=None, old=lambda _: [])
        for recipe, penalty in _ways_to_train(study):
            batch = min(smallest_batch(size, recipe.batch_size) for size in sizes)
            bound = None if penalty is None else penalty.for_round(first)
            _step(model, recipe, bound, torch.zeros(batch, *shape))
    return len(before) + len(arrivals)


def _zeros(shape: tuple[int, ...], samples: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return a batch as small as a stand-in for earlier samples can be."""
    count = min(samples, 2)
    return [(torch.zeros(count, *shape), torch.zeros(count, dtype=torch.int64))]


@dataclass(frozen=True)
class Size:
    """How much there is of a data set."""

    samples: int
    classes: int


def _check_source(study: Study, models: Mapping[int, nn.Module], classes: int, source: int) -> None:
    """Raise unless every arm can go on from the source."""
    for label in study.labels:
        check_source(study.trial(label, 0), classes, source=source)
    try:
        transplant(models[source], models[classes])
    except InputError as error:
        raise InputError(
            f"model must have parameters of the same shape for {source} and for {classes} classes to go on from the "
            "source, got none."
        ) from error


def _ways_to_train(study: Study) -> list[tuple[Recipe, Penalty | None]]:
    """Return each recipe once, and each penalty at least once."""
    ways: list[tuple[Recipe, Penalty | None]] = []
    for trial in (study.trial(label, 0) for label in study.labels):
        ways += [(recipe, trial.penalty) for recipe in {trial.recipe, trial.recipe_of(1)}]
    recipes = {recipe: (recipe, penalty) for recipe, penalty in ways}
    penalties = {repr(penalty): (recipe, penalty) for recipe, penalty in ways if penalty is not None}
    return list({**recipes, **penalties}.values())


def _round_sizes(study: Study, arrivals: Sequence[int]) -> list[int]:
    """Return every number of samples that some round of some arm trains on."""
    seen = [sum(arrivals[: number + 1]) for number in range(len(arrivals))]
    on_arrival = any(study.trial(label, 0).train_on is TrainOn.ARRIVAL for label in study.labels)
    return [*seen, *arrivals] if on_arrival else seen


def _step(built: nn.Module, recipe: Recipe, penalty: Penalty | None, inputs: torch.Tensor) -> None:
    """Raise unless a copy of the model can take a step, in a layout in memory that training may choose."""
    labels = torch.zeros(len(inputs), dtype=torch.int64)
    layouts = (True, False) if inputs.ndim == 4 and wants_channels_last(built) else (False,)
    for channels_last in layouts:
        model = copy_model(built)
        lay_out_(model, channels_last=channels_last)
        data = TensorData(inputs, labels).typed_for(model).lying(channels_last=channels_last)
        optimizer = recipe.build_optimizer(model)
        try:
            with seeded_globals(generator_for(0, "rehearsal")):
                _, loss = loss_of(model, *data.batch(torch.arange(len(inputs))), penalty, check=labels)
            loss.backward()
            optimizer.step()
            copy_model(model)
            return
        except Exception as error:  # whatever a user's model does
            if channels_last:
                continue
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise InputError(
                f"The model cannot train on a batch of {len(inputs)}, the smallest that batch_size {recipe.batch_size} "
                f"gives here: {reason}"
            ) from error


def model_signature(architecture: Architecture, input_shape: tuple[int, ...], classes: int) -> str:
    """Return a digest that changes when the model does: its parameters' shapes, and the source of a user's own."""
    model = architecture.build(input_shape, classes, generator=generator_for(0, "fresh", 1))
    parts = [
        f"{name} {tuple(value.shape)} {value.dtype}"
        if isinstance(value, torch.Tensor)
        else f"{name} {type(value).__name__}"
        for name, value in model.state_dict().items()
    ]
    if isinstance(architecture, UserModel):
        parts.append(_source(architecture))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _source(architecture: UserModel) -> str:
    try:
        return inspect.getsource(inspect.getmodule(architecture.function()) or architecture.function())
    except (OSError, TypeError):
        return ""
