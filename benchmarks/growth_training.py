"""Costs of training, and of what comes with it, as samples, classes, parameters and epochs grow."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

import warmstart as ws
from growth_curves import Action, Curve, timed
from warmstart.basics import generator_for
from warmstart.penalties import fisher_diagonal
from warmstart.store import load_round_state, save_round_state
from warmstart.training import EpochReport
from warmstart.trial import RoundState

FEATURES, CLASSES, BATCH = 16, 10, 128
PERCEPTRON = ws.MLP(width=32)
RECIPE = ws.Recipe(batch_size=BATCH)
SAMPLES = (1_000, 10_000, 100_000, 1_000_000)
WIDE = (10, 100, 1_000, 10_000)
EPOCHS = (10, 100, 1_000, 10_000)
# Widths of the perceptron with a number of parameters next to each power of ten.
WIDTHS = {10_000: 88, 100_000: 303, 1_000_000: 986, 10_000_000: 3_149}


def table(samples: int, classes: int = CLASSES) -> ws.TensorData:
    generator = generator_for(samples, "benchmark")
    inputs = torch.randn(samples, FEATURES, generator=generator)
    return ws.TensorData(inputs, torch.randint(classes, (samples,), generator=generator))


def built(architecture: ws.Architecture, classes: int = CLASSES) -> nn.Module:
    return architecture.build((FEATURES,), classes, generator=generator_for(0))


def fitting(data: ws.TensorData, architecture: ws.Architecture, classes: int, epochs: int) -> Action:
    """Return an action that fits a fresh model and returns the seconds of its training."""
    stop = ws.StoppingRule(None, patience=None, max_epochs=epochs)

    def action() -> float:
        model = built(architecture, classes)
        return ws.fit(model, data, recipe=RECIPE, stop=stop, generator=generator_for(0)).cost.seconds

    return action


def epoch(samples: int, _: Path) -> Action:
    return fitting(table(samples), PERCEPTRON, CLASSES, 1)


def querying(samples: int, _: Path) -> Action:
    """Query nine tenths of the samples, as an active round does early in its stream."""
    pool, model = table(samples), built(PERCEPTRON)
    left = torch.randperm(samples, generator=generator_for(0))[samples // 10 :]

    def ask() -> torch.Tensor:
        return ws.Margin()(ws.predict(model, pool.take(left)), 10, generator=generator_for(0))

    return timed(ask)


def fisher(samples: int, _: Path) -> Action:
    data, model = table(samples), built(PERCEPTRON)
    return timed(lambda: fisher_diagonal(model, map(data.batch, torch.arange(samples).split(BATCH))))


def steps_of_classes(classes: int, _: Path) -> Action:
    return fitting(table(10 * BATCH, classes), ws.LogisticRegression(), classes, 1)


def querying_of_classes(classes: int, _: Path) -> Action:
    logits = torch.randn(1000, classes, generator=generator_for(0))
    return timed(lambda: ws.Margin()(logits, 10, generator=generator_for(0)))


def pair(parameters: int) -> tuple[nn.Module, nn.Module]:
    """Return two perceptrons of about so many parameters."""
    one, other = (
        ws.MLP(width=WIDTHS[parameters]).build((FEATURES,), CLASSES, generator=generator_for(seed)) for seed in (0, 1)
    )
    return one, other


def strategy(start: Callable[[nn.Module, nn.Module], object]) -> Callable[[int, Path], Action]:
    def prepare(parameters: int, _: Path) -> Action:
        previous, fresh = pair(parameters)
        return timed(lambda: start(previous, fresh))

    return prepare


def saving(parameters: int, folder: Path) -> Action:
    round_state, file = RoundState(1, pair(parameters)[0]), folder / "checkpoint.safetensors"
    return timed(lambda: save_round_state(round_state, file))


def loading(parameters: int, folder: Path) -> Action:
    one, other = pair(parameters)
    file = folder / "checkpoint.safetensors"
    save_round_state(RoundState(1, one), file)
    return timed(lambda: load_round_state(file, [other]))


def epochs(count: int, _: Path) -> Action:
    return fitting(table(64), PERCEPTRON, CLASSES, count)


def patience(count: int, _: Path) -> Action:
    """Ask the rule after every epoch of a round that always makes progress."""
    reports = [EpochReport(number, number, number / (2 * count), 1.0) for number in range(1, count + 1)]
    rule = ws.StoppingRule(patience=20, max_epochs=count + 1)

    def ask() -> None:
        history: list[EpochReport] = []
        for report in reports:
            history.append(report)
            assert rule.stop_reason(history) is None, "there was progress"

    return timed(ask)


CURVES = (
    Curve("samples", "an epoch of `fit`", "Every sample is trained on once.", SAMPLES, epoch, memory=True),
    Curve(
        "samples",
        "an active round's query (margin)",
        "One forward pass over all samples that have not arrived, batch by batch. Sorting the scores adds a logarithm, "
        "small beside the pass. Memory is that of the logits and scores, never that of the samples.",
        SAMPLES,
        querying,
        memory=True,
    ),
    Curve("samples", "Fisher information", "One gradient for each sample.", (100, *SAMPLES[:-1]), fisher),
    Curve(
        "classes",
        "an epoch of `fit`, logistic regression",
        "Each class is a row of weights. With few classes a step costs what any step costs, so that the curve begins "
        "flat.",
        WIDE,
        steps_of_classes,
    ),
    Curve("classes", "a query (margin)", "Each class has a probability.", WIDE, querying_of_classes),
    Curve(
        "parameters",
        "shrink-perturb",
        "Each parameter is shrunk and gets its noise. Small models cost what it takes to copy modules.",
        tuple(WIDTHS),
        strategy(lambda previous, fresh: ws.shrink_perturb(previous, fresh, shrink=0.4, perturb=0.1)),
    ),
    Curve(
        "parameters", "scaled cold start", "As above.", tuple(WIDTHS), strategy(lambda _, fresh: ws.scale(fresh, 0.5))
    ),
    Curve(
        "parameters",
        "writing a checkpoint",
        "Each parameter is written once. Small files cost the wait until they have reached the disk.",
        tuple(WIDTHS),
        saving,
    ),
    Curve("parameters", "reading a checkpoint", "Each parameter is read once.", tuple(WIDTHS), loading),
    Curve("epochs", "a round of `fit`", "Every epoch costs the same.", EPOCHS, epochs),
    Curve(
        "epochs",
        "the stopping rule's part in it",
        "After every epoch the rule looks back as far as its patience lasts, and no further.",
        EPOCHS,
        patience,
    ),
)
