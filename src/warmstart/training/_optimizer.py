"""An optimizer and the parameters that it updates."""

from __future__ import annotations

import copy
import inspect
from collections import defaultdict
from typing import Any

import torch
from torch import nn

from warmstart.basics import InputError, canonical_tensors, check_model

# An optimizer's state_dict with param_names and param_shapes in every group, and its class as kind.
NamedState = dict[str, Any]


def check_optimizer(optimizer: torch.optim.Optimizer, model: nn.Module, *, extend: bool = False) -> None:
    """Raise unless an optimizer holds every trainable parameter of a model; others would never change.

    Args:
        optimizer: Over the model's parameters.
        model: To be trained.
        extend: Whether missing parameters are added, with the settings of the first group, instead.

    Raises:
        InputError: If a parameter is missing, or it is no optimizer, or one whose steps need a closure, such as LBFGS.
    """
    if not hasattr(optimizer, "param_groups") or not callable(getattr(optimizer, "step", None)):
        raise InputError(f"optimizer must be a torch.optim.Optimizer, got {type(optimizer).__name__}.")
    closure = inspect.signature(type(optimizer).step).parameters.get("closure")
    if closure is not None and closure.default is closure.empty:
        raise InputError(
            f"optimizer must be one whose step needs no closure, got {type(optimizer).__name__}: use Adam, SGD or "
            "another one that takes one gradient for a step."
        )
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    trainable = _trainable(model)
    missing = {name: parameter for name, parameter in trainable.items() if id(parameter) not in held}
    if missing and extend:
        settings = {key: value for key, value in optimizer.param_groups[0].items() if key != "params"}
        optimizer.add_param_group({**settings, "params": list(missing.values())})
    elif missing:
        others = ", as all others," if len(missing) == len(trainable) else ""
        raise InputError(
            f"optimizer must hold every trainable parameter of the model, but '{next(iter(missing))}'{others} is "
            "missing: after a copy, a new head or an unfreezing make a new optimizer, or add the parameter with "
            "optimizer.add_param_group; requires_grad_(False) freezes it."
        )


def _trainable(model: nn.Module) -> dict[str, torch.Tensor]:
    found = canonical_tensors(model, parameters=True)
    return {name: parameter for name, parameter in found.items() if parameter.requires_grad}


def named_state(optimizer: torch.optim.Optimizer, model: nn.Module) -> NamedState:
    """Return an optimizer's state with the names of the model's parameters; tensors are not copied."""
    # PyTorch numbers parameters in the order in which the optimizer got them, and a layer that is frozen, unfrozen or
    # added shifts the numbers. Names stay.
    known = {id(parameter): name for name, parameter in canonical_tensors(model, parameters=True).items()}
    state = optimizer.state_dict()
    for group, held in zip(state["param_groups"], optimizer.param_groups, strict=True):
        group["param_names"] = [known.get(id(parameter)) for parameter in held["params"]]
        group["param_shapes"] = [list(parameter.shape) for parameter in held["params"]]
    return {**state, "kind": type(optimizer).__name__}


