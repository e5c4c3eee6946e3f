"""Which weights of a model a strategy changes, and how it changes them."""

import inspect
import math
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import TypeAlias

import torch
from torch import nn

from warmstart.basics import (
    InputError,
    Weight,
    aliases_of,
    canonical_tensors,
    check_generator,
    check_has_values,
    check_model,
    check_not_inference,
    check_same_shapes,
    check_trainable,
    choice,
    copy_model,
    described,
    memory_key,
    sharing_memory,
    unwrapped,
    weights_of,
)

from ._layers import NORMALIZATIONS, head_of

Include: TypeAlias = Callable[[str, nn.Parameter], bool]
"""Takes a weight's name and its parameter; returns whether a strategy may change it."""


class Scope(StrEnum):
    """Which trainable parameters a strategy changes.

    ``ALL``: every one, normalization gains and biases included. ``WEIGHTS``: those of two or more dimensions outside
    normalization layers, which for convolutional networks and perceptrons is the kernels and matrices. ``LAYERS``:
    weights *and biases* of convolutions and linear layers (the code of DASH's authors). ``HEAD``: those of the last
    layer that runs, see :func:`head_of`. ``BODY``: all others.
    """

    ALL = "all"
    WEIGHTS = "weights"
    LAYERS = "layers"
    HEAD = "head"
    BODY = "body"


def weights_in(
    model: nn.Module, scope: Scope, *, include: Include | None = None, head: str | None = None
) -> dict[str, Weight]:
    """Return the trainable weights in ``scope`` by name, tied ones once.

    Args:
        model: Wrappers are looked through.
        scope: Which weights.
        include: Returns whether a weight of the scope counts; None: all do.
        head: Name of the module that is the head, for ``HEAD`` and ``BODY``; None: the last layer that runs.
    """
    check_model("model", model)
    scope = choice(Scope, scope, name="scope")
    if include is not None and (not callable(include) or isinstance(include, type | nn.Module)):
        raise InputError(f"include must be a function of a name and a parameter, got {described(include)}.")
    if include is not None:
        # Tried before the first weight, so that an error inside the function is not mistaken for wrong arguments.
        with suppress(ValueError):  # a built-in function may have no signature
            try:
                inspect.signature(include).bind("", None)
            except TypeError:
                raise InputError(
                    "include must take two arguments, a name and a parameter, got a function of others."
                ) from None
    found = {name: weight for name, weight in weights_of(model).items() if weight.is_trainable}
    if scope is Scope.WEIGHTS:
        found = {n: w for n, w in found.items() if w.value().ndim >= 2 and not isinstance(w.module, NORMALIZATIONS)}
    elif scope is Scope.LAYERS:
        layers = nn.Linear | nn.modules.conv._ConvNd
        found = {name: weight for name, weight in found.items() if isinstance(weight.module, layers)}
    elif scope is not Scope.ALL:
        names = head_of(model, name=head)
        found = {name: weight for name, weight in found.items() if (name in names) == (scope is Scope.HEAD)}
    if include is not None:
        found = {name: weight for name, weight in found.items() if include(name, weight.sources[0])}
    return found


def check_fresh(previous: nn.Module, fresh: nn.Module) -> None:
    """Raise if ``fresh`` has a trainable parameter of ``previous``, which then is no fresh draw.

    Raises:
        InputError: Naming the parameter. The very same model is allowed for ``fresh``.
    """
    check_model("model", previous)
    check_model("fresh", fresh)
    check_has_values("model", previous)
    check_has_values("fresh", fresh)
    if unwrapped(fresh) is unwrapped(previous):
        return
    trained = {memory_key(parameter) for parameter in previous.parameters() if parameter.requires_grad} - {None}
    for name, parameter in fresh.named_parameters():
        if memory_key(parameter) in trained:
            raise InputError(
                f"fresh must be initialized anew, but its parameter '{name}' shares its memory with the trained model: "
                "build a model that shares no module with it."
            )


