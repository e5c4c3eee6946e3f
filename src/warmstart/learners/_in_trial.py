"""What the trial's loop asks of every learner, whoever wrote it."""

from __future__ import annotations

import random
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from warmstart.basics import InputError, check_model, described, generator_for, seeded_globals, undisturbed
from warmstart.training import CarryOver, Normalization, TensorData, Work

from ._learner import Learner, Round
from ._scores import Scores


class TrialLearner(ABC):
    """A learner as the loop sees it: training may pause, so that trials take turns on one device.

    Attributes:
        carry_over: What survives a round besides the weights.
        rebuilds: Whether the model for the next round is built anew from its ``state_dict``.
    """

    carry_over: CarryOver
    rebuilds: ClassVar[bool] = False

    @abstractmethod
    def build(self, data: Any, seed: int) -> nn.Module:
        """See :meth:`Learner.build`."""

    @abstractmethod
    def steps(self, model: nn.Module, round: Round) -> Work[None]:
        """Return the work of :meth:`Learner.train`: a generator that pauses wherever other trials may run."""

    @abstractmethod
    def evaluate(self, model: nn.Module, data: Any) -> Scores:
        """See :meth:`Learner.evaluate`."""

    @abstractmethod
    def baselines(self, training: Any, data: Any, before: torch.Tensor | None = None) -> Mapping[str, Scores]:
        """Return the scores of predictors that learn nothing, by their names, counted as a model's are.

        Args:
            training: What the round trains on.
            data: What is predicted.
            before: Of data that stand in time order, for each sample the label of the one before it.
        """

    def rebuilt(self, model: nn.Module, data: Any, seed: int) -> nn.Module:
        """Return the model for the next round.

        Raises:
            InputError: If the model's ``state_dict`` is not that of a model that the learner builds.
        """
        if not self.rebuilds:
            return model
        other = self.build(data, seed)
        try:
            other.load_state_dict(model.state_dict())
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"A trained model must have the parameters and buffers of the one that build returns: {reason}"
            ) from error
        # All names: what training has tied has one of them there, and each here.
        trained = dict(model.named_parameters(remove_duplicate=False))
        for name, parameter in other.named_parameters():
            parameter.requires_grad_(trained[name].requires_grad)
        return other

    @abstractmethod
    def channels_last(self, model: nn.Module, data: Any) -> bool | None:
        """Return which layout images are to have in memory; None: the learner sees to it itself."""

    @abstractmethod
    def prepared(self, parts: list[TensorData], known: TensorData, *, scale: bool = True) -> list[TensorData]:
        """Return data on the scale that training takes, estimated on the only data known when the trial begins.

        Args:
            parts: All data of the trial.
            known: What is known when it begins.
            scale: Whether inputs are to be scaled; else they stay what they are.
        """


