"""How good a model is on given data."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from warmstart.basics import InputError

from ._batches import Data, check_repeatable, in_order
from ._precision import Precision, arithmetic


@dataclass(frozen=True)
class Evaluation:
    """Accuracy in [0, 1] and mean cross-entropy in nats; both NaN-free unless the model's outputs are not finite."""

    accuracy: float
    loss: float

    @property
    def is_finite(self) -> bool:
        """Whether the model gave finite outputs."""
        return math.isfinite(self.loss)


@contextmanager
def mode(model: nn.Module, *, training: bool) -> Iterator[None]:
    """Put the model into one mode, and each module back into its own afterwards.

    Modules of a model in training mode that are in evaluation mode themselves were put there on purpose, as frozen
    normalization layers are: training leaves them so.
    """
    modes = [(module, module.training) for module in model.modules()]
    if not (training and model.training):
        model.train(training)
    try:
        yield
    finally:
        for module, was_training in modes:
            module.training = was_training


def evaluate(model: nn.Module, data: Data, *, batch_size: int = 1024) -> Evaluation:
    """Evaluate a model, in evaluation mode, in float32 and without gradients.

    Args:
        model: Its parameters, buffers and modes are left as they are.
        data: At least one sample.
        batch_size: Samples at once; it does not change the result beyond rounding. A loader has its own.

    Raises:
        InputError: If ``data`` is empty.

    Example:
        >>> from warmstart.training import TensorData
        >>> data = TensorData(torch.eye(2), torch.tensor([0, 1]), scale=1.0, offset=0.0)
        >>> evaluate(nn.Identity(), data).accuracy
        1.0
    """
    found: list[torch.Tensor] = []
    count = 0
    for logits, labels in _outputs(model, data, batch_size):
        loss = F.cross_entropy(logits.float(), labels, reduction="sum")
        found.append(torch.stack([(logits.argmax(1) == labels).sum().to(loss.dtype), loss]))
        count += len(labels)
    if not count:
        raise InputError("data must hold at least one sample to evaluate on, got 0.")
    # The one moment at which the host waits for the device.
    correct, loss = torch.stack(found).cpu().double().sum(0).tolist()
    return Evaluation(accuracy=correct / count, loss=loss / count)


def predict(model: nn.Module, data: Data, *, batch_size: int = 1024) -> torch.Tensor:
    """Return the model's logits on data, in one pass in evaluation mode, in float32 and without gradients.

    Args:
        model: Left as it is.
        data: At least one sample.
        batch_size: Samples at once; a loader has its own.

    Returns:
        Of shape (samples, classes), in the order of the data, on the model's device.

    Raises:
        InputError: If ``data`` is empty.

    Example:
        >>> from warmstart.training import TensorData
        >>> predict(nn.Identity(), TensorData(torch.eye(2), torch.tensor([0, 1])))
        tensor([[1., 0.],
                [0., 1.]])
    """
    found = [logits for logits, _ in _outputs(model, data, batch_size)]
    if not found:
        raise InputError("data must hold at least one sample to predict, got 0.")
    return torch.cat(found)


def _outputs(model: nn.Module, data: Data, batch_size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield logits and labels of the data in order, part by part."""
    check_repeatable(data)
    with mode(model, training=False):
        for inputs, labels in in_order(data, batch_size, model):
            with torch.no_grad(), arithmetic(Precision.FP32, inputs.device):
                logits = model(inputs)
            yield logits, labels
