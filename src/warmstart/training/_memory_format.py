"""Memory format of models, images and an optimizer's state: channels first or channels last."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from warmstart.basics import memory_key, sharing_memory, tensors_of

from ._parallel import distributed_in


def prefers_channels_last(model: nn.Module) -> bool:
    """Return whether a model trains fastest, and safely, on images with the channels last.

    Convolutions on the CPU and on a GPU's tensor cores are fastest with the channels last, models that flatten images
    with them first.
    """
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    # With channels last, oneDNN's kernel for the weight gradient of pointwise convolutions with a stride allocates the
    # channels that there are and writes whole blocks of them: 8 with AVX2, 16 with AVX-512. With fewer channels the
    # heap is damaged: the process dies or continues with wrong numbers (oneDNN issue 6035; seen with torch 2.13).
    block = 8 if torch.backends.cpu.get_cpu_capability() == "AVX2" else 16
    return bool(convolutions) and not any(
        module.weight.device.type == "cpu"
        and set(module.kernel_size) == {1}
        and max(module.stride) > 1
        and module.in_channels // module.groups < block
        for module in convolutions
    )


def set_memory_format_(model: nn.Module, *, channels_last: bool | None = None) -> bool:
    """Give a model the memory format in which it trains fastest on images; return whether channels are last in it.

    A distributed model stays as it is: its gradients' memory was allocated when it was wrapped. So does one whose
    tensors share memory, or are parts of one buffer, which moving them would end.

    Args:
        model: Changed in place; parameters and buffers stay the same objects.
        channels_last: Whether convolutions have the channels last in memory; None: decided by
            :func:`prefers_channels_last`.
    """
    images = _image_tensors(model)
    are_parts = any(tensor.untyped_storage().nbytes() > tensor.numel() * tensor.element_size() for tensor in images)
    if distributed_in(model) is not None or are_parts or sharing_memory(tensors_of(model).values()):
        return is_channels_last(model)
    last = prefers_channels_last(model) if channels_last is None else channels_last
    memory_format = torch.channels_last if last else torch.contiguous_format
    with torch.no_grad():
        for tensor in images:
            tensor.data = tensor.data.contiguous(memory_format=memory_format)
    return last


@contextmanager
def kept_memory_format(model: nn.Module) -> Iterator[None]:
    """Restore a model's strides at the end: the model is the user's, whose code may depend on them."""
    before = [(tensor, tensor.stride()) for tensor in _image_tensors(model)]
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, strides in before:
                if tensor.stride() != strides:
                    restored = torch.empty_strided(tensor.shape, strides, dtype=tensor.dtype, device=tensor.device)
                    tensor.data = restored.copy_(tensor)


def _image_tensors(model: nn.Module) -> list[torch.Tensor]:
    """Return the tensors that have a memory format of images: those of four dimensions."""
    found = {id(tensor): tensor for tensor in tensors_of(model).values() if memory_key(tensor) is not None}
    return [tensor for tensor in found.values() if tensor.ndim == 4]


def is_channels_last(model: nn.Module) -> bool:
    """Return whether a model's convolutions have the channels last in memory."""
    weights = [module.weight for module in model.modules() if isinstance(module, nn.Conv2d)]
    # A weight of one channel or of one pixel has both formats at once, and says nothing.
    decisive = [weight for weight in weights if weight.shape[1] > 1 and weight[0, 0].numel() > 1]
    return bool(decisive) and all(weight.is_contiguous(memory_format=torch.channels_last) for weight in decisive)


def has_channels_last(images: torch.Tensor) -> bool:
    """Return whether images have the channels last in memory."""
    # Images of one channel have both formats at once; convolutions go by the stride of the channels.
    return images.ndim == 4 and images.stride(1) == 1 and images.is_contiguous(memory_format=torch.channels_last)


def has_memory_format(images: torch.Tensor, *, channels_last: bool) -> bool:
    """Return whether images (n, channels, height, width) have the channels last in memory, or first."""
    return has_channels_last(images) if channels_last else images.is_contiguous() and not has_channels_last(images)


def with_channels_last(images: torch.Tensor) -> torch.Tensor:
    """Return images (n, channels, height, width) with the channels last in memory, copied only if they are not."""
    if has_memory_format(images, channels_last=True):
        return images
    # Not contiguous(memory_format=...): of images of one channel it would return the ones given, strides and all.
    return images.permute(0, 2, 3, 1).clone(memory_format=torch.contiguous_format).permute(0, 3, 1, 2)


def with_channels_first(images: torch.Tensor) -> torch.Tensor:
    """Return images (n, channels, height, width) with the channels first in memory, copied only if they are not."""
    if has_memory_format(images, channels_last=False):
        return images
    return images.clone(memory_format=torch.contiguous_format)


def align_state_(optimizer: torch.optim.Optimizer) -> None:
    """Give every tensor of the state the strides of the parameter that it belongs to."""
    # Fused updates walk parameter, gradient and state through memory side by side. State that was stored, or made
    # before the model changed its memory format, has other strides; its numbers would be taken for those of other
    # weights, without an error.
    for parameter, entries in optimizer.state.items():
        for name, value in entries.items():
            if not isinstance(value, torch.Tensor) or {value.layout, parameter.layout} != {torch.strided}:
                continue
            if value.shape == parameter.shape and value.stride() != parameter.stride():
                entries[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
