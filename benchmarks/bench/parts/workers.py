"""The speed-up of a second worker, and how long two workers need to start."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bench._loops import studied, study_of
from bench._part import Gate, Part, Table
from bench._pictures import dataset
from bench._processes import run_python
from bench._turns import Setting, Way, ratio, spread, spreads, take_turns
from bench._words import ratio_text, time_text
from warmstart.executors import Execution, Workers
from warmstart.models import MLP
from warmstart.strategies import Cold, Warm

_STARTING, _TORCH = "starting", "import torch"


def _measure(setting: Setting) -> dict[str, Any]:
    held = dataset(setting.some(12_000, 300))
    arms = (Cold(), Warm())
    study = study_of(MLP(), setting.some(6, 1), seeds=setting.some(4, 2), strategies=arms)
    minimal = study_of(MLP(), 1, seeds=2, strategies=arms)
    one, two = (Execution(workers=count, threads=setting.threads, device="cpu") for count in (1, 2))
    with Workers(two) as workers:
        ways: dict[str, Way] = {
            "one": lambda: studied(study, held, execution=one),
            "two": lambda: studied(study, held, workers=workers),
        }
        found = take_turns(ways, replace(setting, repeats=max(1, setting.repeats // 2)))
    starting: dict[str, Way] = {
        _STARTING: lambda: studied(minimal, held, execution=two),
        _TORCH: lambda: lambda: run_python(["-c", "import torch"], threads=setting.threads),
    }
    starts = take_turns(starting, setting)
    return {
        "seconds": spreads(found),
        "one_to_two": ratio(found, "one", "two"),
        "starting": spread(starts[_STARTING]),
        "starting_to_torch": ratio(starts, _STARTING, _TORCH),
        "trials": len(study.labels) * study.max_seeds,
    }


def _tables(measured: Mapping[str, Any]) -> list[Table]:
    seconds, starting = measured["seconds"], measured["starting"]
    known = spread([starting]) if isinstance(starting, float) else starting  # up to version 0.2 it was timed once
    rows = [
        [f"one worker, {measured['trials']} trials", time_text(seconds["one"])],
        [f"two workers, {measured['trials']} trials", time_text(seconds["two"])],
        ["one : two", ratio_text(measured["one_to_two"])],
        ["starting two workers and running a minimal study", time_text(known)],
    ]
    return [Table("One worker and two", ("what", "figure"), rows)]


def _gates(measured: Mapping[str, Any]) -> dict[str, Gate]:
    gates = {"one : two workers": Gate(measured["one_to_two"], higher_is_better=True)}
    if "starting_to_torch" in measured:
        gates["starting two workers : importing torch"] = Gate(measured["starting_to_torch"])
    return gates


PART = Part("workers", _measure, _tables, _gates)
