"""Labelled data on the device, made ready for the model batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from warmstart.basics import InputError, check_at_least

from ._layout import has_channels_last, lay_out_, with_channels_first, with_channels_last


@dataclass(frozen=True, eq=False)
class TensorData:
    """Labelled data on one device.

    Images stay uint8 until a batch is needed: a quarter of the memory, and less of it to move. A batch is
    ``inputs.float() * scale + offset``.

    Args:
        inputs: uint8 (n, channels, height, width), or float32 (n, features).
        labels: int64 (n,).
        scale: Factor, a number or a tensor that broadcasts against a batch. By default uint8 inputs are taken from
            0..255 to -1..1, as mean 0.5 and standard deviation 0.5 of 0..1 do (the paper's), and others are left as
            they are.
        offset: Summand, likewise.

    Example:
        >>> data = TensorData(torch.tensor([[[[0]]], [[[255]]]], dtype=torch.uint8), torch.tensor([0, 1]))
        >>> inputs, labels = data.batch(torch.tensor([1, 0]))
        >>> inputs.flatten().tolist(), labels.tolist()
        ([1.0, -1.0], [1, 0])
    """

    inputs: torch.Tensor
    labels: torch.Tensor
    scale: torch.Tensor | float | None = None
    offset: torch.Tensor | float | None = None

    def __post_init__(self) -> None:
        """Check the shapes, and settle the scale and the offset."""
        if len(self.inputs) != len(self.labels) or self.labels.ndim != 1:
            raise InputError(
                f"labels must be one for each input, got {tuple(self.labels.shape)} labels "
                f"for inputs of shape {tuple(self.inputs.shape)}."
            )
        scale, offset = default_scaling(self.inputs)
        if self.scale is None:
            object.__setattr__(self, "scale", scale)
        if self.offset is None:
            object.__setattr__(self, "offset", offset)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.labels)

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self.inputs.shape[1:])

    @property
    def is_image(self) -> bool:
        """Whether inputs have channels, height and width."""
        return self.inputs.ndim == 4

    def take(self, indices: torch.Tensor) -> TensorData:
        """Return the samples at ``indices``, copied."""
        where = indices.to(self.inputs.device)
        return replace(self, inputs=_rows(self.inputs, where), labels=self.labels[where])

    def batch(self, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return inputs as the model takes them, and labels, of the samples at ``indices``."""
        assert self.scale is not None, "settled at construction"
        assert self.offset is not None, "settled at construction"
        return _rows(self.inputs, indices).float().mul_(self.scale).add_(self.offset), self.labels[indices]

    def laid_out_for(self, model: nn.Module) -> TensorData:
        """Return the data in the memory layout that the model reads fastest, and lay the model out likewise."""
        if not self.is_image:
            return replace(self, inputs=self.inputs.contiguous())
        last = lay_out_(model)
        return replace(self, inputs=with_channels_last(self.inputs) if last else with_channels_first(self.inputs))


def default_scaling(inputs: torch.Tensor) -> tuple[float, float]:
    """Return the scale and the offset that inputs have by default; see :class:`TensorData`."""
    return (1 / 127.5, -1.0) if inputs.dtype is torch.uint8 else (1.0, 0.0)


def _rows(inputs: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """Return the rows at ``indices`` in the layout of ``inputs``.

    index_select copies whole rows where they are contiguous, ten times as fast as indexing does; images with channels
    last are such rows once their dimensions are named in the order in which they lie.
    """
    if has_channels_last(inputs):
        return inputs.permute(0, 2, 3, 1).index_select(0, indices).permute(0, 3, 1, 2)
    return inputs.index_select(0, indices)


def batches(order: torch.Tensor, batch_size: int) -> Sequence[torch.Tensor]:
    """Split ``order`` into as few batches of at most ``batch_size`` as there can be, of equal size to within one.

    The usual way, full batches and a remainder, takes as many steps, but its last batch may hold one sample or two.
    BatchNorm fails on the one, and from two it learns values that undo the other batches' work.

    Example:
        >>> [len(batch) for batch in batches(torch.arange(9), 4)]
        [3, 3, 3]
    """
    check_at_least("batch_size", batch_size, 1)
    return order.tensor_split(_parts(len(order), batch_size))


def _parts(count: int, batch_size: int) -> int:
    parts = max(-(-count // batch_size), 1)
    # An odd number of samples cannot be split into pairs: one batch of three, not one of a single sample.
    return max(count // 2, 1) if batch_size == 2 else parts


def smallest_batch(count: int, batch_size: int) -> int:
    """Return the size of the smallest batch that ``count`` samples are split into."""
    return count // _parts(count, batch_size)
