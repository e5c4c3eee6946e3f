"""Small data that tests share."""

import torch

from warmstart.basics import generator_for
from warmstart.training import TensorData


def blobs(count, *, seed=0, classes=3, features=4):
    """Gaussian clusters, one per class, far enough apart to be learnt and near enough to take some epochs."""
    generator = generator_for("blobs", seed)
    labels = torch.arange(count) % classes
    centers = torch.eye(classes, features) * 3
    inputs = centers[labels] + torch.randn(count, features, generator=generator)
    return TensorData(inputs, labels, scale=1.0, offset=0.0)


def pictures(count, *, seed=0, side=8):
    """Random grey images whose class is the brighter half, as uint8."""
    generator = generator_for("pictures", seed)
    labels = torch.arange(count) % 2
    inputs = torch.randint(0, 160, (count, 1, side, side), generator=generator)
    inputs[labels == 1, :, : side // 2] += 60
    return TensorData(inputs.to(torch.uint8), labels)
