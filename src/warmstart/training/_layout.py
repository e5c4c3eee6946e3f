"""Memory layout of an optimizer's state."""

import torch


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
    return value.shape == parameter.shape and value.stride() != parameter.stride()