def load_named_state_(optimizer: torch.optim.Optimizer, model: nn.Module, state: NamedState) -> list[str]:
    """Give an optimizer the state of all parameters whose name and shape are unchanged; return their names.

    Other parameters have no state, as in a new optimizer; none has if the state is of another kind of optimizer.

    Args:
        optimizer: Over the model's parameters, changed in place; its settings, such as the learning rate, stay.
        model: The model now.
        state: From :func:`named_state`; left as it is.

    Raises:
        InputError: If the state has no names, as version 0.1 stored it.
    """
    if any("param_names" not in group for group in state["param_groups"]):
        raise InputError(
            "An optimizer's state was stored by position, by version 0.1, and cannot be assigned to parameters safely: "
            "run the study again in another directory."
        )
    if state["kind"] != type(optimizer).__name__:
        return []
    indices: dict[tuple[Any, ...], Any] = {}
    for group in state["param_groups"]:
        keys = zip(group["param_names"], map(tuple, group["param_shapes"]), strict=True)
        indices |= dict(zip(keys, group["params"], strict=True))
    # Counts of steps are on the host, unless a fused or recorded update reads them on the device.
    on_device = any(group.get("fused") or group.get("capturable") for group in optimizer.param_groups)
    every = canonical_tensors(model)
    # The entries that an optimizer of this class and settings makes, found by a step of a copy on one number per number
    # of dimensions (Adafactor factors matrices alone). A step fails on state that lacks one, as without amsgrad.
    needed: dict[int, set[str]] = {}
    for ndim in {parameter.ndim for parameter in every.values()}:
        number = nn.Parameter(torch.zeros((1,) * ndim))
        number.grad = torch.zeros_like(number)
        settings = {k: value for k, value in optimizer.param_groups[0].items() if k not in ("params", "param_names")}
        try:
            tried = copy.copy(optimizer)
            tried.state, tried.param_groups = defaultdict(dict), [{**settings, "params": [number]}]
            tried.step()
            needed[ndim] = set(tried.state[number])
        except Exception:  # an optimizer of the user's own, which may need more than that
            needed[ndim] = set()
    loaded: list[str] = []
    for name, parameter in _trainable(model).items():
        aliases = (alias for alias, other in every.items() if other is parameter)
        shape = tuple(parameter.shape)
        index = next((indices[alias, shape] for alias in (name, *aliases) if (alias, shape) in indices), None)
        if index not in state["state"] or not needed[parameter.ndim] <= state["state"][index].keys():
            continue
        # Copies: the optimizer updates its state in place, and a diverged round falls back on the one given.
        entries = copy.deepcopy(dict(state["state"][index]))
        for key, value in entries.items():
            if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
                entries[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
            elif isinstance(value, torch.Tensor) and (value.ndim or on_device):
                entries[key] = value.to(parameter.device)
        optimizer.state[parameter] = entries
        loaded.append(name)
    return loaded


def transfer_optimizer_state(
    old: torch.optim.Optimizer, previous: nn.Module, new: torch.optim.Optimizer, model: nn.Module
) -> list[str]:
    """Let a new optimizer continue with the state of an old one, parameter by parameter.

    For a model that has changed between two rounds: layers were added, frozen or unfrozen, or the model is a copy.
    Parameters of the same name and shape keep their momentum and moments; others start without state.

    Args:
        old: Over the parameters of ``previous``, left as it is.
        previous: The model that ``old`` trained; may be ``model`` itself.
        new: Over the parameters of ``model``, of the same class as ``old``, changed in place; its settings stay.
        model: The model to be trained.

    Returns:
        The names of the parameters whose state was kept.

    Raises:
        InputError: If there is none, or the optimizers are of different classes.

    Example:
        >>> previous, model = (nn.Sequential(nn.Linear(2, 2), nn.Linear(2, n)) for n in (2, 3))
        >>> old, new = torch.optim.Adam(previous.parameters()), torch.optim.Adam(model.parameters())
        >>> previous(torch.ones(1, 2)).sum().backward()
        >>> old.step()
        >>> transfer_optimizer_state(old, previous, new, model)
        ['0.weight', '0.bias']
    """
    check_model("previous", previous)
    check_model("model", model)
    for name, optimizer in (("old", old), ("new", new)):
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise InputError(f"{name} must be a torch.optim.Optimizer, got {type(optimizer).__name__}.")
    if type(old) is not type(new):
        raise InputError(
            f"new must be an optimizer of the class of old, {type(old).__name__}, got {type(new).__name__}: their "
            "states mean different things."
        )
    kept = load_named_state_(new, model, named_state(old, previous))
    if not kept:
        raise InputError(
            "old must hold state for a parameter that the model has under the same name and in the same shape, got "
            "none: use the new optimizer as it is."
        )
    return kept
