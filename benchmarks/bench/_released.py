"""Training as the paper's released code does it: a picture at a time, and two numbers fetched from every step."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset, SubsetRandomSampler

from warmstart.data import LabelledArrays

from ._pictures import BATCH
from ._turns import seconds_of


class _Pictures(Dataset):
    """A data set as the usual packages of pictures have it: a picture at an index, then its transformations."""

    def __init__(self, held: LabelledArrays) -> None:
        self.images = np.ascontiguousarray(held.inputs.transpose(0, 2, 3, 1))
        self.labels = held.labels.tolist()
        self.transforms: tuple[Callable[[Any], torch.Tensor], ...] = (_to_tensor, _normalize)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        sample: Any = Image.fromarray(self.images[index])
        for transform in self.transforms:
            sample = transform(sample)
        return sample, self.labels[index]


class _Indexed(Dataset):
    """Adds the index to each sample, as the released code's data set does."""

    def __init__(self, inner: _Pictures) -> None:
        self.inner = inner

    def __len__(self) -> int:
        return len(self.inner)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int, int]:
        inputs, label = self.inner[index]
        return inputs, label, index


def _to_tensor(picture: Image.Image) -> torch.Tensor:
    """Return a picture as floats in [0, 1], channels first, checked and copied on the way as the usual package does."""
    array = torch.from_numpy(np.array(picture, np.uint8, copy=True))
    channels_first = array.view(picture.size[1], picture.size[0], len(picture.getbands())).permute(2, 0, 1)
    return channels_first.contiguous().to(dtype=torch.get_default_dtype()).div(255)


def _normalize(tensor: torch.Tensor) -> torch.Tensor:
    """Return (tensor - mean) / deviation, the constants made into tensors each time as the usual package does."""
    tensor = tensor.clone()
    mean = torch.as_tensor((0.5, 0.5, 0.5), dtype=tensor.dtype, device=tensor.device)
    deviation = torch.as_tensor((0.5, 0.5, 0.5), dtype=tensor.dtype, device=tensor.device)
    if (deviation == 0).any():
        raise ZeroDivisionError
    return tensor.sub_(mean.view(-1, 1, 1)).div_(deviation.view(-1, 1, 1))


def released_way(model: nn.Module, held: LabelledArrays, epochs: int, device: str = "cpu") -> float:
    """Train with a DataLoader, batch by batch on the device; return the seconds."""
    dataset = _Indexed(_Pictures(held))
    loader = DataLoader(dataset, batch_size=BATCH, sampler=SubsetRandomSampler(range(len(dataset))), shuffle=False)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def train() -> None:
        total_loss, correct = 0.0, 0
        for inputs, targets, _ in (batch for _ in range(epochs) for batch in loader):
            optimizer.zero_grad()
            inputs, targets = inputs.to(device), targets.to(device)
            outputs = model(inputs)
            loss = F.cross_entropy(outputs, targets)
            loss.backward()
            optimizer.step()
            total_loss += loss.item()
            correct += (outputs.max(1)[1] == targets).sum().item()

    return seconds_of(train)
