"""How fast `fit` trains, beside the paper's released code's way and beside the barest loop.

The three ways take turns on the same machine, so that its noise meets all of them; ratios are what counts. Images are
random: no way looks at what they show. Prints a table, and writes JSON with --json FILE.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.utils.data import DataLoader, Dataset, SubsetRandomSampler

import warmstart as ws
from warmstart.basics import generator_for
from warmstart.studies import provenance
from warmstart.training import StopRule

SHAPE, CLASSES, BATCH, EPOCHS = (3, 32, 32), 10, 128, 3
MODELS = {
    "resnet18 (width 16)": (ws.ResNet18(width=16), 512),
    "mlp (2 x 100)": (ws.MLP(), 8192),
    "logistic": (ws.LogisticRegression(), 8192),
}


class Pictures(Dataset):
    """A data set as the usual packages of pictures have it: a picture at an index, then its transformations."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.images, self.labels = images, labels.tolist()
        self.transforms: tuple[Callable[[Any], torch.Tensor], ...] = (to_tensor, normalize)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        sample: Any = Image.fromarray(self.images[index])
        for transform in self.transforms:
            sample = transform(sample)
        return sample, self.labels[index]


class Indexed(Dataset):
    """Adds the index to each sample, as the released code's data set does."""

    def __init__(self, inner: Pictures) -> None:
        self.inner = inner

    def __len__(self) -> int:
        return len(self.inner)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int, int]:
        inputs, label = self.inner[index]
        return inputs, label, index


def to_tensor(picture: Image.Image) -> torch.Tensor:
    """Return a picture as floats in [0, 1], channels first, checked and copied on the way as the usual package does."""
    array = torch.from_numpy(np.array(picture, np.uint8, copy=True))
    channels_first = array.view(picture.size[1], picture.size[0], len(picture.getbands())).permute(2, 0, 1)
    return channels_first.contiguous().to(dtype=torch.get_default_dtype()).div(255)


def normalize(tensor: torch.Tensor) -> torch.Tensor:
    """Return (tensor - mean) / deviation, the constants made into tensors each time as the usual package does."""
    tensor = tensor.clone()
    mean = torch.as_tensor((0.5, 0.5, 0.5), dtype=tensor.dtype, device=tensor.device)
    deviation = torch.as_tensor((0.5, 0.5, 0.5), dtype=tensor.dtype, device=tensor.device)
    if (deviation == 0).any():
        raise ZeroDivisionError
    return tensor.sub_(mean.view(-1, 1, 1)).div_(deviation.view(-1, 1, 1))


def released_way(model: nn.Module, images: np.ndarray, labels: np.ndarray) -> float:
    """Train with a DataLoader, and fetch two numbers from every step; return the seconds."""
    dataset = Indexed(Pictures(images, labels))
    loader = DataLoader(dataset, batch_size=BATCH, sampler=SubsetRandomSampler(range(len(dataset))), shuffle=False)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    total_loss, correct = 0.0, 0
    begin = time.perf_counter()
    for _ in range(EPOCHS):
        for inputs, targets, _ in loader:
            optimizer.zero_grad()
            outputs = model(inputs)
            loss = F.cross_entropy(outputs, targets)
            loss.backward()
            optimizer.step()
            total_loss += loss.item()
            correct += (outputs.max(1)[1] == targets).sum().item()
    return time.perf_counter() - begin


def bare_loop(model: nn.Module, data: ws.TensorData, *, assembled: bool) -> float:
    """Train with forward, backward and step alone; if ``assembled``, on batches made before the clock starts."""
    data = data.laid_out_for(model)
    optimizer = ws.Recipe().build_optimizer(model)
    parts = torch.randperm(len(data)).split(BATCH)
    ready = [data.batch(part) for part in parts] if assembled else [None] * len(parts)
    begin = time.perf_counter()
    for _ in range(EPOCHS):
        for part, batch in zip(parts, ready, strict=True):
            inputs, targets = batch if batch is not None else data.batch(part)
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), targets).backward()
            optimizer.step()
    return time.perf_counter() - begin


def fitted(model: nn.Module, data: ws.TensorData) -> float:
    """Train with `fit`, all of it: layout, shuffling, counting, reporting."""
    begin = time.perf_counter()
    ws.fit(model, data, recipe=ws.Recipe(), stop=StopRule(None, max_epochs=EPOCHS), generator=generator_for(0))
    return time.perf_counter() - begin


def measure(architecture: ws.Architecture, samples: int, repeats: int) -> dict[str, list[float]]:
    """Return samples per second of each way, one number a repeat; the first turn of each is not counted."""
    numbers = np.random.default_rng(0)
    images = numbers.integers(0, 256, (samples, 32, 32, 3), dtype=np.uint8)
    labels = numbers.integers(0, CLASSES, samples)
    data = ws.TensorData(torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(labels))
    ways: dict[str, Callable[[nn.Module], float]] = {
        "released": lambda model: released_way(model, images, labels),
        "bare": lambda model: bare_loop(model, data, assembled=False),
        "bare, batches ready": lambda model: bare_loop(model, data, assembled=True),
        "fit": lambda model: fitted(model, data),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(repeats + 1):
        for name, way in ways.items():
            model = architecture.build(SHAPE, CLASSES, generator=generator_for(0)).train()
            seconds = way(model)
            if repeat:
                found[name].append(EPOCHS * samples / seconds)
    return found


def ratios(found: dict[str, list[float]], above: str, below: str) -> dict[str, float]:
    """Return median and quartiles of the ratio of two ways' speeds, taken turn by turn."""
    each = [one / other for one, other in zip(found[above], found[below], strict=True)]
    low, median, high = statistics.quantiles(each, n=4) if len(each) > 1 else each * 3
    return {"median": median, "lower_quartile": low, "upper_quartile": high}


def report(repeats: int) -> dict[str, object]:
    """Measure every model."""
    rows = {}
    for name, (architecture, samples) in MODELS.items():
        found = measure(architecture, samples, repeats)
        rows[name] = {
            "samples_per_second": {way: statistics.median(speeds) for way, speeds in found.items()},
            "fit_to_released": ratios(found, "fit", "released"),
            "fit_to_bare": ratios(found, "fit", "bare"),
            "fit_to_bare_batches_ready": ratios(found, "fit", "bare, batches ready"),
            "repeats": repeats,
            "samples_an_epoch": samples,
            "epochs": EPOCHS,
        }
    return {"models": rows, "provenance": provenance(device="cpu", workers=1, threads=torch.get_num_threads())}


def show(result: dict[str, object]) -> None:
    table = Table("model", "samples/s", "fit : released code's way", "fit : bare loop", "fit : bare, batches ready")
    for name, row in result["models"].items():  # pyright: ignore[reportAttributeAccessIssue]
        keys = ("fit_to_released", "fit_to_bare", "fit_to_bare_batches_ready")
        cells = ["{median:.2f} [{lower_quartile:.2f}, {upper_quartile:.2f}]".format(**row[key]) for key in keys]
        table.add_row(name, f"{row['samples_per_second']['fit']:.0f}", *cells)
    Console().print(table)
    Console().print("Medians and quartiles of ratios of speed, turn by turn.")


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    result = report(options.repeats)
    show(result)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
