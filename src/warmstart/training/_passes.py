"""One pass over the data, batch by batch: an epoch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeAlias

import torch
from torch import nn

from warmstart.basics import InputError

from ._augment import DRAWS, Augmentation, augmented
from ._batches import Data, loaded
from ._data import TensorData, batches, smallest_batch
from ._loss import Loss
from ._parallel import Shard

# Takes inputs, labels and the weight of their loss; returns the sum of scores and the mean loss, both 0-dimensional and
# on the device.
Step: TypeAlias = Callable[[torch.Tensor, torch.Tensor, float], tuple[torch.Tensor, torch.Tensor]]

# The size of each batch, and the arguments with which a pass takes a step on it.
Steps: TypeAlias = Iterator[tuple[int, tuple[Any, ...]]]


@dataclass
class Tally:
    """The numbers of an epoch's steps. They stay on the device until the epoch is over.

    Args:
        scores: Of each step, the sum of the scores of this process's samples.
        losses: Of each step, the mean loss of this process's samples.
        sizes: Samples of each step, of this process.
        is_whole: Whether the epoch saw every sample.
    """

    scores: list[torch.Tensor] = field(default_factory=list)
    losses: list[torch.Tensor] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    is_whole: bool = True


class Pass(ABC):
    """How an epoch goes through the data: it yields batches, and the engine takes the steps."""

    # Not the other way round, a pass that takes steps: that made four more frames between an epoch and its steps.
    take: Callable[..., tuple[torch.Tensor, torch.Tensor]]
    # Number of the model's outputs, once a step has shown it.
    outputs: int | None = None

    @abstractmethod
    def set_memory_format(self, *, channels_last: bool) -> None:
        """Give images the channels last in memory, or first, from the next batch on."""

    @abstractmethod
    def batches(self, tally: Tally, generator: torch.Generator, limit: int | None) -> Steps:
        """Yield the size of every batch of an epoch and the arguments of ``take`` for it.

        Args:
            tally: The caller adds every step's numbers before it asks for the next batch.
            generator: Decides the order.
            limit: Batches at most; None: all.
        """


class TensorPass(Pass):
    """Goes through tensors on the device in a new random order; distributed, through this process's shard of it."""

    def __init__(
        self,
        data: TensorData,
        batch_size: int,
        shard: Shard,
        take: Step,
        augmentation: Sequence[Augmentation] = (),
    ) -> None:
        if (smallest := smallest_batch(len(data), batch_size)) < shard.count:
            raise InputError(
                f"batch_size must give each of {shard.count} processes at least one sample of every batch, "
                f"got a batch of {smallest}."
            )
        self.data, self.batch_size, self.shard, self.take = data, batch_size, shard, take
        self.augmentation = augmentation

    def set_memory_format(self, *, channels_last: bool) -> None:
        """Give images the channels last in memory, or first, from the next batch on."""
        self.data = self.data.to_memory_format(channels_last=channels_last)

    def batches(self, tally: Tally, generator: torch.Generator, limit: int | None) -> Steps:
        """Yield this process's part of every batch, with its weight."""
        order = self.shard.broadcast_(shuffled(self.data, generator))
        parts = batches(order, self.batch_size)
        tally.is_whole = limit is None or limit >= len(parts)
        for part in parts[:limit]:
            own = self.shard.part(part)
            inputs, labels = self.data.batch(own)
            if self.augmentation:
                # For the whole batch: the processes' generators must stay alike, and images change as in one process.
                draws = self.shard.part(torch.rand(len(part), DRAWS, device=inputs.device))
                inputs = augmented(inputs, self.augmentation, draws)
            yield len(own), (inputs, labels, self.shard.weight(len(own), len(part)))


def shuffled(data: TensorData, generator: torch.Generator) -> torch.Tensor:
    """Return the indices of all samples in random order, on the data's device."""
    order = torch.randperm(len(data), generator=generator, device="cpu")
    device = data.device
    # From pinned memory the copy need not be waited for.
    return order.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else order.to(device)


class LoaderPass(Pass):
    """Goes through a loader's batches, in the loader's own order."""

    def __init__(
        self, loader: Data, model: nn.Module, loss: Loss, take: Step, augmentation: Sequence[Augmentation] = ()
    ) -> None:
        self.loader: Any = loader
        self.model, self.loss, self.take, self.augmentation = model, loss, take, augmentation
        self._epochs = 0

    def set_memory_format(self, *, channels_last: bool) -> None:
        """Nothing to do: every batch gets the memory format that the model has."""

    def batches(self, tally: Tally, generator: torch.Generator, limit: int | None) -> Steps:
        """Yield what the loader yields; it draws from the global generator, which the caller has seeded."""
        if hasattr(getattr(self.loader, "sampler", None), "set_epoch"):
            self.loader.sampler.set_epoch(self._epochs)
        self._epochs += 1
        parts = loaded(self.loader, self.model, loss=self.loss, outputs=lambda: self.outputs)
        for inputs, labels in islice(parts, limit):
            if self.augmentation:
                inputs = augmented(inputs, self.augmentation, torch.rand(len(inputs), DRAWS, device=inputs.device))
            # Of weight 1: distributed, every process has a loader of its own, with batches of the others' sizes.
            yield len(labels), (inputs, labels, 1.0)
        if not tally.sizes:
            raise InputError("data must hold at least 2 samples to train on, got none.")
        # A loader may have no length: only by asking for one more batch is it known whether the limit cut it short.
        tally.is_whole = limit is None or len(tally.sizes) < limit or next(parts, None) is None
