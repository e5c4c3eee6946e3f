"""Which kernels a step spends its time in, and how much of it the device is idle."""

from typing import Any

from torch.profiler import ProfilerActivity, profile

from warmstart.basics import generator_for
from warmstart.training import Recipe, StoppingRule, fit

from ._place import Place, Subject

_SHOWN = 12


def profiled(subject: Subject, place: Place) -> dict[str, Any]:
    """Return shares of the device's busy time by kernel, and the busy share of the wall-clock time."""
    data, model = subject.data(place), subject.model(place)
    options = {"recipe": Recipe(), "stop": StoppingRule(None, patience=None, max_epochs=1), "graphs": True}
    fit(model, data, generator=generator_for(0), **options)
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if place.device != "cpu" else [])]
    with profile(activities=activities) as record:
        seconds = place.seconds(lambda: fit(model, data, generator=generator_for(1), **options))
    kind = "self_device_time_total" if place.device != "cpu" else "self_cpu_time_total"
    times = {event.key: getattr(event, kind) / 1e6 for event in record.key_averages()}
    busy = sum(times.values())
    largest = sorted(times.items(), key=lambda item: -item[1])[:_SHOWN]
    return {"busy": busy / seconds, "shares": {name: time / busy for name, time in largest}}
