"""Parameters of two models, side by side."""

import copy
from collections.abc import Iterator
from enum import StrEnum

import torch
from torch import nn

from warmstart.basics import InputError, choice

# Private in PyTorch, but the one common base of batch and instance normalization since version 1.1.
_NORMALIZATIONS = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.LocalResponseNorm,
    nn.RMSNorm,
)


class Scope(StrEnum):
    """Which trainable parameters a strategy changes.

    ``ALL``: every one, normalization gains and biases included. ``WEIGHTS``: those of two or more dimensions outside
    normalization layers, which for convolutional networks and perceptrons is the kernels and matrices.
    """

    ALL = "all"
    WEIGHTS = "weights"


def parameters_in(model: nn.Module, scope: Scope) -> Iterator[tuple[str, nn.Parameter]]:
    """Yield name and parameter for the trainable parameters in ``scope``, tied ones once."""
    scope = choice(Scope, scope, name="scope")
    gains = {id(p) for m in model.modules() if isinstance(m, _NORMALIZATIONS) for p in m.parameters(recurse=False)}
    for name, parameter in model.named_parameters():
        is_weight = parameter.ndim >= 2 and id(parameter) not in gains
        if parameter.requires_grad and (scope is Scope.ALL or is_weight):
            yield name, parameter


def paired_parameters(model: nn.Module, other: nn.Module, scope: Scope) -> Iterator[tuple[nn.Parameter, torch.Tensor]]:
    """Yield each trainable parameter of ``model`` in ``scope`` with the one of the same name in ``other``.

    All pairs are checked before the first one is yielded, so that a model is changed whole or not at all. The second
    tensor comes with the device and dtype of the first.

    Raises:
        InputError: If a parameter is missing in ``other`` or has another shape there; it names the parameter.
    """
    # Tied parameters may carry one name here and another there, so every alias of the other model counts.
    others = dict(other.named_parameters(remove_duplicate=False))
    pairs = [(name, parameter, others.get(name)) for name, parameter in parameters_in(model, scope)]
    for name, parameter, found in pairs:
        if found is None:
            raise InputError(f"The models differ: parameter '{name}' is missing in the second one.")
        if found.shape != parameter.shape:
            raise InputError(
                f"The models differ: parameter '{name}' has shape {tuple(parameter.shape)} in the first "
                f"and {tuple(found.shape)} in the second one."
            )
    for _, parameter, found in pairs:
        if found is not None:
            # The very same tensor would shrink before it is added.
            other_tensor = found.detach().clone() if found is parameter else found.detach()
            yield parameter, other_tensor.to(device=parameter.device, dtype=parameter.dtype)


def gaussian_like(model: nn.Module, *, generator: torch.Generator) -> nn.Module:
    """Return a copy of ``model`` whose trainable parameters are independent draws from N(0, 1).

    The noise that the paper's text adds, in the form of a model: ``shrink_perturb(previous, gaussian_like(previous,
    generator=g), shrink=0.4, perturb=0.01)`` gives theta <- 0.4 theta + N(0, 0.01^2).

    Args:
        model: Left untouched.
        generator: A CPU generator; the same one gives the same noise on every device.

    Example:
        >>> noise = gaussian_like(nn.Linear(3, 2), generator=torch.Generator().manual_seed(0))
        >>> noise.weight.shape
        torch.Size([2, 3])
    """
    noise = copy.deepcopy(model)
    with torch.no_grad():
        for _, parameter in parameters_in(noise, Scope.ALL):
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return noise
