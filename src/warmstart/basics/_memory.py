"""Tensors that share memory through views and ``.data`` assignments, which no attribute reveals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ._wrappers import canonical_names, unwrapped

if TYPE_CHECKING:
    from torch import Tensor, nn


def tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """Return every parameter and buffer by name, a tied one under each of its names."""
    return {
        **dict(model.named_parameters(remove_duplicate=False)),
        **dict(model.named_buffers(remove_duplicate=False)),
    }


def canonical_tensors(model: nn.Module, *, parameters: bool = False) -> dict[str, Tensor]:
    """Return the tensors of the model inside all wrappers by name, or its ``parameters`` only, tied ones once."""
    model = unwrapped(model)
    tensors: dict[str, Tensor] = dict(model.named_parameters()) if parameters else tensors_of(model)
    # Of all tensors, so that a parameter has the same name with and without buffers.
    names = canonical_names(tensors_of(model))
    return {names[name]: tensor for name, tensor in tensors.items()}


def memory_key(tensor: Tensor) -> object | None:
    """Return what identifies the memory of a tensor; None if it has none to share, as on the meta device."""
    import torch

    # Subclasses may hold several tensors or none, and fail to give a storage.
    is_plain = type(tensor) in (torch.Tensor, torch.nn.Parameter) and tensor.layout is torch.strided
    if not is_plain or tensor.is_meta or not tensor.untyped_storage().nbytes():
        return None
    return tensor.device, tensor.untyped_storage().data_ptr()


def sharing_memory(tensors: Iterable[Tensor]) -> list[list[Tensor]]:
    """Return the groups of different tensors whose memory overlaps.

    Example:
        >>> import torch
        >>> one, flat = torch.zeros(2, 3), torch.zeros(4)
        >>> [len(group) for group in sharing_memory([one, one.t(), flat[:2], flat[2:]])]
        [2]
    """
    by_memory: dict[object, dict[int, Tensor]] = {}
    for tensor in tensors:
        if (key := memory_key(tensor)) is not None:
            by_memory.setdefault(key, {})[id(tensor)] = tensor
    groups: list[list[Tensor]] = []
    for found in by_memory.values():
        # Parts of one buffer that do not overlap, such as the flattened weights of recurrent layers, share nothing.
        reached, open_group = -1, None
        for tensor in sorted(found.values(), key=lambda tensor: _extent(tensor)[0]):
            start, end = _extent(tensor)
            if start > reached or open_group is None:
                open_group = []
                groups.append(open_group)
            open_group.append(tensor)
            reached = max(reached, end)
    return [group for group in groups if len(group) > 1]


def _extent(tensor: Tensor) -> tuple[int, int]:
    """Return the first and the last byte of a tensor in its storage."""
    size = tensor.element_size()
    spans = ((length - 1) * stride for length, stride in zip(tensor.shape, tensor.stride(), strict=True))
    start = int(tensor.storage_offset()) * size
    return start, start + (int(sum(spans)) + 1) * size - 1


def retie_(copied: nn.Module, original: nn.Module) -> None:
    """Make tensors of a copy share memory as those of the original do, with the values of the original."""
    import torch

    names = {id(tensor): name for name, tensor in tensors_of(original).items()}
    copies = tensors_of(copied)
    for group in sharing_memory(tensors_of(original).values()):
        if any(tensor.is_conj() or tensor.is_neg() for tensor in group):
            continue  # a lazily conjugated or negated view cannot be rebuilt from its strides
        storage = group[0].untyped_storage().clone()
        for tensor in group:
            empty = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
            copies[names[id(tensor)]].data = empty.set_(storage, tensor.storage_offset(), tensor.shape, tensor.stride())
