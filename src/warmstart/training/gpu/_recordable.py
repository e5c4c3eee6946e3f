"""LayerEnd steps can be recorded, and what of a step comes from the host."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from warmstart.training._parallel import unwrapped

from ._cuda_graph import cuda_graph
from ._recorded import Record


def recorder(model: nn.Module, optimizer: torch.optim.Optimizer) -> Record | None:
    """Return what records the steps of a model, where that can be: on one GPU, in one process.

    The optimizer must keep all its numbers on the device, as those of a recipe do.
    """
    devices = {parameter.device for parameter in model.parameters()}
    is_alone = unwrapped(model) is model and len(devices) == 1 and next(iter(devices)).type == "cuda"
    return cuda_graph if is_alone and is_recordable(optimizer) else None


def is_recordable(optimizer: torch.optim.Optimizer) -> bool:
    """Return whether a step of an optimizer needs nothing from the host but its settings."""
    hooks = ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks")
    if any(getattr(optimizer, name, None) for name in hooks):
        return False
    if type(optimizer) in (torch.optim.Adam, torch.optim.AdamW):
        return all(group["fused"] or group["capturable"] for group in optimizer.param_groups)
    return type(optimizer) is torch.optim.SGD


@contextmanager
def capturable(optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Let an optimizer's step be recorded.

    Only for as long as that takes: an optimizer that is always so complains of every step that is not recorded.
    """
    before = [(group, group["capturable"]) for group in optimizer.param_groups if "capturable" in group]
    for group, _ in before:
        group["capturable"] = True
    try:
        yield
    finally:
        for group, value in before:
            group["capturable"] = value


def changed_by_a_step(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, list[torch.Tensor]]:
    """Return the tensors that a step may change, as they are bound now, by kind; kinds are of one scale."""
    trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    parameters = {id(parameter): parameter for parameter in (*model.parameters(), *trained)}
    found: dict[str, list[torch.Tensor]] = {"parameters": [*parameters.values()], "buffers": [*model.buffers()]}
    for entries in optimizer.state.values():
        for name, value in entries.items():
            if torch.is_tensor(value):
                found.setdefault(f"the optimizer's {name}", []).append(value)
    return found


def settings_of(optimizer: torch.optim.Optimizer) -> Hashable:
    """Return the optimizer's settings by value; of tensors on a device their identity, for steps read them there."""
    return tuple(
        tuple((key, _told(value)) for key, value in group.items() if key != "params")
        for group in optimizer.param_groups
    )


def _told(value: object) -> Hashable:
    if not torch.is_tensor(value):
        return repr(value)
    return tuple(value.flatten().tolist()) if value.device.type == "cpu" else id(value)
