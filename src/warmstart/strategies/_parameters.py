"""Parameters of two models, side by side."""

import copy
from collections.abc import Iterator
from enum import StrEnum

import torch
from torch import nn

from warmstart.basics import check_alike, choice

from ._layers import NORMALIZATIONS, layers_of


class Scope(StrEnum):
    """Which trainable parameters a strategy changes.

    ``ALL``: every one, normalization gains and biases included. ``WEIGHTS``: those of two or more dimensions outside
    normalization layers, which for convolutional networks and perceptrons is the kernels and matrices. ``HEAD``:
    those of the last layer. ``BODY``: all others.
    """

    ALL = "all"
    WEIGHTS = "weights"
    HEAD = "head"
    BODY = "body"


def parameters_in(model: nn.Module, scope: Scope) -> Iterator[tuple[str, nn.Parameter]]:
    """Yield name and parameter for the trainable parameters in ``scope``, tied ones once."""
    scope = choice(Scope, scope, name="scope")
    names = _names_in(model, scope)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and name in names:
            yield name, parameter


def _names_in(model: nn.Module, scope: Scope) -> set[str]:
    """Return the names of the parameters in ``scope``, frozen ones included."""
    named = dict(model.named_parameters())
    if scope is Scope.WEIGHTS:
        gains = {id(p) for m in model.modules() if isinstance(m, NORMALIZATIONS) for p in m.parameters(recurse=False)}
        return {name for name, parameter in named.items() if parameter.ndim >= 2 and id(parameter) not in gains}
    if scope is Scope.ALL:
        return set(named)
    head = {name for layer in layers_of(model)[-1:] for name in layer}
    return set(named) & head if scope is Scope.HEAD else set(named) - head


def paired_parameters(model: nn.Module, other: nn.Module, scope: Scope) -> Iterator[tuple[nn.Parameter, torch.Tensor]]:
    """Yield each trainable parameter of ``model`` in ``scope`` with the one of the same name in ``other``.

    All pairs are checked before the first one is yielded, so that a model is changed whole or not at all. The second
    tensor comes with the device and dtype of the first.

    Raises:
        InputError: If a parameter is missing in ``other`` or has another shape there; it names the parameter.
    """
    # Tied parameters may carry one name here and another there, so every alias of the other model counts.
    others = dict(other.named_parameters(remove_duplicate=False))
    parameters = dict(parameters_in(model, scope))
    check_alike(parameters, others)
    for name, parameter in parameters.items():
        found = others[name]
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
