"""How long the queries of active streams take over a pool."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from bench._exported import kinds_of
from bench._part import Part, Setting
from bench._pictures import CLASSES, SHAPE, arrays, tensors
from bench._tables import Table
from bench._turns import clocked, spread, take_turns
from bench._words import seconds_text, time_text
from warmstart import queries
from warmstart.basics import generator_for
from warmstart.models import MLP, Architecture, ResNet18
from warmstart.queries import Query
from warmstart.training import predict

_ASKED_FOR = 1000
_PASSES: dict[str, Architecture] = {"MLP, 2 x 100": MLP(), "ResNet-18, width 16": ResNet18(width=16)}


def _measure(setting: Setting) -> dict[str, Any]:
    pool = setting.some(50_000, 2_000)
    calls: dict[str, Callable[[], object]] = {}
    for classes in (10, 100):
        logits = torch.randn(pool, classes, generator=generator_for("logits"))
        for query in (kind() for kind in kinds_of(queries, Query)):
            calls[f"{type(query).__name__}, {classes}"] = _call(query, logits)
    passed = {"MLP, 2 x 100": setting.some(10_000, 256), "ResNet-18, width 16": setting.some(1024, 64)}
    for name, architecture in _PASSES.items():
        calls[name] = _pass(architecture, passed[name])
    found = take_turns([clocked(name, call) for name, call in calls.items()], setting.repeats)
    passes = {name: spread([turn / samples for turn in found.pop(name)]) for name, samples in passed.items()}
    return {"pool": pool, "queries": {name: spread(turns) for name, turns in found.items()}, "pass_per_sample": passes}


def _call(query: Query, logits: torch.Tensor) -> Callable[[], object]:
    return lambda: query(logits, min(_ASKED_FOR, len(logits)), generator=generator_for("query"))


def _pass(architecture: Architecture, samples: int) -> Callable[[], object]:
    model = architecture.build(SHAPE, CLASSES, generator=generator_for(0))
    data = tensors(arrays(samples)).prepared_for_(model)
    return lambda: predict(model, data)


def _tables(measured: Mapping[str, Any]) -> list[Table]:
    pool, passes = measured["pool"], measured["pass_per_sample"]
    whole = {name: found["median"] * pool for name, found in passes.items()}
    rows = []
    for name, found in measured["queries"].items():
        query, classes = name.rsplit(", ", 1)
        shares = [f"{100 * found['median'] / (found['median'] + seconds):.2f} %" for seconds in whole.values()]
        rows.append([query, classes, time_text(found), seconds_text(found["median"] / pool), *shares])
    header = ("query", "classes", "time", "of a sample", *(f"share, pass by {name}" for name in whole))
    own = [[name, time_text(found), seconds_text(whole[name])] for name, found in passes.items()]
    return [
        Table(f"Queries for {_ASKED_FOR:,} of {pool:,} samples", header, rows),
        Table("The pass over the pool that they need", ("model", "of a sample", "the whole pool"), own),
    ]


PART = Part(
    name="queries",
    title="Queries",
    prose="""
Every exported query picks from a pool of which it has the logits: scores, a random order for ties, and the sorting.
All but the random one also need one pass of the model over the pool (`predict`). The shares say what part of both
together is the query's own.
""",
    measure=_measure,
    tables=_tables,
)
