"""Training speed, beside other ways of training and beside the peak rates of the machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from bench._ceilings import Ceilings, LayersAlone
from bench._loops import bare_loop, fitted, studied
from bench._part import Part, Setting
from bench._pictures import BATCH, CLASSES, SHAPE, dataset, tensors
from bench._released import released_way
from bench._tables import Table
from bench._turns import Way, ratio, repeated, spread, spreads, take_turns
from bench._words import percent_text, ratio_text
from warmstart.basics import generator_for
from warmstart.models import MLP, Architecture, LogisticRegression, ResNet18

_FLOAT = 4
_PARAMETER_PASSES = 9  # forward reads, backward writes the gradient, Adam reads four tensors and writes three


@dataclass(frozen=True)
class Case:
    """A model, and how much it trains in a turn.

    Args:
        architecture: Builds it.
        samples: Training samples.
        epochs: Passes over them; the released code's way, which is slow where the model is small, makes one.
        turns: Share of the turns asked for.
        warms_up: Whether a step is taken before each way's clock starts. Memory that the way before has given back is
            fetched anew from the system, page by page, and that way is another in every other turn; where a step is
            long, it weighs little.
    """

    architecture: Architecture
    samples: int
    epochs: int
    turns: float = 1.0
    warms_up: bool = True

    def model(self) -> nn.Module:
        """Return a fresh model in training mode."""
        return self.architecture.build(SHAPE, CLASSES, generator=generator_for(0)).train()


def cases(setting: Setting) -> dict[str, Case]:
    few = setting.some(8192, 512)
    return {
        "logistic regression": Case(LogisticRegression(), few, setting.some(10, 3)),
        "MLP, 2 x 100": Case(MLP(), few, setting.some(4, 1)),
        "ResNet-18, width 16": Case(ResNet18(width=16), setting.some(640, 64), setting.some(2, 1)),
        "ResNet-18, width 64": Case(ResNet18(width=64), setting.some(128, 16), 1, turns=0.4, warms_up=False),
    }


def _measure(setting: Setting) -> dict[str, Any]:
    ceilings = Ceilings(quick=setting.quick)
    models: dict[str, Any] = {}
    limits: dict[str, list[float]] = {}
    for name, case in cases(setting).items():
        turns = max(1, round(case.turns * setting.repeats))
        found = take_turns([ceilings, *_ways(case, setting)], turns)
        models[name] = _summary(case, found)
        for ceiling in ceilings.names:
            limits.setdefault(ceiling, []).extend(found[ceiling])
    return {"models": models, "ceilings": spreads(limits)}


def _ways(case: Case, setting: Setting) -> list[Way]:
    """Return all ways of training a model, each giving samples per second."""
    held = dataset(case.samples * 3 // 2)  # a study holds a third out
    pool = held.train.take(np.arange(case.samples))
    data, work = tensors(pool), case.samples * case.epochs
    batch = min(BATCH, case.samples)
    passes = max(1, work // (4 * batch))  # one pass through a small model is too short for the clock
    alone = _layers_alone(case, batch)

    def fit() -> dict[str, float]:
        seconds, cost = fitted(case.model(), data, case.epochs)
        assert cost.flops is not None, "the built-in models can be counted"
        return {"fit": work / seconds, "flops": cost.flops / cost.samples}

    def study() -> dict[str, float]:
        times = studied(case.architecture, held, case.epochs, setting.threads)
        return {"study": times.samples / times.seconds, "in training": times.training_seconds / times.seconds}

    def warmed(way: Way) -> Way:
        def warm_way() -> Mapping[str, float]:
            if case.warms_up:
                bare_loop(case.model(), data.take(torch.arange(batch)), 1, assembled=False)
            return way()

        return warm_way

    ways: list[Way] = [
        lambda: {"released": case.samples / released_way(case.model(), pool, 1)},
        lambda: {"bare": work / bare_loop(case.model(), data, case.epochs, assembled=False)},
        lambda: {"ready": work / bare_loop(case.model(), data, case.epochs, assembled=True)},
        fit,
        study,
        lambda: {"layers": passes * batch / repeated(alone.forward_backward, passes)},
    ]
    return [warmed(way) for way in ways]


def _layers_alone(case: Case, batch: int) -> LayersAlone:
    model = case.model()
    data = tensors(dataset(batch).train).prepared_for_(model)
    return LayersAlone(model, data.batch(torch.arange(batch))[0])


def _summary(case: Case, found: dict[str, list[float]]) -> dict[str, Any]:
    """Return a model's speeds, their ratios, and shares of what bounds them."""
    flops = found.pop("flops")[0]
    moved = bytes_per_sample(case.model(), BATCH)
    found["fit, FLOP"] = [flops * speed for speed in found["fit"]]
    found["layers, FLOP"] = [flops * speed for speed in found["layers"]]
    found["fit, bytes"] = [moved * speed for speed in found["fit"]]
    ways = ("released", "bare", "ready", "fit", "study", "layers")
    return {
        "samples_per_second": {way: spread(found[way]) for way in ways},
        "ratios": {
            "fit_to_released": ratio(found, "fit", "released"),
            "fit_to_bare": ratio(found, "fit", "bare"),
            "fit_to_ready": ratio(found, "fit", "ready"),
            "study_to_bare": ratio(found, "study", "bare"),
        },
        "study_in_training": spread(found["in training"]),
        "flops_per_sample": flops,
        "bytes_per_sample": moved,
        "limits": {
            "fit_to_products": ratio(found, "fit, FLOP", "products, float32"),
            "layers_to_products": ratio(found, "layers, FLOP", "products, float32"),
            "fit_to_layers": ratio(found, "fit", "layers"),
            "fit_to_copy": ratio(found, "fit, bytes", "copy, large"),
        },
        "samples": case.samples,
        "epochs": case.epochs,
    }