def change_(
    model: nn.Module,
    *,
    factor: float,
    noise: nn.Module | None = None,
    amount: float = 0.0,
    scope: Scope = Scope.ALL,
    include: Include | None = None,
    head: str | None = None,
) -> nn.Module:
    """Change a model in place: theta <- factor * theta + amount * noise, for the weights in ``scope``.

    Everything is checked before anything is changed. Memory that several weights share is changed once. Each of k
    changed weights that the model multiplies, such as the two factors of a LoRA update, gets factor ** (1 / k).

    Raises:
        InputError: If nothing in ``scope`` is trainable, a weight cannot take its new value, or the models differ.
    """
    factor, amount = float(factor), float(amount)  # PyTorch takes no whole numbers beyond 64 bits
    chosen = weights_in(model, scope, include=include, head=head)
    changes_nothing = factor == 1 and (noise is None or amount == 0)
    if not changes_nothing and model.state_dict():  # a model without any state is the same function of nothing
        check_trainable(model)
        if not chosen:
            raise InputError(f"scope must hold at least one trainable parameter of the model, got '{scope}' with none.")
    added: dict[str, torch.Tensor | None] = dict.fromkeys(chosen)
    if noise is not None:
        # Tied parameters may carry one name here and another there, so every alias of the other model counts.
        others, values = aliases_of(noise), {name: weight.value() for name, weight in chosen.items()}
        theirs = {name: others[name].value() for name in chosen if name in others}
        check_same_shapes(values, theirs)
        added |= {name: moved_to(value, theirs[name]) for name, value in values.items()}
    if changes_nothing:
        return model
    with torch.no_grad():
        composed = {
            name: weight.assignments(_combined(weight.value(), factor, added[name], amount))
            for name, weight in chosen.items()
            if not weight.is_plain
        }
        # Before anything changes: an error must leave the model as it was.
        for weight in chosen.values():
            _check_changeable(weight)
        # Of those alone that change: where one of two factors is frozen, the other one carries the whole change.
        factors_of = Counter(weight.product for weight in chosen.values())
        changed = _Changed([weight.sources[0] for weight in chosen.values() if weight.is_plain])
        for name, weight in chosen.items():
            if weight.is_plain:
                power = 1 if weight.product is None else factors_of[weight.product]
                changed.put(weight.sources[0], factor ** (1 / power), added[name], amount)
                continue
            for parameter, value in composed[name]:
                parameter.copy_(value)
            weight.refresh_()
    return model


def take_(model: nn.Module, start: nn.Module, *, with_frozen: bool = False) -> None:
    """Give a model's trainable weights the values that they have in another of its kind, in place.

    Frozen ones stay as they are unless asked for, and so do buffers, but those that a weight is computed from.
    """
    values, theirs = canonical_tensors(start), weights_of(start)
    with torch.no_grad():
        for name, parameter in canonical_tensors(model, parameters=True).items():
            if (parameter.requires_grad or with_frozen) and name in values:
                parameter.copy_(moved_to(parameter, values[name].detach()))
        for name, weight in weights_of(model).items():
            if (weight.is_trainable or with_frozen) and name in theirs:
                for buffer, value in zip(weight.buffers, theirs[name].buffers, strict=True):
                    buffer.copy_(moved_to(buffer, value))
            weight.refresh_()


