"""How good a model is on given data."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from warmstart.basics import InputError, check_labels, check_model, logits_of, unwrapped, upcast, weights_of

from ._batches import Data, check_repeatable, in_data_order, in_order
from ._data import TensorData, check_batch_size
from ._loss import check_logits, explained
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
def mode(model: nn.Module, *, training: bool) -> Iterator[Callable[[], None]]:
    """Put the model into one mode, and each module back into its own afterwards.

    Modules of a model in training mode that are in evaluation mode themselves were put there on purpose, as frozen
    normalization layers are: training leaves them so. What counts is the mode of the model proper, whatever wraps it;
    where all that it is made of is in evaluation mode, that was not on purpose.

    Yields:
        A function that renews the mode after others had the model: the user's own validation may leave it in evaluation
        mode. What was changed in single modules stays.
    """
    before = [(module, module.training) for module in model.modules()]
    root = unwrapped(model)
    if not training:
        model.eval()
    elif not is_training(model):
        root.train()
    inside = set(root.modules())
    for module, _ in before:
        if module not in inside:  # the wrappers around it
            module.training = training
    wanted = [(module, module.training) for module in model.modules()]

    def renew() -> None:
        if root.training != training:
            _put(wanted)

    try:
        yield renew
    finally:
        _put(before)


def is_training(model: nn.Module) -> bool:
    """Return whether a model is in training mode: the model proper, whatever wraps it, and anything that it is made of.

    Example:
        >>> wrapped = nn.Sequential(nn.Linear(1, 1).eval())
        >>> wrapped.training, is_training(wrapped)
        (True, False)
    """
    root, *parts = unwrapped(model).modules()
    return root.training and (not parts or any(part.training for part in parts))


def _put(modes: list[tuple[nn.Module, bool]]) -> None:
    for module, is_training in modes:
        module.training = is_training


def evaluate(model: nn.Module, data: Data, *, batch_size: int = 1024) -> Evaluation:
    """Evaluate a model, in evaluation mode, in float32 and without gradients.

    Args:
        model: Its parameters, buffers and modes are left as they are.
        data: At least one sample.
        batch_size: Samples at once, at least 1; it does not change the result beyond rounding. A loader has its own.

    Raises:
        InputError: If ``data`` is empty or does not fit the model, or a label is no class of it.

    Example:
        >>> from warmstart.training import TensorData
        >>> data = TensorData(torch.eye(2), torch.tensor([0, 1]), scale=1.0, offset=0.0)
        >>> evaluate(nn.Identity(), data).accuracy
        1.0
    """
    found: list[torch.Tensor] = []
    count = 0
    for logits, labels in _outputs(model, data, batch_size):
        check_logits(logits, labels)
        if not count or not isinstance(data, TensorData):
            # Of tensors all at once: on a GPU the host would wait for every batch.
            check_labels(data.labels if isinstance(data, TensorData) else labels, logits.shape[1])
        loss = F.cross_entropy(upcast(logits), labels, reduction="sum")
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
        data: At least one sample. Of a DataLoader that drops its last batch, that batch is predicted, too.
        batch_size: Samples at once, at least 1; a loader has its own.

    Returns:
        Of shape (samples, classes), in the order of the data, on the model's device.

    Raises:
        InputError: If ``data`` is empty or does not fit the model, or a loader shuffles.

    Example:
        >>> from warmstart.training import TensorData
        >>> predict(nn.Identity(), TensorData(torch.eye(2), torch.tensor([0, 1])))
        tensor([[1., 0.],
                [0., 1.]])
    """
    found = [logits for logits, _ in _outputs(model, in_data_order(data), batch_size)]
    if not found:
        raise InputError("data must hold at least one sample to predict, got 0.")
    return torch.cat(found)


def _outputs(model: nn.Module, data: Data, batch_size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield logits and labels of the data in order, part by part."""
    check_model("model", model)
    weights_of(model)  # names a parameter without values, as of a lazy layer
    check_repeatable(data)
    check_batch_size(batch_size)
    with mode(model, training=False):
        for inputs, labels in in_order(data, batch_size, model):
            with torch.no_grad(), arithmetic(Precision.FP32, inputs.device), explained(inputs):
                logits = logits_of(model(inputs))
            yield logits, labels
