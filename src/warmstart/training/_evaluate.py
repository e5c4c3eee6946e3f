"""Evaluation and prediction."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from warmstart.basics import InputError, check_model, logits_of, unwrapped, weights_of

from ._batches import Batch, Data, check_repeatable, in_data_order, in_order
from ._data import TensorData, check_batch_size
from ._loss import CROSS_ENTROPY, Loss, explained
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


@dataclass(frozen=True, eq=False)
class SampleEvaluation:
    """What a model gives for each sample, in the order of the data, on the model's device.

    Args:
        outputs: Of shape (samples, outputs), as the model returned them.
        targets: Labels or targets, as in the data.
        losses: Of shape (samples,); for regression the mean over a sample's outputs, such as of the squared errors.
        scores: Of shape (samples,); whether a sample is classified correctly, or minus its loss.
        mean_loss: The mean of the losses, bit for bit as :func:`evaluate` has it.
    """

    outputs: torch.Tensor
    targets: torch.Tensor
    losses: torch.Tensor
    scores: torch.Tensor
    mean_loss: float


@contextmanager
def temporary_mode(model: nn.Module, *, training: bool) -> Iterator[Callable[[], None]]:
    """Put the model into training or evaluation mode, and each module back into its own mode afterwards.

    Modules in evaluation mode within a model in training mode, such as frozen normalization layers, stay so.

    Yields:
        A function that restores the mode after a callback; changes of single modules stay.
    """
    # Single modules in evaluation mode were put there on purpose; a model of which all parts are was not, and neither
    # was one whose wrapper alone is: the mode of the unwrapped model counts.
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

    def restore() -> None:
        # The user's own validation may leave the model in evaluation mode.
        if root.training != training:
            _set_modes(wanted)

    try:
        yield restore
    finally:
        _set_modes(before)


def is_training(model: nn.Module) -> bool:
    """Return whether a model is in training mode: the unwrapped model, and at least one of its parts.

    Example:
        >>> wrapped = nn.Sequential(nn.Linear(1, 1).eval())
        >>> wrapped.training, is_training(wrapped)
        (True, False)
    """
    root, *parts = unwrapped(model).modules()
    return root.training and (not parts or any(part.training for part in parts))


def _set_modes(modes: list[tuple[nn.Module, bool]]) -> None:
    for module, is_training in modes:
        module.training = is_training


def evaluate(model: nn.Module, data: Data, *, batch_size: int = 1024) -> Evaluation:
    """Evaluate a classifier, in evaluation mode, in float32 and without gradients.

    Args:
        model: Its parameters, buffers and modes are left as they are.
        data: At least one sample.
        batch_size: Samples per batch, at least 1; it does not change the result beyond rounding. A loader has its own.

    Raises:
        InputError: If ``data`` is empty or does not fit the model, or a label is no class of it.

    Example:
        >>> from warmstart.training import TensorData
        >>> data = TensorData(torch.eye(2), torch.tensor([0, 1]), scale=1.0, offset=0.0)
        >>> evaluate(nn.Identity(), data).accuracy
        1.0
    """
    return Evaluation(*mean_score_and_loss(model, data, CROSS_ENTROPY, batch_size=batch_size))


def mean_score_and_loss(model: nn.Module, data: Data, loss: Loss, *, batch_size: int = 1024) -> tuple[float, float]:
    """Return the mean score and the mean loss of all samples; otherwise as :func:`evaluate`."""
    # One tensor (2,) per batch, of sums of scores and losses: the host waits for the device once, at the end.
    found: list[torch.Tensor] = []
    count = 0
    for outputs, labels in _checked_outputs(model, data, loss, batch_size):
        total = loss(outputs, labels, reduction="sum")
        found.append(torch.stack([loss.scores(outputs, labels).sum().to(total.dtype), total]))
        count += len(labels)
    scores, losses = torch.stack(found).cpu().double().sum(0).tolist()
    return scores / count, losses / count


def evaluate_samples(model: nn.Module, data: Data, *, loss: Loss, batch_size: int = 1024) -> SampleEvaluation:
    """Return outputs, losses and scores of every sample; modes and arithmetic as in :func:`evaluate`.

    Args:
        model: Its parameters, buffers and modes are left as they are.
        data: At least one sample; a loader must yield them in the order of its data set.
        loss: Such as ``SquaredError()``.
        batch_size: Samples per batch, at least 1; a loader has its own.

    Raises:
        InputError: If ``data`` is empty or does not fit the model or the loss, or a loader shuffles.

    Example:
        >>> from warmstart.training import SquaredError, TensorData
        >>> data = TensorData(torch.tensor([[1.0], [5.0]]), torch.tensor([1.0, 2.0]))
        >>> found = evaluate_samples(nn.Identity(), data, loss=SquaredError())
        >>> found.losses.tolist(), found.outputs.tolist()
        ([0.0, 9.0], [[1.0], [5.0]])
    """
    parts, totals = [], []
    for outputs, labels in _checked_outputs(model, in_data_order(data), loss, batch_size):
        parts.append((outputs, labels, loss(outputs, labels, reduction="none"), loss.scores(outputs, labels)))
        totals.append(loss(outputs, labels, reduction="sum"))  # a sum of the single losses rounds otherwise
    merged = list(map(torch.cat, zip(*parts, strict=True)))
    return SampleEvaluation(*merged, mean_loss=torch.stack(totals).cpu().double().sum().item() / len(merged[0]))


def predict(model: nn.Module, data: Data, *, batch_size: int = 1024) -> torch.Tensor:
    """Return the model's outputs on data, in one pass in evaluation mode, in float32 and without gradients.

    Args:
        model: Left as it is.
        data: At least one sample. Of a DataLoader that drops its last batch, that batch is predicted, too.
        batch_size: Samples per batch, at least 1; a loader has its own.

    Returns:
        Logits of shape (samples, classes), or what else the model returns for each sample, in the order of the data, on
        the model's device.

    Raises:
        InputError: If ``data`` is empty or does not fit the model, or a loader shuffles.

    Example:
        >>> from warmstart.training import TensorData
        >>> predict(nn.Identity(), TensorData(torch.eye(2), torch.tensor([0, 1])))
        tensor([[1., 0.],
                [0., 1.]])
    """
    found = [outputs for outputs, _ in _outputs(model, in_data_order(data), batch_size)]
    if not found:
        raise InputError("data must hold at least one sample to predict, got 0.")
    return torch.cat(found)


def _checked_outputs(model: nn.Module, data: Data, loss: Loss, batch_size: int) -> Iterator[Batch]:
    """Yield outputs and labels of the data in order, batch by batch, checked against the loss."""
    is_empty = True
    for outputs, labels in _outputs(model, data, batch_size, loss):
        loss.check_outputs(outputs, labels)
        if is_empty or not isinstance(data, TensorData):
            # Of tensors all at once: on a GPU the host would wait for every batch.
            loss.check_targets(data.labels if isinstance(data, TensorData) else labels, outputs.shape[-1])
        is_empty = False
        yield outputs, labels
    if is_empty:
        raise InputError("data must hold at least one sample to evaluate on, got 0.")


def _outputs(model: nn.Module, data: Data, batch_size: int, loss: Loss | None = None) -> Iterator[Batch]:
    """Yield outputs and labels of the data in order, batch by batch."""
    check_model("model", model)
    weights_of(model)  # names a parameter without values, as of a lazy layer
    check_repeatable(data)
    check_batch_size(batch_size)
    with temporary_mode(model, training=False):
        for inputs, labels in in_order(data, batch_size, model, loss=loss):
            with torch.no_grad(), arithmetic(Precision.FP32, inputs.device), explained(inputs):
                outputs = logits_of(model(inputs))
            yield outputs, labels
