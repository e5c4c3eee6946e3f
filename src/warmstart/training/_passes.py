"""One pass over the data, step by step: an epoch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from torch import nn

from warmstart.basics import InputError

from ._batches import Data, loaded
from ._data import TensorData, batches, smallest_batch
from ._parallel import Shard

Step = Callable[[torch.Tensor, torch.Tensor, float], tuple[torch.Tensor, torch.Tensor]]
"""Takes inputs, labels and the weight of their loss; returns how many were right, and the mean loss, on the device."""


@dataclass
class Tally:
    """What the steps of an epoch gave; numbers stay on the device until the epoch is over.

    Args:
        correct: Of each step, how many samples of this process were right.
        losses: Of each step, the mean loss of this process's samples.
        sizes: Samples of each step, of this process.
        is_whole: Whether the epoch saw every sample.
    """

    correct: list[torch.Tensor] = field(default_factory=list)
    losses: list[torch.Tensor] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    is_whole: bool = True

    def add(self, found: tuple[torch.Tensor, torch.Tensor], size: int) -> None:
        """Add a step's numbers."""
        self.correct.append(found[0])
        self.losses.append(found[1])
        self.sizes.append(size)


class Pass(ABC):
    """How an epoch goes through the data.

    Attributes:
        classes: Number of classes that labels may have, once it is known.
    """

    classes: int | None = None

    @abstractmethod
    def lay_out(self, *, channels_last: bool) -> None:
        """Give images the channels last in memory, or first, from the next batch on."""

    @abstractmethod
    def steps(self, tally: Tally, generator: torch.Generator, limit: int | None) -> Iterator[None]:
        """Take the steps of an epoch, one each time the iterator is advanced.

        Args:
            tally: Filled on the way; complete at the end.
            generator: Decides the order.
            limit: Steps at most.
        """


class TensorPass(Pass):
    """Goes through tensors on the device in a new random order.

    Args:
        data: The tensors.
        batch_size: Samples of a step at most.
        share: This process's part of every batch.
        step: Takes one.
    """

    def __init__(self, data: TensorData, batch_size: int, share: Shard, step: Step) -> None:
        share.check(smallest_batch(len(data), batch_size))
        self.data, self.batch_size, self.share, self.step = data, batch_size, share, step

    def lay_out(self, *, channels_last: bool) -> None:
        """Give images the channels last in memory, or first, from the next batch on."""
        self.data = self.data.lying(channels_last=channels_last)

    def steps(self, tally: Tally, generator: torch.Generator, limit: int | None) -> Iterator[None]:
        """Take the steps of an epoch."""
        order = self.share.agreed(shuffled(self.data, generator))
        parts = batches(order, self.batch_size)
        tally.is_whole = limit is None or limit >= len(parts)
        for part in parts[:limit]:
            own = self.share.part(part)
            inputs, labels = self.data.batch(own)
            tally.add(self.step(inputs, labels, self.share.weight(len(own), len(part))), len(own))
            yield


def shuffled(data: TensorData, generator: torch.Generator) -> torch.Tensor:
    """Return the indices of all samples in random order, on the data's device."""
    order = torch.randperm(len(data), generator=generator)
    device = data.device
    # From pinned memory the copy need not be waited for.
    return order.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else order.to(device)


class LoaderPass(Pass):
    """Goes through what a loader brings, in the loader's own order.

    Distributed, every process has a loader of its own, with as many batches of as many samples as the others'.

    Args:
        loader: Yields batches.
        model: Decides device and layout.
        step: Takes one.
    """

    def __init__(self, loader: Data, model: nn.Module, step: Step) -> None:
        self.loader: Any = loader
        self.model, self.step = model, step
        self._epochs = 0

    def lay_out(self, *, channels_last: bool) -> None:
        """Nothing: every batch is laid out as the model is."""

    def steps(self, tally: Tally, generator: torch.Generator, limit: int | None) -> Iterator[None]:
        """Take the steps of an epoch; the loader draws from the global generator, which is seeded here."""
        if hasattr(getattr(self.loader, "sampler", None), "set_epoch"):
            self.loader.sampler.set_epoch(self._epochs)
        self._epochs += 1
        parts = loaded(self.loader, self.model, classes=lambda: self.classes)
        for inputs, labels in islice(parts, limit):
            tally.add(self.step(inputs, labels, 1.0), len(labels))
            yield
        if not tally.sizes:
            raise InputError("data must hold at least 2 samples to train on, got none.")
        tally.is_whole = limit is None or len(tally.sizes) < limit or next(parts, None) is None
