"""Labelled data on the device, prepared for the model batch by batch."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn

from warmstart.basics import InputError, as_tensor, check_at_least, default_scaling, described, float_type

from ._memory_format import (
    has_channels_last,
    has_memory_format,
    set_memory_format_,
    with_channels_first,
    with_channels_last,
)


class TensorData:
    """Labelled data on one device.

    Images stay uint8 until a batch is needed: a quarter of the memory, and less of it to move. A batch is
    ``inputs.float() * scale + offset``. Subsets share the memory of the data: all rounds of a trial train on one copy
    of the pool.

    Args:
        inputs: Tensor or NumPy array: uint8 images (n, channels, height, width), or numbers (n, ...). Integers other
            than bytes are indices, such as tokens, and reach the model as they are, unless a ``scale`` or an ``offset``
            is given; others come in the model's floating-point type.
        labels: Tensor or NumPy array: class indices (n,), integers in [0, classes); for regression, floating-point
            targets (n,) or (n, outputs), which are stored as float32.
        scale: Factor, a number or a tensor that broadcasts against a batch. By default uint8 inputs are mapped from
            0..255 to -1..1, as mean 0.5 and standard deviation 0.5 of 0..1 do (the paper's), and others are left as
            they are.
        offset: Summand, likewise.

    Raises:
        InputError: If inputs or labels are of another type, or their numbers differ.

    Example:
        >>> data = TensorData(torch.tensor([[[[0]]], [[[255]]]], dtype=torch.uint8), torch.tensor([0, 1]))
        >>> inputs, labels = data.batch(torch.tensor([1, 0]))
        >>> inputs.flatten().tolist(), labels.tolist()
        ([1.0, -1.0], [1, 0])
        >>> data.take(torch.tensor([1])).labels
        tensor([1])
    """

    def __init__(
        self,
        inputs: torch.Tensor | np.ndarray,
        labels: torch.Tensor | np.ndarray,
        scale: torch.Tensor | float | None = None,
        offset: torch.Tensor | float | None = None,
    ) -> None:
        tensors: list[torch.Tensor] = []
        for name, values in (("inputs", inputs), ("labels", labels)):
            tensor = as_tensor(values)
            if not isinstance(tensor, torch.Tensor):
                what = f"array of {values.dtype}" if isinstance(values, np.ndarray) else type(values).__name__
                raise InputError(f"{name} must be a tensor or a NumPy array of numbers, got {what}.")
            tensors.append(tensor)
        inputs, labels = tensors
        if labels.is_complex():
            raise InputError(f"labels must be class indices or real targets, got {labels.dtype}.")
        are_targets = labels.is_floating_point()
        labels = labels.float() if are_targets else labels.long()
        has_shape = labels.ndim == 1 or (are_targets and labels.ndim == 2)
        if not inputs.ndim or not has_shape or len(inputs) != len(labels):
            raise InputError(
                f"labels must be one for each input, got {tuple(labels.shape)} labels "
                f"for inputs of shape {tuple(inputs.shape)}."
            )
        if inputs.device != labels.device:
            raise InputError(f"inputs and labels must be on one device, got {inputs.device} and {labels.device}.")
        for name, value in (("scale", scale), ("offset", offset)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, torch.Tensor | float | int)):
                raise InputError(f"{name} must be a number or a tensor, got {type(value).__name__}.")
            if value is not None and not torch.as_tensor(value).isfinite().all():
                raise InputError(f"{name} must be finite, got {value}.")
        usual_scale, usual_offset = default_scaling(inputs)
        self.scale = usual_scale if scale is None else scale
        self.offset = usual_offset if offset is None else offset
        self._inputs, self._labels = inputs, labels
        # Indices of the rows that are the data, in this order; None: all. A subset is these indices alone, so that the
        # subsets of a trial's rounds cost eight bytes per sample.
        self._rows: torch.Tensor | None = None
        # Whether the inputs in memory are scaled already, as those with a limit are.
        self._is_scaled = False
        self.limit: float | None = None
        """Size beyond which scaled inputs are compressed; None: there is none."""
        self._dtype = torch.float32
        self._classes: int | None = None
        self.target_scale: torch.Tensor | float = 1.0
        """What one unit of the targets is in the unit of the data, where they were scaled."""
        self.target_offset: torch.Tensor | float = 0.0
        """Which value of the data a target of 0 is, likewise."""

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self._labels if self._rows is None else self._rows)

    def __repr__(self) -> str:
        """Return number, shape and device of the samples."""
        return f"TensorData({len(self)} samples of shape {self.sample_shape} on {self.device})"

    @property
    def inputs(self) -> torch.Tensor:
        """All inputs, before scaling unless a limit compressed them; of a subset, gathered anew at every access."""
        return self._inputs if self._rows is None else _rows(self._inputs, self._rows)

    @property
    def labels(self) -> torch.Tensor:
        """All labels or targets, likewise."""
        return self._labels if self._rows is None else self._labels[self._rows]

    @property
    def classes(self) -> int:
        """Number of classes: as it was said, else one more than the highest label."""
        return self._classes if self._classes is not None else int(self.labels.max()) + 1

    def of_classes(self, classes: int) -> TensorData:
        """Return the same samples, as those of so many classes, which a part of the data may not show; 0: none."""
        other = copy.copy(self)
        other._classes = classes or None
        return other

    def with_target_scale(self, scale: torch.Tensor | float, offset: torch.Tensor | float) -> TensorData:
        """Return the same samples with targets (t - offset) / scale."""
        other = copy.copy(self)
        other._labels = ((self._labels - offset) / scale).to(self._labels.dtype)
        other.target_offset = self.target_offset + self.target_scale * offset
        other.target_scale = self.target_scale * scale
        return other

    @property
    def device(self) -> torch.device:
        """The device of the data."""
        return self._labels.device

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return tuple(self._inputs.shape[1:])

    @property
    def is_image(self) -> bool:
        """Whether inputs have channels, height and width."""
        return self._inputs.ndim == 4

    @property
    def holds_indices(self) -> bool:
        """Whether inputs are integers that stand for something, such as tokens, and reach the model as they are."""
        dtype = self._inputs.dtype
        is_whole = not (dtype.is_floating_point or dtype.is_complex or dtype in (torch.uint8, torch.bool))
        unscaled = isinstance(self.scale, float | int) and isinstance(self.offset, float | int)
        return is_whole and unscaled and bool(self.scale == 1) and bool(self.offset == 0)

    def take(self, indices: torch.Tensor) -> TensorData:
        """Return the samples at ``indices``, in their order; they are not copied.

        Raises:
            InputError: If indices are not integers, such as a mask.
        """
        if not isinstance(indices, torch.Tensor) or indices.dtype not in (torch.int64, torch.int32):
            what = indices.dtype if isinstance(indices, torch.Tensor) else described(indices)
            raise InputError(f"indices must be int64 or int32, got {what}.")
        where = indices.to(self.device)
        taken = copy.copy(self)
        taken._rows = where.clone() if self._rows is None else self._rows[where]
        return taken

    def scaled(
        self, scale: torch.Tensor | float, offset: torch.Tensor | float, *, limit: float | None = None
    ) -> TensorData:
        """Return the same samples with another scale and offset.

        Args:
            scale: Factor.
            offset: Summand.
            limit: L, greater than 0: a scaled input x of larger size becomes sign(x) * (L + ln(|x| / L)), so that order
                and sign stay, and one that is a thousand times as large as what the scale was estimated on does not
                rule over all others. None: there is none.

        Example:
            >>> data = TensorData(torch.tensor([[1.0], [-2.0], [10000.0]]), torch.tensor([0, 0, 1]))
            >>> inputs, _ = data.scaled(1.0, 0.0, limit=5.0).batch(torch.arange(3))
            >>> [round(value, 2) for value in inputs.flatten().tolist()]
            [1.0, -2.0, 12.6]
        """
        other = copy.copy(self)
        other.scale, other.offset, other.limit = scale, offset, limit
        if limit is None:
            return other
        values = self.inputs.to(torch.float32) * scale + offset
        sizes = values.abs()
        # Nearly always nothing is as large, and the data stay where they are, shared by all trials.
        if bool((sizes > limit).any()):
            compressed = values.sign() * (limit + (sizes.clamp(min=limit) / limit).log())
            other._inputs, other._labels = torch.where(sizes > limit, compressed, values), self.labels
            other._rows, other._is_scaled = None, True
        return other

    def batch(self, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return inputs as the model takes them, and labels, of the samples at ``indices``, on the data's device."""
        # All on the device: a host index would make a GPU wait in every step.
        where = indices if self._rows is None else self._rows.index_select(0, indices)
        inputs = _rows(self._inputs, where)
        if not self.holds_indices and not inputs.is_complex():
            # In single precision even for a model in half precision: there a scaled byte would be rounded twice.
            wide = torch.promote_types(self._dtype, torch.float32)
            inputs = inputs.to(wide)
            inputs = (inputs if self._is_scaled else inputs.mul_(self.scale).add_(self.offset)).to(self._dtype)
        return inputs, self._labels[where]

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return one input as the model takes it, and its label, so that a ``DataLoader`` can read the data."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"index must be in [{-len(self)}, {len(self)}), got {index}")
        inputs, labels = self.batch(torch.tensor([index % len(self)], device=self.device))
        return inputs[0], labels[0]

    def in_order(self, batch_size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield all data in order, in batches of ``batch_size``."""
        for indices in torch.arange(len(self), device=self.device).split(batch_size) if len(self) else ():
            yield self.batch(indices)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield all data in order, as a loader would: batches of inputs as the model takes them, and labels."""
        return self.in_order(1024)

    def typed_for(self, model: nn.Module) -> TensorData:
        """Return the same data with batches in the model's floating-point type."""
        other = copy.copy(self)
        other._dtype = float_type(model)
        return other

    def prepared_for_(self, model: nn.Module, *, channels_last: bool | None = None) -> TensorData:
        """Return the data in the memory format that the model reads fastest, and give the model the same format.

        They are copied only if they have another one. Batches come in the model's floating-point type.

        Args:
            model: Changed in place.
            channels_last: Whether images have the channels last in memory; None: what is fastest.
        """
        last = self.is_image and set_memory_format_(model, channels_last=channels_last)
        return self.typed_for(model).to_memory_format(channels_last=last)

    def to_memory_format(self, *, channels_last: bool) -> TensorData:
        """Return the data with the channels of images last in memory, or first, copied only if that is a change.

        Tables become contiguous, row by row.
        """
        if not self.is_image:
            return self._with(self._inputs.contiguous(), self._labels)
        if has_memory_format(self._inputs, channels_last=channels_last):
            return self
        convert = with_channels_last if channels_last else with_channels_first
        converted = self._with(convert(self.inputs), self.labels)  # of a subset, only the subset
        converted._rows = None
        return converted

    def to(self, device: torch.device | str) -> TensorData:
        """Return the data on a device, copied only if they are on another one."""
        moved = self._with(self._inputs.to(device), self._labels.to(device))
        moved._rows = None if self._rows is None else self._rows.to(device)
        return moved

    def _with(self, inputs: torch.Tensor, labels: torch.Tensor) -> TensorData:
        other = copy.copy(self)
        other._inputs, other._labels = inputs, labels
        return other


def _rows(inputs: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """Return the rows at ``indices`` in the memory format of ``inputs``."""
    # index_select copies whole rows where they are contiguous, ten times as fast as indexing does; images with channels
    # last are such rows once their dimensions are named in the order of their strides.
    if has_channels_last(inputs):
        return inputs.permute(0, 2, 3, 1).index_select(0, indices).permute(0, 3, 1, 2)
    return inputs.index_select(0, indices)


def batches(order: torch.Tensor, batch_size: int) -> Sequence[torch.Tensor]:
    """Split ``order`` into the fewest batches of at most ``batch_size``, of equal size to within one.

    Example:
        >>> [len(batch) for batch in batches(torch.arange(9), 4)]
        [3, 3, 3]
    """
    check_batch_size(batch_size)
    # The usual way, full batches and a remainder, takes as many steps, but its last batch may hold one sample or two.
    # BatchNorm fails on one, and from two it learns values that undo the other batches' work.
    return order.tensor_split(_batch_count(len(order), batch_size))


def check_batch_size(batch_size: int) -> None:
    """Raise unless ``batch_size`` is an integer of at least 1."""
    check_at_least("batch_size", 0 if batch_size is None else batch_size, 1)


def _batch_count(count: int, batch_size: int) -> int:
    # An odd number of samples cannot be split into pairs: one batch of three, not one of a single sample.
    return max(count // 2 if batch_size == 2 else -(-count // batch_size), 1)


def smallest_batch(count: int, batch_size: int) -> int:
    """Return the size of the smallest batch that ``count`` samples are split into."""
    return count // _batch_count(count, batch_size)
