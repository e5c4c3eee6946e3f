"""Any strategy, applied in place to a model that somebody else holds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import torch
from torch import nn

from warmstart.basics import (
    InputError,
    canonical_tensors,
    check_has_values,
    check_integer,
    check_model,
    check_same_shapes,
    copy_model,
    described,
    generator_for,
    seeded_globals,
    unwrapped,
    wrapper_chain,
)

from ._context import RoundContext
from ._parameters import check_changeable, check_fresh, moved_to, take_
from ._strategy import Strategy

AnyStrategy: TypeAlias = Callable[[nn.Module, nn.Module, RoundContext], nn.Module]
"""A strategy, or a function that does what one does."""


def renew_(
    model: nn.Module,
    strategy: AnyStrategy,
    make_model: Callable[[], nn.Module],
    *,
    seed: int,
    round: int,
    optimizer: torch.optim.Optimizer | None = None,
    averaged: nn.Module | None = None,
) -> nn.Module:
    """Start a new round of training: give a model the weights that a strategy makes of it, in place.

    theta <- strategy(model, fresh, context), for the trainable parameters

    Call it between the rounds of any training loop, in a callback as well. The numbers are those of a study: same seed,
    same round, same draws.

    What happens to what a model has besides weights:

    - Frozen parameters, buffers, modes, hooks, dtypes, devices and ties stay as they are; buffers that a weight is
      computed from, as under ``orthogonal``, go with the weight. Normalization statistics then fit the old weights:
      recalibrate or reset them; that is the carry-over, whatever the strategy does to buffers.
    - Gradients are cleared, and so is the state of the ``optimizer``, such as Adam's moments. Its parameter groups and
      learning rates stay, and a scheduler continues where it is. For a schedule of each round make a new optimizer and
      a new scheduler: one that has ended leaves its last rate in the groups, where the next one would begin.
    - An ``averaged`` copy restarts from the new weights.

    Looked through are ``torch.compile``, ``DistributedDataParallel``, ``DataParallel``, ``AveragedModel`` and Lightning
    Fabric. Of a model sharded by ``fully_shard`` (FSDP2), every process computes with whole weights, which takes the
    memory of about three whole models, and keeps its own part. Call it in every process, with the same arguments.

    Args:
        model: The model as the last round left it. It is always the previous model, also with ``round=1``.
        strategy: A strategy such as ``ShrinkPerturb()``, or a function of the previous model, a fresh one and a
            :class:`RoundContext`. It gets no data: ``context.old`` and ``context.new`` are not given.
        make_model: Returns a freshly initialised model of the same architecture, not wrapped in ``fully_shard``. It is
            called with PyTorch's global generators seeded, which are afterwards what they were, and must draw from
            them: a seed of its own would give every round the same weights.
        seed: At least 0; decides all draws.
        round: Number of the round that begins, at least 1; every round has draws of its own.
        optimizer: The optimizer of ``model``; None: its state is not touched.
        averaged: An ``AveragedModel`` of ``model``, whose count restarts, too, or another copy that follows it, such as
            an exponential moving average; None: there is none.

    Returns:
        The same model.

    Raises:
        InputError: If an argument is of another kind, ``make_model`` or the strategy returns a model of other
            parameters, or ``optimizer`` or ``averaged`` belong to another model; nothing is changed then.

    Example:
        >>> from warmstart.strategies import ShrinkPerturb
        >>> model = nn.Linear(2, 1)
        >>> optimizer = torch.optim.Adam(model.parameters())
        >>> for number in range(2, 4):
        ...     _ = renew_(model, ShrinkPerturb(), lambda: nn.Linear(2, 1), seed=0, round=number, optimizer=optimizer)
        ...     # train on all data so far
    """
    check_model("model", model)
    check_renewal(strategy, make_model, seed=seed, round=round)
    inner = unwrapped(model)
    module: Any
    for module in inner.modules():
        # By name, since importing the classes takes half a second.
        kinds = {kind.__name__ for kind in type(module).__mro__}
        if "FullyShardedDataParallel" in kinds:
            raise InputError("model must be sharded by fully_shard (FSDP2), got one in FullyShardedDataParallel.")
        if "FSDPModule" in kinds:
            # After a forward pass alone it may still hold whole weights, which the next pass would throw away.
            module.reshard()
    check_has_values("model", inner)
    held = canonical_tensors(inner, parameters=True)
    check_changeable(held)
    owners = [] if optimizer is None else _optimizers_of(held, optimizer)
    if averaged is not None:
        _check_copy(averaged, held)

    draw = partial(_draw, make_model, held, canonical_tensors(inner))
    fresh = draw(seed, "fresh", round)
    check_fresh(inner, fresh)
    previous = _whole(inner, fresh)
    context = RoundContext(
        round,
        generator_for(seed, "strategy", round),
        first=lambda: draw(seed, "fresh", 1),
        another=lambda: draw(seed, "another fresh", round),
        previous=previous,
    )
    start = strategy(previous, fresh, context)
    _check_like(held, start, "strategy")
    take_(inner, start)
    for parameter in held.values():
        parameter.grad = None
    if averaged is not None:
        take_(averaged, inner, with_frozen=True)
    for wrapper in () if averaged is None else wrapper_chain(averaged):
        if isinstance(wrapper, torch.optim.swa_utils.AveragedModel):
            wrapper.n_averaged.zero_()
    for owner in owners:
        for parameter in held.values():
            owner.state.pop(parameter, None)
        if isinstance(owner, torch.optim.LBFGS):
            owner.state.clear()  # one history of all its parameters, under the first of them
    return model


def check_renewal(strategy: Any, make_model: Any, *, seed: Any, round: Any) -> None:
    """Raise unless these are arguments of :func:`renew_`, for callbacks that get them long before they renew.

    Raises:
        InputError: If one of them is not.

    Example:
        >>> from warmstart.strategies import Warm
        >>> check_renewal(Warm(), nn.Linear(2, 1), seed=0, round=2)
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: make_model must be a function that returns a fresh model, got a Linear.
    """
    if not callable(strategy) or isinstance(strategy, type | nn.Module):
        raise InputError(f"strategy must be a strategy such as ShrinkPerturb(), got {described(strategy)}.")
    if isinstance(make_model, Strategy):
        raise InputError(
            f"make_model must be a function that returns a fresh model, got {make_model!r}; "
            "the strategy comes before it."
        )
    if not callable(make_model) or isinstance(make_model, nn.Module):
        raise InputError(f"make_model must be a function that returns a fresh model, got {described(make_model)}.")
    check_integer("seed", seed, 0)
    check_integer("round", round, 1)


def _draw(
    make_model: Callable[[], nn.Module],
    held: dict[str, torch.Tensor],
    tensors: dict[str, torch.Tensor],
    seed: int,
    purpose: str,
    round: int,
) -> nn.Module:
    """Return a fresh model with the dtypes, devices and frozen parts of the held one, whose tensors are given."""
    with seeded_globals(generator_for(seed, purpose, round)):
        fresh = make_model()
    if isinstance(fresh, nn.Module):
        check_has_values("the model that make_model returns", fresh)
    _check_like(held, fresh, "make_model")
    found = canonical_tensors(fresh)
    if any(hasattr(tensor, "full_tensor") for tensor in found.values()):
        raise InputError("make_model must return a whole model, got a sharded one: leave fully_shard out of it.")
    if any(found[name] is parameter for name, parameter in held.items()):
        raise InputError("make_model must return a new model whenever it is called, got parameters of model.")
    for name, tensor in found.items():
        theirs = tensors.get(name)
        if theirs is not None and (tensor.dtype, tensor.device) != (theirs.dtype, theirs.device):
            tensor.data = tensor.data.to(theirs.device, theirs.dtype)
        if name in held and tensor.requires_grad != held[name].requires_grad:
            tensor.requires_grad_(held[name].requires_grad)
    return unwrapped(fresh)


def _check_like(held: dict[str, torch.Tensor], other: Any, source: str) -> None:
    """Raise unless what ``source`` has returned is a model with the parameters of the held one."""
    if not isinstance(other, nn.Module):
        raise InputError(f"{source} must return a torch.nn.Module, got {described(other)}.")
    way_out = (
        " transplant(model, make_model(), partial=True) gives the model the new shape."
        if source == "make_model"
        else ""
    )
    check_same_shapes(
        held,
        canonical_tensors(other),
        missing=f"{source} must return a model with the parameters of model, but '{{name}}' is missing in it.",
        shapes=f"{source} must return a model with '{{name}}' in the shape of model {{one}}, got {{other}}.{way_out}",
    )


def _whole(inner: nn.Module, fresh: nn.Module) -> nn.Module:
    """Return the model itself, or one with the whole tensors of a sharded one."""
    theirs = canonical_tensors(inner)
    if not any(hasattr(tensor, "full_tensor") for tensor in theirs.values()):
        return inner
    whole = copy_model(fresh)
    with torch.no_grad():
        # Every process gathers in the same order, which is that of the fresh model.
        for name, tensor in canonical_tensors(whole).items():
            tensor.copy_(moved_to(tensor, theirs[name].detach()))
    return whole


def _optimizers_of(held: dict[str, torch.Tensor], optimizer: Any) -> list[torch.optim.Optimizer]:
    """Return the optimizer proper, inside the wrapper of Fabric or Accelerate, and the one that has its state.

    Raises:
        InputError: If it is not the model's.
    """
    proper = getattr(optimizer, "optimizer", optimizer)
    if not isinstance(proper, torch.optim.Optimizer):
        raise InputError(f"optimizer must be a torch.optim.Optimizer, got {described(optimizer)}.")
    known = {id(parameter) for group in proper.param_groups for parameter in group["params"]}
    if not known & {id(parameter) for parameter in held.values()}:
        raise InputError("optimizer must hold parameters of model, but has none of them: build it from this model.")
    inner = getattr(proper, "optim", None)  # of ZeroRedundancyOptimizer: with the state of this process's part
    return [proper, inner] if isinstance(inner, torch.optim.Optimizer) else [proper]


def _check_copy(averaged: nn.Module, held: dict[str, torch.Tensor]) -> None:
    """Raise unless ``averaged`` is a copy of the model with the held parameters."""
    check_model("averaged", averaged)
    check_has_values("averaged", averaged)
    copies = canonical_tensors(averaged)
    check_same_shapes(
        held,
        copies,
        missing="averaged must be a copy of model, but '{name}' is missing in it.",
        shapes="averaged must be a copy of model, which has '{name}' in shape {one}, got {other}.",
    )
    if any(copies[name] is parameter for name, parameter in held.items()):
        raise InputError("averaged must be a copy of model with parameters of its own, got parameters of model.")
