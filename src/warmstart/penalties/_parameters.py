"""A model's trainable parameters, and tensors stored under their names."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from warmstart.basics import (
    InputError,
    canonical_names,
    check_has_values,
    check_model,
    check_same_shapes,
    check_tensor,
    check_trainable,
    described,
    unwrapped,
    upcast,
)


def trainable(model: nn.Module, *, layer_norm: bool = True) -> dict[str, nn.Parameter]:
    """Return the trainable parameters by name, tied ones once.

    These are the parameters proper, as the optimizer has them, also where a weight is a function of several. Names are
    those without what wrappers add.

    Args:
        model: Wrappers are looked through.
        layer_norm: Whether parameters of ``nn.LayerNorm`` count.

    Raises:
        InputError: If there are none, because a penalty would then silently do nothing, or one has no values.
    """
    check_model("model", model)
    check_trainable(model, purpose="for a penalty")
    found = {name: parameter for name, parameter in named_parameters(model).items() if parameter.requires_grad}
    if not layer_norm:
        norms = [module for module in model.modules() if isinstance(module, nn.LayerNorm)]
        left_out = {id(parameter) for norm in norms for parameter in norm.parameters(recurse=False)}
        found = {name: parameter for name, parameter in found.items() if id(parameter) not in left_out}
    if not found:
        raise InputError("model must have a trainable parameter outside nn.LayerNorm for this penalty, got none.")
    check_has_values("model", model)
    if any(parameter.is_inference() for parameter in found.values()) and not torch.is_inference_mode_enabled():
        raise InputError(
            "model must not be made in inference mode, which forbids gradients: build it under torch.no_grad() instead."
        )
    return found


def named_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters, tied ones once, by their names without what wrappers add."""
    inner = unwrapped(model)
    # Of all names together, since what is common to all of them may be no prefix of a wrapper in a part of them.
    names = canonical_names([name for name, _ in inner.named_parameters(remove_duplicate=False)])
    return {names[name]: parameter for name, parameter in inner.named_parameters()}


def snapshot(owner: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies that share neither memory nor graph with ``tensors``.

    Raises:
        InputError: If ``tensors`` is no mapping from names to tensors.
    """
    check_stored(owner, tensors)
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def check_stored(owner: str, tensors: Mapping[str, Tensor]) -> None:
    """Raise unless ``tensors`` is a mapping from names to tensors; ``owner`` is what it is called in an error."""
    if not isinstance(tensors, Mapping):
        raise InputError(f"{owner} must be a mapping from names of parameters to tensors, got {described(tensors)}.")
    for name, value in tensors.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise InputError(
                f"{owner} must be a mapping from names of parameters to tensors, got {described(value)} for "
                f"{described(name)}."
            )
        if is_lazy(value) or value.is_meta:
            raise InputError(f"{owner} must hold tensors with values, but '{name}' has none.")


def stored_for(parameters: Mapping[str, nn.Parameter], stored: Mapping[str, Tensor], owner: str) -> list[Tensor]:
    """Return the stored tensor of each parameter, in their order, on their devices and in at least single precision.

    Args:
        parameters: By name.
        stored: By name, with or without what wrappers add; further names are ignored, which lets a whole
            ``state_dict`` serve.
        owner: What the stored tensors are called in an error.

    Raises:
        InputError: If a parameter is missing in ``stored`` or has another shape there; it names the parameter.
    """
    check_stored(owner, stored)
    named = _named_as(parameters, stored)
    check_same_shapes(
        parameters,
        named,
        missing=f"{owner} must hold every trainable parameter of the model, but '{{name}}' is missing.",
        shapes=f"{owner} must hold '{{name}}' in the model's shape {{one}}, got {{other}}.",
    )
    for name, parameter in parameters.items():
        if not parameter.is_complex():
            check_tensor(f"{owner} of '{name}'", named[name])
    return [upcast(named[name]).to(parameter.device) for name, parameter in parameters.items()]


def _named_as(parameters: Mapping[str, nn.Parameter], stored: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Return the stored tensors by the names of the parameters, where they have those of a wrapper around the model."""
    if parameters.keys() <= stored.keys():
        return stored
    # AveragedModel stores a counter, too, which has no prefix.
    wrapped = {name: stored[name] for name in stored if name.startswith("module.")}
    for some in (stored, wrapped):
        names = canonical_names(some)
        found = {names[name]: value for name, value in some.items()}
        if parameters.keys() <= found.keys():
            return found
    return stored


def squares(tensor: Tensor) -> Tensor:
    """Return |x|^2 of every entry, which of complex ones is real, in at least single precision."""
    numbers = upcast(tensor)
    if numbers.is_complex():
        return torch.view_as_real(numbers.resolve_conj()).square().sum(-1)
    return numbers.square()


def zero_for(tensor: Tensor) -> Tensor:
    """Return the scalar 0 with a graph to ``tensor``, whose gradient is 0 also where an entry is not finite."""
    nothing = tensor.unsqueeze(0)[:0]
    return upcast(torch.view_as_real(nothing.resolve_conj()) if nothing.is_complex() else nothing).sum()


def total(terms: Iterable[Tensor]) -> Tensor:
    """Return the sum of scalars, on the device of the first one: a model may be on several."""
    values = list(terms)
    return torch.stack([value.to(values[0].device) for value in values]).sum()
