"""The running average of a model's weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Average:
    """Exponential moving average of parameters and running statistics; it begins with those after the first step.

    Not with those before it, as some have it: a short round would then end near its start, and the more so the fewer
    steps it takes.

    Args:
        model: Its tensors are averaged.
        decay: In [0, 1).
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._model, self._take_in = model, get_ema_multi_avg_fn(decay)
        self._values: list[torch.Tensor] = []

    @torch.no_grad()
    def update(self) -> None:
        """Take in the model as it is after a step."""
        tensors = self._tensors()
        if [value.shape for value in self._values] == [tensor.shape for tensor in tensors]:
            self._take_in(self._values, tensors, None)
        else:  # the first step, or one that has changed what there is
            self._values = [tensor.detach().clone() for tensor in tensors]

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the model have the average within the context, and its own weights after it.

        What is changed within it stays with the average only.
        """
        own = [tensor.detach().clone() for tensor in self._tensors()]
        self.load()
        try:
            yield
        finally:
            if len(self._values) == len(own):
                self._values = [tensor.detach().clone() for tensor in self._tensors()]
            with torch.no_grad():
                for tensor, value in zip(self._tensors(), own, strict=True):
                    tensor.copy_(value)

    @torch.no_grad()
    def load(self) -> None:
        """Give the model the average for good."""
        for tensor, value in zip(self._tensors(), self._values, strict=bool(self._values)):
            tensor.copy_(value)

    def _tensors(self) -> list[torch.Tensor]:
        # Counters keep their last value: an average of them would be no number of batches.
        tensors = (*self._model.parameters(), *self._model.buffers())
        return [tensor for tensor in tensors if tensor.is_floating_point() or tensor.is_complex()]