def moved_to(value: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return ``other`` with the device, dtype and sharding of ``value``."""
    if other.is_complex() and not value.is_complex():
        raise InputError(f"fresh must have parameters of the model's dtype {value.dtype}, got {other.dtype}.")
    moved = other.to(device=value.device, dtype=value.dtype)
    if "DTensor" in (type(value).__name__, type(moved).__name__):
        from torch.distributed.tensor import DTensor, distribute_tensor  # half a second that others need not wait

        if isinstance(moved, DTensor) and not isinstance(value, DTensor):
            moved = moved.full_tensor()
        elif isinstance(value, DTensor) and not isinstance(moved, DTensor):
            # Every process of the mesh has the whole tensor and keeps its own part.
            moved = distribute_tensor(moved, value.device_mesh, value.placements)
    # A model may be its own noise, and would shrink before it is added.
    return moved.clone() if memory_key(moved) is not None and memory_key(moved) == memory_key(value) else moved


def check_changeable(tensors: Mapping[str, torch.Tensor]) -> None:
    """Raise unless every tensor can be changed in place.

    Raises:
        InputError: Naming the first that cannot.
    """
    check_not_inference(tensors)
    for name, tensor in tensors.items():
        strides = tensor.stride() if tensor.layout is torch.strided else (1,) * tensor.ndim
        if any(stride == 0 and size > 1 for stride, size in zip(strides, tensor.shape, strict=True)):
            raise InputError(
                f"model must have a place in memory for each number of '{name}', which is expanded: use .contiguous() "
                "on it."
            )


def _check_changeable(weight: Weight) -> None:
    for source in weight.sources:
        check_changeable({weight.name: source})
    if not all(source.requires_grad for source in weight.sources):
        raise InputError(
            f"model must train all parameters that '{weight.name}' is made of, or none, but some of them are frozen."
        )
    if weight.product == "":
        raise InputError(
            f"model must have adapters whose factors are known, as LoRA's are, but '{weight.name}' belongs to another "
            "kind, of which it is not known how to shrink its effect: leave it out with include=."
        )


def _combined(value: torch.Tensor, factor: float, noise: torch.Tensor | None, amount: float) -> torch.Tensor:
    # Types of one byte know no arithmetic.
    wide = value.float() if value.element_size() == 1 else value
    # Not a product with 0: of a round that diverged, NaN would remain.
    scaled = torch.zeros_like(wide) if factor == 0 else wide * factor
    if noise is not None and amount:
        scaled = scaled.add_(noise.to(scaled.dtype), alpha=amount)
    return scaled.to(value.dtype)


class _Changed:
    """Changes parameters in place, and what several of them share in memory once."""

    def __init__(self, parameters: list[nn.Parameter]) -> None:
        self._marks: dict[int, torch.Tensor] = {}
        for group in sharing_memory(parameters):
            count = math.ceil(group[0].untyped_storage().nbytes() / min(each.element_size() for each in group))
            marks = torch.zeros(count, dtype=torch.bool, device=group[0].device)
            self._marks |= dict.fromkeys(map(id, group), marks)

    def put(self, parameter: nn.Parameter, factor: float, noise: torch.Tensor | None, amount: float) -> None:
        """Give a parameter its new values, but where another one has given them before."""
        if (marks := self._marks.get(id(parameter))) is not None:
            done = marks.as_strided(parameter.shape, parameter.stride(), parameter.storage_offset())
            parameter.copy_(torch.where(done, parameter, _combined(parameter, factor, noise, amount)))
            done.fill_(True)
        elif parameter.element_size() == 1:  # types of one byte know no arithmetic in place
            parameter.copy_(_combined(parameter, factor, noise, amount))
        else:
            # Not a product with 0: of a round that diverged, NaN would remain.
            parameter.zero_() if factor == 0 else parameter.mul_(factor)
            if noise is not None and amount:
                parameter.add_(noise, alpha=amount)


def gaussian_like(model: nn.Module, *, generator: torch.Generator) -> nn.Module:
    """Return a copy of ``model`` whose trainable parameters are independent draws from N(0, 1).

    The noise that the paper's text adds, in the form of a model: ``shrink_perturb(previous, gaussian_like(previous,
    generator=g), shrink=0.4, perturb=0.01)`` gives theta <- 0.4 theta + N(0, 0.01^2). Of complex parameters the real
    and the imaginary part are drawn so; the row of an embedding's ``padding_idx``, which is never trained, is 0.

    Args:
        model: Left untouched.
        generator: A CPU generator; the same one gives the same noise on every device.

    Raises:
        InputError: If nothing is trainable, or a weight cannot take any value, as one under spectral norm.

    Example:
        >>> noise = gaussian_like(nn.Linear(3, 2), generator=torch.Generator().manual_seed(0))
        >>> noise.weight.shape
        torch.Size([2, 3])
    """
    check_model("model", model)
    check_generator("generator", generator)
    if model.state_dict():
        check_trainable(model)
    noise = copy_model(unwrapped(model))
    # In the order of names, on the CPU: the same draws on every device.
    with torch.no_grad():
        for weight in weights_in(noise, Scope.ALL).values():
            _check_changeable(weight)
            drawn = draw_normal(weight.value(), generator)
            if (padding := getattr(weight.module, "padding_idx", None)) is not None and weight.key == "weight":
                drawn[padding] = 0  # no gradient would ever take the noise back
            for parameter, value in weight.assignments(drawn):
                parameter.copy_(value)
            weight.refresh_()
    return noise


def draw_normal(like: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return draws from N(0, 1) in the shape of a tensor, on its device and in its dtype.

    Of a complex tensor, both parts are drawn so; ``torch.randn`` would give them half of the variance each.
    """
    if like.is_complex():
        drawn = torch.view_as_complex(torch.randn((*like.shape, 2), generator=generator, device="cpu"))
    else:
        drawn = torch.randn(like.shape, generator=generator, device="cpu")
    return drawn.to(device=like.device, dtype=like.dtype)
