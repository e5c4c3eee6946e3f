"""Where the seconds of `make demo` go."""

import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench._loops import bare_loop, fitted
from bench._part import Part, Setting
from bench._pictures import BATCH, tensors
from bench._processes import run_python, script
from bench._tables import Table
from bench._turns import Way, ratio, spreads, take_turns
from bench._words import ratio_text, seconds_text, share_text, time_text
from warmstart.basics import generator_for
from warmstart.data import DataSource, load
from warmstart.models import ResNet18
from warmstart.training import TensorData

from .profile import profile_table, profiled

# As in the Makefile, but with one worker, so that seconds can be added up.
COMMAND = (
    "compare --data digits --width 8 --stream growing --rounds 4 --strategies cold,warm,shrink-perturb --workers 1"
)
_STORING = ("storing checkpoints", "storing records")
_SCHEDULING = ("scheduling, and all else of the study",)


def _measure(setting: Setting) -> dict[str, Any]:
    architecture = ResNet18(width=8)
    data = tensors(load(DataSource(), with_test=False).train)
    step = spreads_of_a_step(architecture, data, setting)
    return {
        "phases": _phases(setting),
        "step": step,
        "profile": profiled(architecture, data, setting.some(30, 2)),
    }


def _phases(setting: Setting) -> dict[str, Any]:
    """Run the demo in a fresh process; return its seconds by phase, and what its rounds report."""
    seeds = setting.some(8, 1)
    with tempfile.TemporaryDirectory() as folder:
        out, command = Path(folder) / "demo", [*COMMAND.split(), "--seeds", str(seeds)]
        begin = time.time()
        run_python(
            [script("_demo_child.py"), str(begin), str(out), *command, "--threads", str(setting.threads)],
            threads=setting.threads,
        )
        total = time.time() - begin
        result = json.loads(out.with_suffix(".json").read_text())
    seconds = result["seconds"]
    training = sum(result["rounds"])
    seconds["fit, around training"] -= training
    seconds = {"training": training, **seconds}
    seconds["ending, and the rest"] = total - sum(seconds.values())
    return {"seconds": seconds, "total": total, "rounds": len(result["rounds"]), "seeds": seeds}


def spreads_of_a_step(architecture: ResNet18, data: TensorData, setting: Setting) -> dict[str, Any]:
    """Return how long a step takes with `fit`, with the bare loop, and on two samples, with next to nothing to compute.

    Args:
        architecture: What is trained.
        data: At least 640 samples.
        setting: How often.
    """
    epochs, samples = setting.some(10, 1), 5 * BATCH
    some = TensorData(data.inputs[:samples], data.labels[:samples])
    few = TensorData(data.inputs[:10], data.labels[:10])
    steps = epochs * samples // BATCH

    def model() -> Any:
        return architecture.build(data.sample_shape, 10, generator=generator_for(0)).train()

    ways: list[Way] = [
        lambda: {"fit": fitted(model(), some, epochs)[1].seconds / steps},
        lambda: {"bare": bare_loop(model(), some, epochs, assembled=False) / steps},
        lambda: {"bare, two samples": bare_loop(model(), few, epochs, assembled=False, batch=2) / (5 * epochs)},
    ]
    found = take_turns(ways, setting.repeats)
    return {
        "seconds": spreads(found),
        "fit_to_bare": ratio(found, "fit", "bare"),
        "two_to_all": ratio(found, "bare, two samples", "bare"),
    }


def _tables(measured: Mapping[str, Any]) -> list[Table]:
    phases = measured["phases"]
    total = phases["total"]
    ordered = sorted(phases["seconds"].items(), key=lambda item: -item[1])
    rows = [[name, seconds_text(spent), share_text(spent / total)] for name, spent in ordered]
    whole = f"all, {phases['rounds']} rounds of {phases['seeds']} seeds"
    return [
        Table("The demo, by what it does", ("what", "time", "share"), [*rows, [whole, seconds_text(total), ""]]),
        Table("Storing and scheduling", ("what", "figure"), _storing_rows(phases)),
        Table("A step of the demo's model", ("what", "figure"), _step_rows(measured)),
        profile_table("A step of ResNet-18, width 8, on 8x8 images", measured["profile"]),
    ]


def _storing_rows(phases: Mapping[str, Any]) -> list[list[str]]:
    seconds = phases["seconds"]
    storing = sum(seconds[name] for name in _STORING)
    scheduling = sum(seconds[name] for name in _SCHEDULING)
    return [
        ["storing a round", f"{seconds_text(storing / phases['rounds'])}"],
        ["storing, share of training", share_text(storing / seconds["training"])],
        ["storing and scheduling, share of the whole command", share_text((storing + scheduling) / phases["total"])],
    ]


def _step_rows(measured: Mapping[str, Any]) -> list[list[str]]:
    step, operations = measured["step"], measured["profile"]["operations_per_step"]
    empty = step["seconds"]["bare, two samples"]["median"]
    return [
        ["a step of fit, 128 samples", time_text(step["seconds"]["fit"])],
        ["a step of the bare loop, 128 samples", time_text(step["seconds"]["bare"])],
        ["a step of the bare loop, 2 samples", time_text(step["seconds"]["bare, two samples"])],
        ["fit : bare loop, ratio of times", ratio_text(step["fit_to_bare"])],
        ["2 samples : 128 samples, ratio of times", ratio_text(step["two_to_all"])],
        ["time of an operation with next to nothing to compute", seconds_text(empty / operations)],
    ]


PART = Part(
    name="demo",
    title="The demo",
    prose="""
The command of `make demo` in a fresh process, with one worker, so that its seconds add up. *Training* is
what the rounds report as their cost; *fit, around training* is what else `fit` does, mostly counting operations on a
copy of the model. Storing waits until the data have reached the disk, which makes it safe to interrupt a
study. *Scheduling* is the rest of the study: handing out trials, making the start of each round, copying arrivals.

The model of the demo is so small that each operation has little to do. A step on two samples makes the same calls as
a step on 128 and computes next to nothing, so the ratio of the two is the share of a step that is overhead of calls,
which faster arithmetic would not save.
""",
    measure=_measure,
    tables=_tables,
)
