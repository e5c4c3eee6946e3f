"""The learner protocol: what a trial needs of whatever is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from torch import nn

from ._scores import Scores


@dataclass(eq=False)
class Round:
    """One retraining, as a learner sees it.

    Args:
        number: Counted from 1.
        seed: For all draws of this round's training; the same for every strategy under the same seed.
        data: What this round trains on, as the data set's own kind of subset.
        train: Indices of ``data`` in the pool that the stream draws from.
        arrival: Indices of what arrived for this round.
        device: Where to train.
    """

    number: int
    seed: int
    data: Any
    train: torch.Tensor
    arrival: torch.Tensor
    device: torch.device = torch.device("cpu")
    counts: dict[str, float] = field(default_factory=dict, repr=False)
    history: list[dict[str, float]] = field(default_factory=list, repr=False)
    stop_reason: str = "limit"
    on_report: Callable[[dict[str, float]], None] | None = field(default=None, repr=False)

    def count(self, **costs: float) -> None:
        """Add to the costs of the round: ``samples``, ``tokens``, ``flops`` or ``steps``, each at least 0.

        Optimizer steps need no counting: every ``step`` of a ``torch.optim`` optimizer that the learner takes is one.
        Where a learner does count ``steps``, its own number holds.

        Raises:
            InputError: If a cost has another name, or is negative.
        """
        for name, value in costs.items():
            self.counts[name] = self.counts.get(name, 0) + value

    def report(self, **values: float) -> None:
        """Report progress, as in ``round.report(epoch=3, loss=0.2)``; stored with the results, and shown live."""
        self.history.append(values)
        if self.on_report is not None:
            self.on_report(values)


@runtime_checkable
class Learner(Protocol):
    """Builds, trains and evaluates models; everything else about a round is the trial's.

    Any object with these three methods is a learner, no base class is needed. It holds options, never a state that
    survives a round: a study builds it anew in every process.
    """

    def build(self, data: Any, seed: int) -> nn.Module:
        """Return a freshly initialised model.

        Args:
            data: The samples of the first arrival on: for shapes and numbers of classes, never to be trained on here.
            seed: Decides the initialisation; the global generators are seeded with it as well.
        """
        ...

    def train(self, model: nn.Module, round: Round) -> None:
        """Train the model in place on ``round.data``, with draws seeded by ``round.seed``."""
        ...

    def evaluate(self, model: nn.Module, data: Any) -> Scores:
        """Return the model's scores on held-out data, one number per unit."""
        ...