class OwnLearner(TrialLearner):
    """A user's own learner: seeded, its optimizer steps counted, what it returns checked.

    Args:
        learner: Any object with ``build``, ``train`` and ``evaluate``.
        carry_over: What survives a round besides the weights. None: statistics and optimizers are the learner's own
            matter, and the loop leaves them as ``train`` does.
    """

    # Trainers leave references to themselves and other traces in a model, which no file can hold. Gone after every
    # round, they cannot make a difference between a trial that was resumed and one that was not.
    rebuilds = True

    def __init__(self, learner: Learner, carry_over: CarryOver | None = None) -> None:
        self.learner = learner
        self.carry_over = CarryOver(normalization=Normalization.KEEP) if carry_over is None else carry_over
        self._name = type(learner).__name__

    def build(self, data: Any, seed: int) -> nn.Module:
        """Build under seeded global generators."""
        with seeded_everywhere(seed):
            model = self.learner.build(data, seed)
        if not isinstance(model, nn.Module):
            raise InputError(f"{self._name}.build must return a torch.nn.Module, got {described(model)}.")
        check_model("model", model)
        return model

    def steps(self, model: nn.Module, round: Round) -> Work[None]:
        """Train without a pause: the loop cannot look into somebody else's."""
        aside_seconds, aside_steps = 0.0, 0
        on_report = round.on_report

        def apart(values: Any) -> None:
            # What measurements spend is no cost of training.
            nonlocal aside_seconds, aside_steps
            start, before = time.perf_counter(), count()
            if on_report is not None:
                on_report(values)
            aside_seconds += time.perf_counter() - start
            aside_steps += count() - before

        round.on_report = apart
        with seeded_everywhere(round.seed), counted_steps() as count:
            round.steps_so_far = lambda: count() - aside_steps
            began = time.perf_counter()
            self.learner.train(model, round)
            seconds = time.perf_counter() - began - aside_seconds
        round.seconds = seconds if round.seconds is None else round.seconds
        round.counts.setdefault("steps", round.steps_so_far())
        return
        yield  # a generator, as every learner's work is

    def evaluate(self, model: nn.Module, data: Any) -> Scores:
        """Evaluate under the same draws every time, leave the model as it is, and check what comes back."""
        with seeded_everywhere(0), undisturbed(model):
            scores = self.learner.evaluate(model, data)
        if not isinstance(scores, Scores):
            raise InputError(f"{self._name}.evaluate must return Scores, one number per unit, got {described(scores)}.")
        return scores

    def baselines(self, training: Any, data: Any, before: torch.Tensor | None = None) -> Mapping[str, Scores]:
        """Return what the learner's own ``baselines(training, data)`` does, where it has one."""
        own = getattr(self.learner, "baselines", None)
        if not callable(own):
            return {}
        with seeded_everywhere(0):
            found = own(training, data)
        if not isinstance(found, Mapping) or not all(isinstance(scores, Scores) for scores in found.values()):
            raise InputError(f"{self._name}.baselines must return Scores by name, got {described(found)}.")
        return {str(name): scores for name, scores in found.items()}

    def channels_last(self, model: nn.Module, data: Any) -> None:
        """Leave the layout as it is."""

    def prepared(self, parts: list[TensorData], known: TensorData, *, scale: bool = True) -> list[TensorData]:
        """Leave data as they are: how they are scaled is the learner's matter."""
        return parts


def adapted(learner: Learner | TrialLearner) -> TrialLearner:
    """Return a learner as the loop takes it.

    Raises:
        InputError: If it lacks one of the three methods.
    """
    if isinstance(learner, TrialLearner):
        return learner
    missing = [name for name in ("build", "train", "evaluate") if not callable(getattr(learner, name, None))]
    if missing or isinstance(learner, type):
        wanted = "be an instance, not a class" if isinstance(learner, type) else f"have {', '.join(missing)} as methods"
        raise InputError(f"learner must {wanted}, with build, train and evaluate, got {described(learner)}.")
    return OwnLearner(learner)


@contextmanager
def seeded_everywhere(seed: int) -> Iterator[None]:
    """Seed the global generators of PyTorch, NumPy and Python for a while, and put them back afterwards."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - the legacy one is what people's code draws from
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        with seeded_globals(generator_for(seed, "global")):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


@contextmanager
def counted_steps() -> Iterator[Any]:
    """Count the steps of all optimizers for a while.

    Yields:
        A function that returns the count so far. A step within another optimizer's step, as a wrapper takes it, counts
        once; one that raises does not count.
    """
    steps = 0

    def after(*_: Any) -> None:
        nonlocal steps
        # Whether this is a step within another is read from the stack: a list of those that have begun would keep one
        # that raised, which no hook reports.
        wrapper = sys._getframe(1)
        outer = wrapper.f_back
        while outer is not None and outer.f_code is not wrapper.f_code:
            outer = outer.f_back
        steps += outer is None

    hook = register_optimizer_step_post_hook(after)
    try:
        yield lambda: steps
    finally:
        hook.remove()
