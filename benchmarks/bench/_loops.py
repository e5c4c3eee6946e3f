"""Ways of training: the barest loop, `fit`, and a whole study. Each returns the call that is timed."""

import tempfile
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from warmstart.basics import generator_for
from warmstart.data import Dataset
from warmstart.models import Architecture
from warmstart.strategies import Strategy, Warm
from warmstart.streams import TwoPhase
from warmstart.studies import Study, run_study
from warmstart.training import Precision, Recipe, StoppingRule, TensorData, fit

from ._pictures import BATCH


def bare_loop(model: nn.Module, data: TensorData, epochs: int) -> Callable[[], object]:
    """Train with gather, forward, backward and step, in one fixed order, and nothing else."""
    data, optimizer = data.prepared_for_(model), Recipe().build_optimizer(model)
    parts = torch.randperm(len(data), generator=generator_for(0)).to(data.device).split(BATCH)

    def train() -> None:
        for _ in range(epochs):
            for part in parts:
                inputs, targets = data.batch(part)
                optimizer.zero_grad()
                F.cross_entropy(model(inputs), targets).backward()
                optimizer.step()

    return train


def fitted(
    model: nn.Module,
    data: TensorData,
    epochs: int,
    precision: Precision = Precision.FP32,
    *,
    graphs: bool = False,
) -> Callable[[], object]:
    """Train with all of `fit`: layout, shuffling, counting operations once, counting hits."""
    stop, recipe = StoppingRule(None, patience=None, max_epochs=epochs), Recipe(precision=precision)
    return lambda: fit(model, data, recipe=recipe, stop=stop, generator=generator_for(0), graphs=graphs)


def study_of(
    architecture: Architecture, epochs: int, *, seeds: int = 1, strategies: tuple[Strategy, ...] = (Warm(),)
) -> Study:
    """Return a study of two rounds, half of the samples in the first; a third of the data is held out."""
    stop = StoppingRule(None, patience=None, max_epochs=epochs)
    return Study(strategies, architecture=architecture, stream=TwoPhase(), stop=stop, seeds=seeds)


def studied(study: Study, held: Dataset, **how: Any) -> Callable[[], int]:
    """Run a study from its call to its return, in a new folder; the call returns the samples that were processed.

    Args:
        study: What is run.
        held: Its data.
        how: ``execution`` or ``workers`` of `run_study`.
    """
    held.fingerprint  # noqa: B018 - it is computed once for a data set, and the data set outlives the turns

    def run() -> int:
        with tempfile.TemporaryDirectory() as folder:
            rounds = run_study(study, folder, dataset=held, **how).rounds
        # A first round that another arm has taken over was trained once and is in two records.
        return sum({(record.seed, record.round, record.seconds): record.samples or 0 for record in rounds}.values())

    return run
