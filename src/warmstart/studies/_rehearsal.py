"""What a study would meet in training, tried before anything is written."""

from __future__ import annotations

import copy
import hashlib
import inspect
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from warmstart.basics import InputError, generator_for, seeded_globals
from warmstart.models import Architecture, UserModel, build_checked
from warmstart.training import Recipe, smallest_batch
from warmstart.trial import TrainOn

from ._study import Study


def rehearse(study: Study, input_shape: tuple[int, ...], classes: int, *, samples: int) -> int:
    """Raise unless every round can train; return how many rounds a trial has.

    Args:
        study: The study.
        input_shape: Shape of one input.
        classes: Number of classes.
        samples: What a trial fits to, in all.

    Raises:
        InputError: If the stream, the model or the recipe do not fit the data.
    """
    arrivals = study.stream.arrivals(samples, generator=generator_for(0, "stream"))
    sizes = _round_sizes(study, [len(arrival) for arrival in arrivals])
    if min(sizes) < 2:
        raise InputError(f"Every round must train on at least 2 samples, but the stream gives one only {min(sizes)}.")
    batch = min(smallest_batch(size, study.recipe.batch_size) for size in sizes)
    model = build_checked(study.architecture, input_shape, classes, generator=generator_for(0, "fresh", 1))
    _step(model, study.recipe, torch.zeros(batch, *input_shape))
    return len(arrivals)


def _round_sizes(study: Study, arrivals: Sequence[int]) -> list[int]:
    """Return every number of samples that some round of some arm trains on."""
    seen = [sum(arrivals[: number + 1]) for number in range(len(arrivals))]
    on_arrival = any(study.trial(label, 0).train_on is TrainOn.ARRIVAL for label in study.labels)
    return [*seen, *arrivals] if on_arrival else seen


def _step(model: nn.Module, recipe: Recipe, inputs: torch.Tensor) -> None:
    optimizer = recipe.build_optimizer(model)
    try:
        with seeded_globals(generator_for(0, "rehearsal")):
            loss = F.cross_entropy(model(inputs), torch.zeros(len(inputs), dtype=torch.int64))
        loss.backward()
        optimizer.step()
        copy.deepcopy(model)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise InputError(
            f"The model cannot train on a batch of {len(inputs)}, the smallest that batch_size {recipe.batch_size} "
            f"gives here: {str(error).splitlines()[0]}"
        ) from error


def model_signature(architecture: Architecture, input_shape: tuple[int, ...], classes: int) -> str:
    """Return a digest that changes when the model does: its parameters' shapes, and the source of a user's own."""
    model = architecture.build(input_shape, classes, generator=generator_for(0, "fresh", 1))
    parts = [f"{name} {tuple(value.shape)} {value.dtype}" for name, value in model.state_dict().items()]
    if isinstance(architecture, UserModel):
        parts.append(_source(architecture))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _source(architecture: UserModel) -> str:
    try:
        return inspect.getsource(inspect.getmodule(architecture.function()) or architecture.function())
    except (OSError, TypeError):
        return ""
