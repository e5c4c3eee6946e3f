"""Which steps can be recorded, and what they take from the host."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from warmstart.training._parallel import unwrapped

from ._cuda_graph import Record, cuda_graph


def recorder(model: nn.Module, optimizer: torch.optim.Optimizer) -> Record | None:
    """Return what records the steps of a model, or None where that is impossible: on one GPU, in one process."""
    devices = {parameter.device for parameter in model.parameters()}
    is_single = unwrapped(model) is model and len(devices) == 1 and next(iter(devices)).type == "cuda"
    if not is_single or not is_recordable(optimizer):
        return None

    def record(step: Callable[[], None]) -> Callable[[], None]:
        with capturable(optimizer):
            return cuda_graph(step)

    return record


def is_recordable(optimizer: torch.optim.Optimizer) -> bool:
    """Return whether a step of an optimizer needs nothing from the host but its settings."""
    # Hooks run on the host; fused and capturable updates of Adam count their steps on the device. Of subclasses and
    # other classes nothing is known.
    hooks = ("_optimizer_step_pre_hooks", "_optimizer_step_post_hooks")
    if any(getattr(optimizer, name, None) for name in hooks):
        return False
    if type(optimizer) in (torch.optim.Adam, torch.optim.AdamW):
        return all(group["fused"] or group["capturable"] for group in optimizer.param_groups)
    return type(optimizer) is torch.optim.SGD


@contextmanager
def capturable(optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Let an optimizer's step be recorded."""
    # Only while recording: an optimizer that is always capturable warns at every step that is not recorded.
    before = [(group, group["capturable"]) for group in optimizer.param_groups if "capturable" in group]
    for group, _ in before:
        group["capturable"] = True
    try:
        yield
    finally:
        for group, value in before:
            group["capturable"] = value


def changed_by_a_step(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, list[torch.Tensor]]:
    """Return the tensors that a step may change, as they are bound now, by kind; those of a kind are of one scale."""
    trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    parameters = {id(parameter): parameter for parameter in (*model.parameters(), *trained)}
    found: dict[str, list[torch.Tensor]] = {"parameters": [*parameters.values()], "buffers": [*model.buffers()]}
    for entries in optimizer.state.values():
        for name, value in entries.items():
            if torch.is_tensor(value):
                found.setdefault(f"the optimizer's {name}", []).append(value)
    return found


def host_state(model: nn.Module, optimizer: torch.optim.Optimizer) -> Hashable:
    """Return all that a recorded step takes from the host, by value."""
    settings: list[Hashable] = []
    for group in optimizer.param_groups:
        for key, value in group.items():
            if key == "params":
                continue
            if not torch.is_tensor(value):
                settings.append((key, repr(value)))
            else:
                # Of a tensor on the device its identity: steps read the value there.
                on_host = value.device.type == "cpu"
                settings.append((key, tuple(value.flatten().tolist()) if on_host else id(value)))
    return (
        tuple(settings),
        tuple((parameter.data_ptr(), parameter.requires_grad) for parameter in model.parameters()),
        tuple(module.training for module in model.modules()),
    )
