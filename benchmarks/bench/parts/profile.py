"""What a training step of ResNet-18 spends its time on."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function

from bench._part import Part, Setting
from bench._pictures import BATCH, CLASSES, dataset, tensors
from bench._tables import Table
from bench._turns import repeated
from bench._words import seconds_text, share_text
from warmstart.basics import generator_for
from warmstart.models import Architecture, ResNet18
from warmstart.training import Recipe, TensorData

_PHASES = ("gather", "forward", "backward", "step")
# The first group whose word an operation's name contains is its own.
_GROUPS = (
    ("batch norm", ("batch_norm", "BatchNorm")),
    ("convolution", ("conv", "Conv")),
    ("matrix products", ("addmm", "aten::mm", "linear", "Addmm")),
    ("relu and sums", ("relu", "Relu", "threshold", "aten::add", "AddBackward", "clamp")),
)
_OTHER = "the rest"


def _measure(setting: Setting) -> dict[str, Any]:
    return {"ResNet-18, width 16": profiled(ResNet18(width=16), tensors(dataset(4 * BATCH).train), setting.some(12, 2))}


def profiled(architecture: Architecture, data: TensorData, steps: int) -> dict[str, Any]:
    """Return how the time of training steps divides among groups of operations.

    Args:
        architecture: What is trained.
        data: What it is trained on, in ``CLASSES`` classes.
        steps: Steps that are profiled, after one that warms up.

    Returns:
        Shares of the profiled time by group, which sum to 1, how many operations a step has, and the seconds of a step
        with and without the profiler.
    """
    step = _stepper(architecture, data)
    step()
    plain = repeated(step, steps) / steps
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as seen:
        watched = repeated(step, steps) / steps
    events = [event for event in seen.events() or [] if isinstance(event, FunctionEvent)]
    spent = _by_group(events)
    total = sum(spent.values())
    operations = sum(event.name.startswith("aten::") for event in events)
    return {
        "shares": {group: microseconds / total for group, microseconds in spent.items()},
        "operations_per_step": operations / steps,
        "seconds_per_step": plain,
        "seconds_per_step_profiled": watched,
        "steps": steps,
    }


def _stepper(architecture: Architecture, data: TensorData) -> Callable[[], None]:
    """Return a function that takes a bare training step, its phases marked for the profiler."""
    model = architecture.build(data.sample_shape, CLASSES, generator=generator_for(0)).train()
    data = data.prepared_for_(model)
    optimizer = Recipe().build_optimizer(model)
    order = torch.randperm(len(data), generator=generator_for(0))[:BATCH]

    def step() -> None:
        with record_function("gather"):
            inputs, labels = data.batch(order)
        with record_function("forward"):
            loss = F.cross_entropy(model(inputs), labels)
        with record_function("backward"):
            loss.backward()
        with record_function("step"):
            optimizer.step()
            optimizer.zero_grad()

    return step


def _by_group(events: Iterable[FunctionEvent]) -> dict[str, float]:
    """Return the events' own time by group, the longest first."""
    spent: defaultdict[str, float] = defaultdict(float)
    for event in events:
        spent[_group(event)] += event.self_cpu_time_total
    return dict(sorted(spent.items(), key=lambda item: -item[1]))


def _group(event: FunctionEvent) -> str:
    phase = _phase(event)
    if event.name in _PHASES or phase is None:
        return "between operations"
    if phase == "gather":
        return "gather and normalize"
    if phase == "step":
        return "optimizer"
    group = next((group for group, words in _GROUPS if any(word in event.name for word in words)), _OTHER)
    return group if group == _OTHER else f"{group}, {phase}"


def _phase(event: FunctionEvent | None) -> str | None:
    while event is not None:
        if event.name in _PHASES:
            return event.name
        event = event.cpu_parent
    return None


def _tables(measured: Mapping[str, Any]) -> list[Table]:
    return [profile_table(f"A step of {name}", found) for name, found in measured.items()]


def profile_table(title: str, found: Mapping[str, Any]) -> Table:
    """Return the shares of a step by group, and its seconds."""
    rows = [[group, share_text(share)] for group, share in found["shares"].items()]
    rows.append(["a step, without the profiler", seconds_text(found["seconds_per_step"])])
    rows.append(["a step, with the profiler", seconds_text(found["seconds_per_step_profiled"])])
    rows.append(["operations in a step", f"{found['operations_per_step']:,.0f}"])
    return Table(title, ("what", "share, or figure"), rows)


PART = Part(
    name="profile",
    title="What a step is made of",
    prose="""
PyTorch's profiler over bare training steps, batches of 128 random 32x32 pictures. Each operation's own time counts,
without that of the operations it calls, so that the shares sum to one. *Between operations* is Python and the
autograd engine. It shows what keeps the network from the rate of matrix products: convolutions are bounded by their
kernels, and everything else does no operations that count.
""",
    measure=_measure,
    tables=_tables,
)
