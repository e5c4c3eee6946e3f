"""What `make demo` takes end to end, and how much of that is training."""

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench._part import Gate, Part, Table
from bench._processes import run_python
from bench._turns import Setting, spread
from bench._words import seconds_text, share_text
from warmstart.studies import read_study

# As in the Makefile, but with one worker, so that seconds can be added up.
COMMAND = (
    "compare --data digits --width 8 --stream growing --rounds 4 --strategies cold,warm,shrink-perturb --workers 1"
)


def _measure(setting: Setting) -> dict[str, Any]:
    seeds = setting.some(8, 1)
    options = ["--seeds", str(seeds), "--threads", str(setting.threads)]
    with tempfile.TemporaryDirectory() as folder:
        # Once: it takes most of a minute, and a fresh process warms nothing up for the next.
        begin = time.perf_counter()
        run_python(["-m", "warmstart", *COMMAND.split(), *options, "--out", folder], threads=setting.threads)
        total = time.perf_counter() - begin
        # A first round that other arms have taken over was trained once and is in several records.
        rounds = {(record.seed, record.round, record.seconds) for record in read_study(Path(folder)).rounds}
    training = sum(seconds for _, _, seconds in rounds)
    return {"phases": {"seconds": {"training": training}, "total": total, "rounds": len(rounds), "seeds": seeds}}


def _tables(measured: Mapping[str, Any]) -> list[Table]:
    phases = measured["phases"]
    total, training = phases["total"], phases["seconds"]["training"]
    rows = [
        [f"the command, {phases['rounds']} rounds of {phases['seeds']} seeds", seconds_text(total), ""],
        ["training", seconds_text(training), share_text(training / total)],
        ["everything else", seconds_text(total - training), share_text(1 - training / total)],
    ]
    return [Table("The demo, end to end", ("what", "time", "share"), rows)]


def _gates(measured: Mapping[str, Any]) -> dict[str, Gate]:
    phases = measured["phases"]
    return {"command : its training": Gate(spread([phases["total"] / phases["seconds"]["training"]]))}


PART = Part("demo", _measure, _tables, _gates)
