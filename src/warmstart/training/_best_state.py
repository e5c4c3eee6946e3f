"""Model and optimizer as they were after the best epoch."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from warmstart.basics import tensors_of

from ._stopping import EpochReport


class BestState:
    """Keeps parameters, buffers and the optimizer's state of the epoch with the least validation loss.

    Args:
        model: Without its wrappers.
        optimizer: The model's.

    Attributes:
        epoch: Number of the best epoch so far; None: there is none.
    """

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self._model, self._optimizer = model, optimizer
        self.epoch: int | None = None
        self._loss = math.inf
        self._tensors: dict[str, torch.Tensor] = {}
        # A round that keeps the optimizer must hand on moments that belong to the weights.
        self._entries: dict[torch.Tensor, dict[str, Any]] = {}

    def see(self, report: EpochReport) -> None:
        """Keep what there is now, if the epoch is better than all before."""
        if report.validation_loss is None or not report.validation_loss < self._loss:
            return
        self.epoch, self._loss = report.epoch, report.validation_loss
        self._tensors = {name: tensor.detach().clone() for name, tensor in tensors_of(self._model).items()}
        self._entries = {
            parameter: {name: value.clone() if torch.is_tensor(value) else value for name, value in entries.items()}
            for parameter, entries in self._optimizer.state.items()
        }

    @torch.no_grad()
    def restore_(self) -> None:
        """Give model and optimizer what was kept, in place."""
        for name, tensor in tensors_of(self._model).items():
            if name in self._tensors and tensor.shape == self._tensors[name].shape:
                tensor.copy_(self._tensors[name])
        self._optimizer.state.clear()
        self._optimizer.state.update(self._entries)
