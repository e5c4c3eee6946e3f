"""The device, the models, and how much is measured."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from bench._pictures import CLASSES, SHAPE, arrays, tensors
from warmstart.basics import generator_for
from warmstart.models import MLP, Architecture, LogisticRegression, ResNet18
from warmstart.training import TensorData


@dataclass(frozen=True)
class Place:
    """A device, and how much to measure on it.

    Args:
        device: "cuda", or "cpu" to check that the program runs.
        quick: Whether to take less of everything.
        repeats: Turns that count.
    """

    device: str
    quick: bool
    repeats: int

    def some(self, full: int, quick: int) -> int:
        """Return one of two amounts."""
        return quick if self.quick else full

    def wait(self) -> None:
        """Wait until the device has finished its work."""
        if self.device != "cpu":
            torch.cuda.synchronize()

    def seconds(self, call: Callable[[], object]) -> float:
        """Return the wall-clock seconds of a call, including its work on the device."""
        self.wait()
        begin = time.perf_counter()
        call()
        self.wait()
        return time.perf_counter() - begin


@dataclass(frozen=True)
class Subject:
    """A model to train, and on how many samples.

    Args:
        architecture: Builds it.
        small: A smaller one, for a quick run.
        samples: Of a GPU's turn.
        epochs: Passes over them in a turn.
    """

    architecture: Architecture
    small: Architecture
    samples: int
    epochs: int

    def model(self, place: Place, seed: int = 0) -> nn.Module:
        """Return a fresh model in training mode, on the device."""
        architecture = self.small if place.quick else self.architecture
        return architecture.build(SHAPE, CLASSES, generator=generator_for(seed)).to(place.device).train()

    def data(self, place: Place) -> TensorData:
        """Return random pictures, on the device."""
        return tensors(arrays(self.size(place))).to(place.device)

    def size(self, place: Place) -> int:
        """Return how many samples there are."""
        return place.some(self.samples, 128)

    def passes(self, place: Place) -> int:
        """Return how many epochs a turn has."""
        return place.some(self.epochs, 1)


SUBJECTS = {
    "logistic regression": Subject(LogisticRegression(), LogisticRegression(), 32_768, 8),
    "MLP, 2 x 100": Subject(MLP(), MLP(width=8), 32_768, 8),
    "ResNet-18, width 16": Subject(ResNet18(width=16), ResNet18(width=2), 16_384, 2),
    "ResNet-18, width 64": Subject(ResNet18(width=64), ResNet18(width=4), 8_192, 1),
}
