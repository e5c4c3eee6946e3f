"""Random pictures to train on; no way of training looks at what they show."""

import numpy as np

from warmstart.data import Dataset, LabelledArrays
from warmstart.training import TensorData

SHAPE, CLASSES, BATCH = (3, 32, 32), 10, 128


def dataset(samples: int) -> Dataset:
    """Return random pictures of CIFAR-10's shape, channels first, as a data set that studies take."""
    numbers = np.random.default_rng(0)
    images = numbers.integers(0, 256, (samples, *SHAPE), dtype=np.uint8)
    arrays = LabelledArrays(images, numbers.integers(0, CLASSES, samples))
    return Dataset("random-pictures", arrays, None, tuple(f"class {number}" for number in range(CLASSES)))


def tensors(samples: int) -> TensorData:
    """Return the same pictures as `fit` takes them."""
    held = dataset(samples).train
    return TensorData(held.inputs, held.labels)
