"""What `fit` and a whole study cost over the barest loop in PyTorch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from bench._loops import bare_loop, fitted, studied, study_of
from bench._part import Gate, Part, Table
from bench._pictures import CLASSES, SHAPE, dataset, tensors
from bench._turns import Setting, Way, ratio, spreads, take_turns
from bench._words import ratio_text
from warmstart.basics import generator_for
from warmstart.executors import Execution
from warmstart.models import MLP, Architecture, LogisticRegression, ResNet18

_RATIOS = {"fit_to_bare": "fit : bare loop", "study_to_bare": "study : bare loop"}


@dataclass(frozen=True)
class Case:
    """A model, and how much it trains in a turn.

    Args:
        architecture: Builds it.
        samples: Training samples.
        epochs: Passes over them.
    """

    architecture: Architecture
    samples: int
    epochs: int

    def model(self) -> nn.Module:
        """Return a fresh model in training mode."""
        return self.architecture.build(SHAPE, CLASSES, generator=generator_for(0)).train()


def _cases(setting: Setting) -> dict[str, Case]:
    few = setting.some(8192, 512)
    return {
        "logistic regression": Case(LogisticRegression(), few, setting.some(10, 3)),
        "MLP, 2 x 100": Case(MLP(), few, setting.some(4, 1)),
        "ResNet-18, width 16": Case(ResNet18(width=setting.some(16, 2)), setting.some(640, 64), setting.some(2, 1)),
        "ResNet-18, width 64": Case(ResNet18(width=setting.some(64, 4)), setting.some(128, 16), 1),
    }


def _measure(setting: Setting) -> dict[str, Any]:
    return {"models": {name: _speeds(case, setting) for name, case in _cases(setting).items()}}


def _speeds(case: Case, setting: Setting) -> dict[str, Any]:
    data, held = tensors(case.samples), dataset(case.samples * 3 // 2)  # a study holds a third out
    execution = Execution(workers=1, threads=setting.threads, device="cpu")
    study = studied(study_of(case.architecture, case.epochs), held, execution=execution)
    ways: dict[str, Way] = {
        "bare": lambda: bare_loop(case.model(), data, case.epochs),
        "fit": lambda: fitted(case.model(), data, case.epochs),
        "study": lambda: study,
    }
    work = {"bare": case.samples * case.epochs, "fit": case.samples * case.epochs, "study": study()}
    seconds = take_turns(ways, setting)
    found = {way: [work[way] / turn for turn in turns] for way, turns in seconds.items()}
    return {
        "samples_per_second": spreads(found),
        "ratios": {name: ratio(found, *name.split("_to_")) for name in _RATIOS},
        "samples": case.samples,
        "epochs": case.epochs,
    }


def _tables(measured: Mapping[str, Any]) -> list[Table]:
    rows = [
        [
            name,
            f"{model['samples_per_second']['fit']['median']:,.0f}",
            *(ratio_text(model["ratios"][ratio]) for ratio in _RATIOS),
        ]
        for name, model in measured["models"].items()
    ]
    return [Table("Training: samples per second, and ratios", ("model", "fit, samples/s", *_RATIOS.values()), rows)]


def _gates(measured: Mapping[str, Any]) -> dict[str, Gate]:
    return {
        f"{words}, {name}": Gate(model["ratios"][ratio], higher_is_better=True)
        for name, model in measured["models"].items()
        for ratio, words in _RATIOS.items()
    }


PART = Part("training", _measure, _tables, _gates)
