"""What a study would meet in training, tried before anything is written."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import torch
from torch import nn

from warmstart.basics import InputError, copy_model, derived_seed, generator_for, seeded_globals
from warmstart.learners import TensorLearner
from warmstart.models import UserModel, build_checked
from warmstart.penalties import Penalty
from warmstart.strategies import RoundContext, transplant
from warmstart.training import (
    Recipe,
    TensorData,
    loss_of,
    prefers_channels_last,
    set_memory_format_,
    smallest_batch,
)
from warmstart.trial import TrainOn, check_source

from ._study import Study


@dataclass(frozen=True)
class Size:
    """How much there is of a data set, and of what kind: two samples of it, all zeros."""

    samples: int
    zeros: Any

    @property
    def classes(self) -> int:
        """Number of classes; 0 of a data set of the user's own, of which nothing is known."""
        return self.zeros.classes if isinstance(self.zeros, TensorData) else 0


def dry_run(
    study: Study, data: Size, *, arrivals: Collection[tuple[int, ...]] | None = None, source: Size | None = None
) -> dict[str, list[int]]:
    """Raise unless every round can train; return by label how many samples each round of a trial trains on.

    A user's own learner builds a model and every strategy makes a start; nothing is trained yet.

    Args:
        study: The study.
        data: What a trial fits to, in all, without its source.
        arrivals: How many samples arrive in each round, as often as that differs by seed. None: as the stream says for
            so many samples.
        source: The source, where there is one.

    Raises:
        InputError: If the stream, the model, the recipe or the source do not fit the data.
    """
    arrivals = arrivals or [tuple(study.stream.sizes(data.samples))]
    lengths = sorted({len(of_seed) for of_seed in arrivals})
    if len(lengths) > 1:
        raise InputError(
            f"rounds must be given where groups are held out whole: the stream has {lengths[0]} for one seed and "
            f"{lengths[-1]} for another."
        )
    trials = [study.trial(label, 0) for label in study.labels]
    before = [] if source is None else [source.samples]
    sizes = [size for of_seed in arrivals for size in accumulate(of_seed)] + before
    if any(trial.train_on is TrainOn.ARRIVAL for trial in trials):
        sizes += [size for of_seed in arrivals for size in of_seed]
    if min(sizes) < 2:
        raise InputError(f"Every round must train on at least 2 samples, but the stream gives one only {min(sizes)}.")
    models: list[nn.Module] = []
    for part in (data, *([] if source is None else [source])):
        learner, zeros = study.full_learner, part.zeros
        model = trials[0].learner_of(1).build(zeros, derived_seed(0, "fresh", 1))
        if isinstance(learner, TensorLearner):
            generator = generator_for(0, "fresh", 1)
            model = build_checked(
                learner.architecture,
                zeros.sample_shape,
                learner.outputs(zeros),
                generator=generator,
                of_whole_numbers=zeros.holds_indices,
            )
        models.append(model)
    if study.stream.reads_model and not isinstance(data.zeros, TensorData):
        # A query may be one that looks at no sample.
        first = study.stream.select(1, data.zeros, torch.empty(0, dtype=torch.int64), None, generator_for(0, "stream"))
        study.stream.select(2, data.zeros, first, models[0], generator_for(0, "query", 2))
    if source is not None:
        for trial in trials:
            check_source(trial, data.classes, source=source.classes)
        try:
            transplant(models[1], models[0])
        except InputError as error:
            raise InputError(
                f"model must have parameters of the same shape for {source.classes} and for {data.classes} classes "
                "to continue from the source, got none."
            ) from error
    for model, part in zip(models, (data, source), strict=False):
        zeros = part.zeros if part is not None else data.zeros
        context = RoundContext.from_fresh(model, round=2, previous=model)
        if isinstance(zeros, TensorData):
            # As small as a stand-in for earlier samples can be.
            context = replace(
                context, old=lambda _, few=zeros: [next(iter(few))], new=lambda _, few=zeros: [next(iter(few))]
            )
        for trial in trials:
            trial.strategy(copy_model(model), copy_model(model), context)
        # Penalties as in round 1, where none looks back: what EWC measures on real samples, zeros cannot stand for.
        first = replace(context, round=1, previous=None, old=lambda _: [])
        for learner, penalty in _ways_to_train(study):
            batch = min(smallest_batch(size, learner.recipe.batch_size) for size in sizes)
            bound = None if penalty is None else penalty.for_round(first)
            _step(model, learner, bound, zeros, batch)
    # Of one seed: where these differ by seed, they differ by little.
    of_seed = list(min(arrivals))
    seen = list(accumulate(of_seed))
    return {
        label: before + (of_seed if trial.train_on is TrainOn.ARRIVAL else seen)
        for label, trial in zip(study.labels, trials, strict=True)
    }


def _ways_to_train(study: Study) -> Iterator[tuple[TensorLearner, Penalty | None]]:
    """Yield each recipe once, and each penalty at least once, of learners that are built in."""
    recipes, penalties = set[Recipe](), set[str]()
    for trial in (study.trial(label, 0) for label in study.labels):
        for learner in (trial.learner, trial.first_learner):
            if isinstance(learner, TensorLearner) and (
                learner.recipe not in recipes or repr(learner.penalty) not in penalties
            ):
                recipes.add(learner.recipe)
                penalties.add(repr(learner.penalty))
                yield learner, learner.penalty


def _step(built: nn.Module, learner: TensorLearner, penalty: Penalty | None, zeros: TensorData, count: int) -> None:
    """Raise unless a copy of the model can take a step, in a layout in memory that training may choose."""
    learner.recipe.check_fits(zeros, learner.objective)
    rows = zeros.take(torch.zeros(count, dtype=torch.int64))
    layouts = (True, False) if zeros.is_image and prefers_channels_last(built) else (False,)
    for channels_last in layouts:
        model = copy_model(built)
        set_memory_format_(model, channels_last=channels_last)
        data = rows.typed_for(model).to_memory_format(channels_last=channels_last)
        optimizer = learner.recipe.build_optimizer(model)
        try:
            with seeded_globals(generator_for(0, "rehearsal")):
                _, loss = loss_of(
                    model, *data.batch(torch.arange(count)), penalty, loss=learner.objective, check=data.labels
                )
            loss.backward()
            optimizer.step()
            copy_model(model)
            return
        except Exception as error:  # whatever a user's model does
            if channels_last:
                continue
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise InputError(
                f"The model cannot train on a batch of {count}, the smallest that batch_size "
                f"{learner.recipe.batch_size} gives here: {reason}"
            ) from error


def model_signature(study: Study, zeros: Any) -> str:
    """Return a digest that changes when the model does: its parameters' shapes, and the source of a user's own."""
    model = study.trial(study.labels[0], 0).learner_of(1).build(zeros, derived_seed(0, "fresh", 1))
    parts = [
        f"{name} {tuple(value.shape)} {value.dtype}"
        if isinstance(value, torch.Tensor)
        else f"{name} {type(value).__name__}"
        for name, value in model.state_dict().items()
    ]
    if isinstance(study.architecture, UserModel):
        function = study.architecture.function()
        with suppress(OSError, TypeError):  # typed in by hand
            parts.append(inspect.getsource(inspect.getmodule(function) or function))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
