"""Training with the barest loop, with `fit`, and with a whole study."""

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from warmstart.basics import generator_for
from warmstart.data import Dataset
from warmstart.executors import Execution
from warmstart.models import Architecture
from warmstart.strategies import Warm
from warmstart.streams import TwoPhase
from warmstart.studies import Study, run_study
from warmstart.training import Cost, Precision, Recipe, StoppingRule, TensorData, fit

from ._pictures import BATCH
from ._turns import seconds_of


def bare_loop(
    model: nn.Module,
    data: TensorData,
    epochs: int,
    *,
    assembled: bool,
    batch: int = BATCH,
    around: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> float:
    """Train with gather, forward, backward and step, and nothing else; return the seconds.

    Args:
        model: Trained in place.
        data: What it trains on, in one fixed order.
        epochs: Passes over the data.
        assembled: Whether the batches are made before the clock starts.
        batch: Samples of a step.
        around: Returns the context of each forward and backward pass.
    """
    data = data.prepared_for_(model)
    optimizer = Recipe().build_optimizer(model)
    parts = torch.randperm(len(data), generator=generator_for(0)).to(data.device).split(batch)
    ready = [data.batch(part) for part in parts] if assembled else [None] * len(parts)

    def train() -> None:
        for _ in range(epochs):
            for part, made in zip(parts, ready, strict=True):
                inputs, targets = made if made is not None else data.batch(part)
                optimizer.zero_grad()
                with around():
                    F.cross_entropy(model(inputs), targets).backward()
                optimizer.step()

    return seconds_of(train)


def fitted(
    model: nn.Module, data: TensorData, epochs: int, precision: Precision = Precision.FP32
) -> tuple[float, Cost]:
    """Train with `fit`, all of it: layout, shuffling, counting, reporting; return the seconds and what it reports."""
    costs: list[Cost] = []

    def train() -> None:
        stop = StoppingRule(None, patience=None, max_epochs=epochs)
        recipe = Recipe(precision=precision)
        costs.append(fit(model, data, recipe=recipe, stop=stop, generator=generator_for(0)).cost)

    return seconds_of(train), costs[0]


@dataclass(frozen=True)
class StudyTimes:
    """How long a study took.

    Args:
        seconds: From the call to its return.
        training_seconds: Of training, as its rounds report them.
        samples: Processed by training.
    """

    seconds: float
    training_seconds: float
    samples: int


def studied(architecture: Architecture, held: Dataset, epochs: int, threads: int) -> StudyTimes:
    """Run a whole study in this process: one trial of two rounds, a third of the data held out."""
    stop = StoppingRule(None, patience=None, max_epochs=epochs)
    study = Study([Warm()], architecture=architecture, stream=TwoPhase(), stop=stop, seeds=1)
    execution = Execution(workers=1, threads=threads, device="cpu")
    held.fingerprint  # noqa: B018 - it is computed once for a data set, and the data set outlives the turns
    with tempfile.TemporaryDirectory() as folder:
        records = []
        seconds = seconds_of(lambda: records.append(run_study(study, folder, dataset=held, execution=execution)))
    rounds = records[0].rounds
    return StudyTimes(seconds, sum(record.seconds for record in rounds), sum(record.samples for record in rounds))
