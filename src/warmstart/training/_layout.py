"""Memory layout of models and of an optimizer's state."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from warmstart.basics import memory_key, sharing_memory, tensors_of

from ._parallel import distributed_in


def wants_channels_last(model: nn.Module) -> bool:
    """Return whether a model trains fastest, and safely, on images with the channels last.

    Convolutions on the CPU and on a GPU's tensor cores want the channels last; a flattened image wants them first. And
    one kind of convolution must not have them last: see :func:`_overruns`.
    """
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    return bool(convolutions) and not any(_overruns(module) for module in convolutions)


def _overruns(convolution: nn.Conv2d) -> bool:
    """Return whether the gradient of a convolution's weight may be written past the end of its memory.

    With channels last, oneDNN's kernel for pointwise convolutions with a stride reserves room for the channels that
    there are and writes whole blocks of them: 8 with AVX2, 16 with AVX-512. With fewer channels the heap is damaged,
    and the process dies, or goes on with wrong numbers (oneDNN issue 6035; seen with torch 2.13).
    """
    block = 8 if torch.backends.cpu.get_cpu_capability() == "AVX2" else 16
    on_cpu = convolution.weight.device.type == "cpu"
    is_pointwise = set(convolution.kernel_size) == {1} and max(convolution.stride) > 1
    return on_cpu and is_pointwise and convolution.in_channels // convolution.groups < block


def lay_out_(model: nn.Module, *, channels_last: bool | None = None) -> bool:
    """Lay a model out as it trains fastest on images; return whether images are to have the channels last.

    A distributed model stays as it is: the places of its gradients were laid out when it was wrapped. So does one whose
    tensors share memory, or are parts of one buffer, which moving them would end.

    Args:
        model: Changed in place; parameters and buffers stay the objects that they are.
        channels_last: Whether convolutions have the channels last in memory; None: if :func:`wants_channels_last` says
            so.
    """
    images = _laid_out(model)
    are_parts = any(tensor.untyped_storage().nbytes() > tensor.numel() * tensor.element_size() for tensor in images)
    if distributed_in(model) is not None or are_parts or sharing_memory(tensors_of(model).values()):
        return is_channels_last(model)
    last = wants_channels_last(model) if channels_last is None else channels_last
    layout = torch.channels_last if last else torch.contiguous_format
    with torch.no_grad():
        for tensor in images:
            tensor.data = tensor.data.contiguous(memory_format=layout)
    return last


@contextmanager
def layout_kept(model: nn.Module) -> Iterator[None]:
    """Put a model's layout in memory back at the end: it is the user's, whose code may depend on it."""
    before = [(tensor, tensor.stride()) for tensor in _laid_out(model)]
    try:
        yield
    finally:
        with torch.no_grad():
            for tensor, strides in before:
                if tensor.stride() != strides:
                    place = torch.empty_strided(tensor.shape, strides, dtype=tensor.dtype, device=tensor.device)
                    tensor.data = place.copy_(tensor)


def _laid_out(model: nn.Module) -> list[torch.Tensor]:
    """Return the tensors to which a layout of images applies: those of four dimensions."""
    found = {id(tensor): tensor for tensor in tensors_of(model).values() if memory_key(tensor) is not None}
    return [tensor for tensor in found.values() if tensor.ndim == 4]


def is_channels_last(model: nn.Module) -> bool:
    """Return whether a model's convolutions lie with the channels last."""
    weights = [module.weight for module in model.modules() if isinstance(module, nn.Conv2d)]
    # A weight of one channel or of one pixel lies both ways at once, and says nothing.
    telling = [weight for weight in weights if weight.shape[1] > 1 and weight[0, 0].numel() > 1]
    return bool(telling) and all(weight.is_contiguous(memory_format=torch.channels_last) for weight in telling)


def has_channels_last(inputs: torch.Tensor) -> bool:
    """Return whether images lie with the channels last.

    Images of one channel lie both ways at once; convolutions go by the stride of their channels, and so does this.
    """
    return inputs.ndim == 4 and inputs.stride(1) == 1 and inputs.is_contiguous(memory_format=torch.channels_last)


def lies(images: torch.Tensor, *, channels_last: bool) -> bool:
    """Return whether images (n, channels, height, width) lie with the channels last, or with them first."""
    return has_channels_last(images) if channels_last else images.is_contiguous() and not has_channels_last(images)


def with_channels_last(images: torch.Tensor) -> torch.Tensor:
    """Return images (n, channels, height, width) with the channels last in memory; themselves if they lie so."""
    if lies(images, channels_last=True):
        return images
    return images.permute(0, 2, 3, 1).clone(memory_format=torch.contiguous_format).permute(0, 3, 1, 2)


def with_channels_first(images: torch.Tensor) -> torch.Tensor:
    """Return images (n, channels, height, width) with the channels first in memory; themselves if they lie so."""
    if lies(images, channels_last=False):
        return images
    return images.clone(memory_format=torch.contiguous_format)


def align_state_(optimizer: torch.optim.Optimizer) -> None:
    """Give every tensor of the state the strides of the parameter that it belongs to.

    Fused updates walk parameter, gradient and state through memory side by side. State that was stored, or made
    before the model changed its layout, has other strides; its numbers would be taken for those of other weights,
    without an error.
    """
    for parameter, entries in optimizer.state.items():
        for name, value in entries.items():
            if isinstance(value, torch.Tensor) and _differs(value, parameter):
                entries[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def _differs(value: torch.Tensor, parameter: torch.Tensor) -> bool:
    if value.layout is not torch.strided or parameter.layout is not torch.strided:
        return False
    return value.shape == parameter.shape and value.stride() != parameter.stride()
