"""A model's trainable parameters, and tensors stored under their names."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from warmstart.basics import InputError, check_alike


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the trainable parameters by name, tied ones once.

    Raises:
        InputError: If there are none, because a penalty would then silently do nothing.
    """
    found = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if not found:
        raise InputError("model must have at least one trainable parameter for a penalty, got none.")
    return found


def snapshot(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies that share neither memory nor graph with ``tensors``."""
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def stored_for(parameters: Mapping[str, nn.Parameter], stored: Mapping[str, Tensor], owner: str) -> list[Tensor]:
    """Return the stored tensor of each parameter, in their order, on their devices and in at least single precision.

    Args:
        parameters: By name.
        stored: By name; further names are ignored, which lets a whole ``state_dict`` serve.
        owner: What the stored tensors are called in an error.

    Raises:
        InputError: If a parameter is missing in ``stored`` or has another shape there; it names the parameter.
    """
    check_alike(
        parameters,
        stored,
        missing=f"{owner} must hold every trainable parameter of the model, but '{{name}}' is missing.",
        shapes=f"{owner} must hold '{{name}}' in the model's shape {{one}}, got {{other}}.",
    )
    return [wide(stored[name]).to(parameter.device) for name, parameter in parameters.items()]


def wide(tensor: Tensor) -> Tensor:
    """Return the tensor in at least single precision: squares and sums overflow or vanish in half precision."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def total(terms: Iterable[Tensor]) -> Tensor:
    """Return the sum of scalars, on the device of the first one: a model may lie on several."""
    values = list(terms)
    return torch.stack([value.to(values[0].device) for value in values]).sum()