def bytes_per_sample(model: nn.Module, batch: int) -> float:
    """Return the bytes that a step has to move per sample at least, if nothing stays in a cache.

    A picture is read as bytes and written as floats, which forward and backward read; and the parameters are gone
    over by forward, backward and the optimizer. Activations are not counted: for a convolutional network this is no
    bound.

    Args:
        model: Its parameters count.
        batch: Samples that share a step.
    """
    pixels = SHAPE[0] * SHAPE[1] * SHAPE[2]
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return pixels * (1 + 3 * _FLOAT) + parameters * _FLOAT * _PARAMETER_PASSES / batch


def _tables(measured: Mapping[str, Any]) -> list[Table]:
    models = measured["models"]
    return [
        Table(
            "Training: samples per second, and ratios",
            ("model", "fit, samples/s", "fit : released code", "fit : bare loop", "fit : bare loop, batches ready",
             "study : bare loop", "study's time in training"),
            [_speed_row(name, model) for name, model in models.items()],
        ),
        Table(
            "What bounds it",
            ("model", "FLOP of a sample", "fit, share of matrix products' rate", "layers alone, share of that rate",
             "fit, share of its layers' rate", "fit, share of the copying rate", "closest to"),
            [_limit_row(name, model) for name, model in models.items()],
        ),
        Table("Peak rates of the machine", ("what", "rate"), ceiling_rows(measured["ceilings"])),
    ]  # fmt: skip


def _speed_row(name: str, model: Mapping[str, Any]) -> list[str]:
    ratios = [ratio_text(spread) for spread in model["ratios"].values()]
    speed = f"{model['samples_per_second']['fit']['median']:,.0f}"
    return [name, speed, *ratios, percent_text(model["study_in_training"])]


def _limit_row(name: str, model: Mapping[str, Any]) -> list[str]:
    limits = model["limits"]
    shares = [percent_text(spread) for spread in limits.values()]
    return [name, f"{model['flops_per_sample'] / 1e6:,.2f} M", *shares, _closest(limits)]


def _closest(limits: Mapping[str, Any]) -> str:
    names = {
        "fit_to_products": "matrix products",
        "fit_to_layers": "its own layers' kernels",
        "fit_to_copy": "memory",
    }
    return names[max(names, key=lambda name: limits[name]["median"])]


def ceiling_rows(ceilings: Mapping[str, Any]) -> list[list[str]]:
    return [
        [name, "{median:,.1f} [{lower_quartile:,.1f}, {upper_quartile:,.1f}] {unit}".format(**_giga(found), unit=unit)]
        for name, found in ceilings.items()
        for unit in ("GB/s" if name.startswith("copy") else "GFLOP/s",)
    ]


def _giga(found: Mapping[str, float]) -> dict[str, float]:
    return {name: figure / 1e9 for name, figure in found.items()}


PART = Part(
    name="training",
    title="Training",
    prose="""
Random 32x32 colour pictures in 10 classes, batches of 128, Adam. The *released code's way* is a data set that
converts each picture, a DataLoader, and two numbers fetched from every step. The *bare loop* is gather, forward,
backward and step, and nothing else; *batches ready* leaves the gathering out, too. `fit` is all of `fit`: layout,
shuffling, counting operations once, counting hits. A *study* is `run_study` in this process: one trial of two rounds,
with recalibration, evaluation and storing, timed from the call to its return; the last column is how much of that its
own record of training seconds accounts for. The rounds here are as short as the epochs of a turn allow; the longer a
round, the less the rest of a study weighs.

A ratio above 1 means faster. A ratio of `fit` to the bare loop near 1 means that `fit` has no measurable overhead.

Three shares show what bounds it. The share of the *matrix products' rate* is that of the operations counted in
convolutions and linear layers, over what the machine's fastest float32 kernel does: the best of matrix products of
several sizes, by MKL and by oneDNN, and of convolutions, which are matrix products inside. Small kernels do not reach
that rate by themselves, so there is a nearer bound: the model's *own layers alone*, each convolution and
linear layer forward and backward on tensors of the shapes that it meets, with no normalization, no activations and no
optimizer. A model that is close to that bound can only become faster with faster kernels. The share of the *copying
rate* counts the bytes that pictures and parameters have to move at least; it bounds models that do little with each
byte. What fits into a cache moves faster than that, so that this share can exceed what a large copy would allow.
""",
    measure=_measure,
    tables=_tables,
)
