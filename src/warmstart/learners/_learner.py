"""The learner protocol, and the round that a learner sees."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from torch import nn

from warmstart.basics import (
    InputError,
    as_float,
    check_in_range,
    check_integer,
    derived_seed,
    described,
    generator_for,
    unknown_name,
)
from warmstart.strategies import RoundContext
from warmstart.training import EpochReport, NamedState, StopReason

from ._scores import Scores

COUNTED = ("steps", "samples", "tokens", "flops")
"""Costs that a learner may count."""


@dataclass(eq=False)
class Round:
    """One retraining, as a learner sees it: what it may read, and how it reports.

    Args:
        number: Counted from 1.
        trial_seed: The trial's; see :attr:`seed`.
        data: What this round trains on: a :class:`warmstart.TensorData`, or a subset of the user's own data set. A
            ``DataLoader`` reads both; a loop over ``TensorData`` itself yields batches.
        train: Indices of ``data`` in the pool that the stream draws from, int64.
        arrival: Indices of what arrived for this round, int64.
        context: The round's previous and fresh models, and batches of old and new data.
        device: Where to train.
        graphs: Whether steps on a GPU are recorded; see :func:`warmstart.fit`.
        optimizer_state: Of the round before, where it is kept; the built-in learners leave theirs here.
        earlier: How many samples each earlier round trained on, where ``data`` begin with the same ones.
        validation: Mask over ``data`` of what early stopping is to hold apart. None: a learner draws it.

    Attributes:
        counts: Costs that were counted, by name.
        history: What was reported, epoch by epoch.
        stop_reason: Why training stopped: :class:`StopReason`, or its name. A learner that knows a better one than
            ``limit`` says so.
        notes: What a reader of the results should know, one sentence each.
        seconds: Of training alone; None: the trial takes the time of ``train``.
        on_report: Called with what is reported.
        steps_so_far: Returns the optimizer steps that were counted for the learner.
    """

    number: int
    trial_seed: int
    data: Any
    train: torch.Tensor
    arrival: torch.Tensor
    context: RoundContext
    device: torch.device = torch.device("cpu")
    graphs: bool = False
    optimizer_state: NamedState | None = None
    earlier: tuple[int, ...] = ()
    validation: torch.Tensor | None = None
    counts: dict[str, float] = field(default_factory=dict, repr=False)
    history: list[Mapping[str, float]] = field(default_factory=list, repr=False)
    stop_reason: str = StopReason.LIMIT
    notes: list[str] = field(default_factory=list, repr=False)
    seconds: float | None = None
    on_report: Callable[[Mapping[str, float]], None] | None = field(default=None, repr=False)
    steps_so_far: Callable[[], float] = field(default=lambda: 0, repr=False)

    @property
    def seed(self) -> int:
        """A seed for all draws of this round's training; the same for every strategy under the same trial seed."""
        return derived_seed(self.trial_seed, "train", self.number)

    def generator(self, purpose: str) -> torch.Generator:
        """Return a CPU generator for one purpose, such as "order": the same for every strategy in this round."""
        return generator_for(self.trial_seed, purpose, self.number)

    def count(self, **costs: float) -> None:
        """Add to the costs of the round: ``samples``, ``tokens``, ``steps``, all whole, or ``flops``; each at least 0.

        Steps need no counting: every ``step()`` of a ``torch.optim`` optimizer within ``train`` is one. Where a learner
        counts ``steps`` itself, its own number holds.

        Raises:
            InputError: If a cost has another name, or is out of range.

        Example:
            >>> round = Round(1, 0, [], torch.arange(0), torch.arange(0), RoundContext())
            >>> round.count(samples=64, tokens=4096)
            >>> round.count(samples=64)
            >>> round.counts
            {'samples': 128, 'tokens': 4096}
        """
        for name, value in costs.items():
            if name not in COUNTED:
                raise unknown_name("cost", name, COUNTED)
            if name == "flops":
                check_in_range(name, value, 0, math.inf, high_open=True)
            else:
                check_integer(name, value, 0)
            self.counts[name] = self.counts.get(name, 0) + value

    def report(self, **values: float) -> None:
        """Report progress, usually after an epoch, as in ``round.report(epoch=3, loss=0.2)``.

        It is stored with the results and shown live, and measurements are taken then. ``epoch`` and ``steps`` are
        filled in where they are left out; ``train_score`` is the training score that tables show.

        Raises:
            InputError: If a value is not a number.
        """
        row = {"epoch": len(self.history) + 1, "steps": self.counts.get("steps", self.steps_so_far())}
        for name, value in values.items():
            number = as_float(value)
            if number is None:
                raise InputError(f"report takes numbers, got {name} = {described(value)}.")
            if name in ("epoch", "steps"):
                check_in_range(name, value, 0, math.inf, high_open=True)
            row[name] = value if type(value) is int else number
        self.history.append(row)
        if self.on_report is not None:
            self.on_report(row)

    def report_epoch(self, epoch: EpochReport) -> None:
        """Report an epoch of :func:`warmstart.fit`; pass it as ``on_epoch``."""
        values = {"train_score": epoch.train_score, "train_loss": epoch.train_loss}
        if epoch.validation_loss is not None and epoch.validation_score is not None:
            values |= {"validation_score": epoch.validation_score, "validation_loss": epoch.validation_loss}
        self.report(epoch=epoch.epoch, steps=epoch.steps, **values)


@runtime_checkable
class Learner(Protocol):
    """Builds, trains and evaluates models; everything else about a round is the trial's.

    Any object with these three methods is a learner, no base class is needed. It holds options and no state that a
    round leaves to the next: that is the model's. A study pickles it into worker processes.
    """

    def build(self, data: Any, seed: int) -> nn.Module:
        """Return a freshly initialised model.

        Args:
            data: What the stream draws from: for shapes and numbers of classes only, most of it has not arrived yet.
            seed: Decides the initialisation. The global generators of PyTorch, NumPy and Python are seeded with it,
                too, so that a plain constructor is enough.
        """
        ...

    def train(self, model: nn.Module, round: Round) -> None:
        """Train the model in place on ``round.data``; the global generators are seeded with ``round.seed``."""
        ...

    def evaluate(self, model: nn.Module, data: Any) -> Scores:
        """Return the model's scores on held-out data, one number per unit."""
        ...
