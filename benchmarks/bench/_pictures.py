"""Random pictures to train on; no way of training looks at what they show."""

import numpy as np
import torch

from warmstart.data import Dataset, LabelledArrays
from warmstart.training import TensorData

SHAPE, CLASSES, BATCH = (3, 32, 32), 10, 128


def arrays(samples: int) -> LabelledArrays:
    """Return random pictures of CIFAR-10's shape, channels first."""
    numbers = np.random.default_rng(0)
    images = numbers.integers(0, 256, (samples, *SHAPE), dtype=np.uint8)
    return LabelledArrays(images, numbers.integers(0, CLASSES, samples))


def dataset(samples: int) -> Dataset:
    """Return them as a data set that studies take."""
    return Dataset("random-pictures", arrays(samples), None, tuple(f"class {number}" for number in range(CLASSES)))


def tensors(held: LabelledArrays) -> TensorData:
    """Return them as `fit` takes them."""
    return TensorData(torch.from_numpy(held.inputs), torch.from_numpy(held.labels))
