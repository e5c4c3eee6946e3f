"""What is measured, most important first: each cell by itself, so that a run can stop between any two."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from bench._turns import ratio, spread, spreads, take_turns
from warmstart.basics import generator_for
from warmstart.training import Precision, Recipe, StoppingRule, fit, fitting, run_lanes

from ._ceilings import PRECISIONS, ceilings
from ._place import SUBJECTS, Place, Subject
from ._profile import profiled
from ._study import studied
from ._ways import bare, batched, fitted, in_lanes, released

Cell = Callable[[Place], dict[str, Any]]
_LANES = (1, 2, 4, 8, 16, 32)
_MAIN = "ResNet-18, width 16"


def cells(most_lanes: int) -> dict[str, Cell]:
    """Return all cells by name, with at most so many lanes."""
    found: dict[str, Cell] = {"ceilings": ceilings}
    for name in (_MAIN, "MLP, 2 x 100"):
        found[f"equality, {name}"] = partial(_equality, SUBJECTS[name])
    for name, subject in SUBJECTS.items():
        found[f"training, {name}"] = partial(_training, subject)
    for lanes in (lanes for lanes in _LANES if lanes <= most_lanes):
        found[f"lanes, {_MAIN}, {lanes}"] = partial(_lanes, SUBJECTS[_MAIN], lanes)
    found["study"] = studied
    found[f"profile, {_MAIN}"] = partial(profiled, SUBJECTS[_MAIN])
    for name in ("MLP, 2 x 100", "ResNet-18, width 64"):
        for lanes in (lanes for lanes in (1, 4, 16) if lanes <= most_lanes):
            found[f"lanes, {name}, {lanes}"] = partial(_lanes, SUBJECTS[name], lanes)
    for samples in (512, 4_096, 32_768, 262_144):
        found[f"growth, {samples} samples"] = partial(_growth, SUBJECTS["MLP, 2 x 100"], samples)
    return found


def _training(subject: Subject, place: Place) -> dict[str, Any]:
    """Measure ways and precisions side by side."""
    ways = {
        "released": lambda: released(subject, place),
        "bare": lambda: bare(subject, place),
        "fit, plain steps": lambda: fitted(subject, place, Precision.FP32, recorded=False),
        **{
            f"fit, {precision}": partial(fitted, subject, place, precision, recorded=True)
            for precision in PRECISIONS
        },
    }  # fmt: skip
    found = take_turns([partial(_named, name, way) for name, way in ways.items()], place.repeats)
    others = [name for name in ways if name != "released"]
    to_released = {f"{name} : released": ratio(found, name, "released") for name in others}
    to_others = {f"fit, fp32 : {name}": ratio(found, "fit, fp32", name) for name in ("bare", "fit, plain steps")}
    return {"samples_per_second": spreads(found), "ratios": {**to_released, **to_others}}


def _named(name: str, way: Callable[[], float]) -> dict[str, float]:
    return {name: way()}


def _lanes(subject: Subject, lanes: int, place: Place) -> dict[str, Any]:
    """Measure lanes on streams and in one batched job, beside one training and the released code's way."""
    ways = {
        "released": lambda: released(subject, place),
        "alone": lambda: fitted(subject, place, Precision.FP32, recorded=True),
        "lanes": lambda: in_lanes(subject, place, Precision.FP32, lanes),
        "lanes, bf16": lambda: in_lanes(subject, place, Precision.BF16, lanes),
        "batched": lambda: batched(subject, place, lanes),
    }
    found = take_turns([partial(_named, name, way) for name, way in ways.items()], place.repeats)
    pairs = [(above, below) for above in ("lanes", "lanes, bf16", "batched") for below in ("alone", "released")]
    return {
        "samples_per_second": spreads(found),
        "ratios": {f"{above} : {below}": ratio(found, above, below) for above, below in pairs},
    }


def _growth(subject: Subject, samples: int, place: Place) -> dict[str, Any]:
    """Measure seconds of an epoch on so many samples."""
    sized = replace(subject, samples=samples, epochs=1)
    seconds = [sized.size(place) / fitted(sized, place, Precision.FP32, recorded=True) for _ in range(place.repeats)]
    return {"seconds_per_epoch": spread(seconds)}


def _equality(subject: Subject, place: Place) -> dict[str, Any]:
    """Compare weights after two epochs: recorded with plain steps, lanes with each training alone."""
    data = subject.data(place)

    def options(seed: int) -> dict[str, Any]:
        stop = StoppingRule(None, patience=None, max_epochs=2)
        return {"recipe": Recipe(), "stop": stop, "generator": generator_for(seed)}

    plain, again, recorded = (subject.model(place) for _ in range(3))
    fit(plain, data, **options(0))
    fit(again, data, **options(0))
    notes = fit(recorded, data, graphs=True, **options(0)).notes
    several = [subject.model(place, seed) for seed in range(3)]
    works = [fitting(model, data, graphs=True, **options(seed)) for seed, model in enumerate(several)]
    run_lanes(works, device=place.device)
    singly = [subject.model(place, seed) for seed in range(3)]
    for seed, model in enumerate(singly):
        fit(model, data, graphs=True, **options(seed))
    return {
        "plain to plain again": _distance(plain, again),  # some kernels of a GPU add up in any order
        "recorded to plain": _distance(recorded, plain),
        "notes of recording": " ".join(notes) or "none",
        "lanes to alone": max(map(_distance, several, singly)),
    }


def _distance(one: torch.nn.Module, other: torch.nn.Module) -> float:
    """Return the norm of the difference of two models' weights, relative to the norm of the weights."""
    weights, others = (torch.cat([p.detach().flatten() for p in model.parameters()]) for model in (one, other))
    return ((weights - others).norm() / others.norm()).item()
