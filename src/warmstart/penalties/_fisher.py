"""The diagonal of the empirical Fisher information."""

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from warmstart.basics import (
    InputError,
    check_labels,
    check_logits,
    logits_of,
    undisturbed,
    unwrapped,
    upcast,
)

from ._parameters import squares, trainable
from ._passes import logits_aside, prepared_batches

# Gradients of single samples take samples x parameters of memory; this many numbers are 256 MiB in single precision.
_NUMBERS_AT_ONCE = 2**26


def fisher_diagonal(model: nn.Module, batches: Iterable[Any]) -> dict[str, Tensor]:
    """Return F_i = mean over samples of |d log p(y | x) / d theta_i|^2, with the samples' own labels y.

    This is the *empirical* Fisher information. The true one takes y from the model's predictions; the two agree
    where the model predicts the labels' distribution, and both vanish on samples that it fits perfectly.

    The squares are those of single samples, so how the samples are divided into batches does not matter. The model
    runs in evaluation mode, where no sample depends on another: BatchNorm's running statistics must fit the
    parameters. Samples are differentiated together where the model allows that, and one by one where it does not, as
    with control flow that depends on the inputs.

    Args:
        model: Left as it is, with gradients, buffers, modes and what its passes keep; it returns logits of shape
            (samples, classes), see :func:`warmstart.basics.logits_of`. Wrappers are looked through.
        batches: ``TensorData``, a ``DataLoader``, or any iterable of inputs of shape (samples, ...) and class indices
            of shape (samples,), read once. Inputs are prepared as for training: bytes are scaled to -1..1, and
            floating-point numbers get the model's type. Both are moved to the device of the model's first trainable
            parameter.

    Returns:
        A real tensor of at least 0 for each trainable parameter by name, in its shape and at least single precision;
        tied parameters once, under their first name.

    Raises:
        InputError: If there is no sample, a batch is no pair of inputs and labels, a label is out of range, or nothing
            is trainable.

    Reference:
        Kunstner, Balles and Hennig, "Limitations of the Empirical Fisher Approximation", NeurIPS 2019.

    Example:
        >>> model = nn.Linear(1, 2, bias=False)
        >>> _ = nn.init.zeros_(model.weight)  # p = (1/2, 1/2), so a gradient is +-x/2
        >>> fisher_diagonal(model, [(torch.tensor([[2.0], [4.0]]), torch.tensor([0, 1]))])
        {'weight': tensor([[2.5000], [2.5000]])}
    """
    parameters = trainable(model)
    sums = {name: torch.zeros_like(squares(parameter.detach())) for name, parameter in parameters.items()}
    inner, samples = unwrapped(model), 0
    size = max(1, _NUMBERS_AT_ONCE // sum(parameter.numel() for parameter in parameters.values()))
    with undisturbed(inner):
        inner.eval()
        for inputs, labels in prepared_batches(inner, batches, name="batches"):
            # One sample's pass shows the number of classes: no label may go into a loss before it is checked.
            with torch.no_grad():
                logits = logits_aside(inner, inputs[:1])
            check_logits(logits, labels[:1], with_values=False)
            check_labels(labels, logits.shape[1])
            samples += len(labels)
            for part, targets in zip(inputs.split(size), labels.split(size), strict=True):
                try:
                    found = _squares_together(inner, parameters, part, targets)
                except Exception:
                    # What vmap cannot do, or a model cannot do under it. A fault of model or data comes again here.
                    found = _squares_one_by_one(inner, parameters, part, targets)
                for name, value in found.items():
                    sums[name] += value
    if not samples:
        raise InputError("batches must hold at least one sample, got none.")
    return {name: value / samples for name, value in sums.items()}


def _squares_together(
    model: nn.Module, parameters: Mapping[str, nn.Parameter], inputs: Tensor, labels: Tensor
) -> dict[str, Tensor]:
    own_names = {id(parameter): name for name, parameter in model.named_parameters()}
    names = {own_names[id(parameter)]: name for name, parameter in parameters.items()}

    def loss(values: dict[str, Tensor], single: Tensor, label: Tensor) -> Tensor:
        logits = logits_of(functional_call(model, values, (single.unsqueeze(0),)))
        return F.cross_entropy(upcast(logits), label.unsqueeze(0))

    values = {name: parameters[names[name]].detach() for name in names}
    # What the pass leaves on the model belongs to the transformation, and would break the next pass.
    with undisturbed(model), warnings.catch_warnings():
        # Recurrent and attention layers have no batching rule of their own; their result is right, and not too slow.
        warnings.filterwarnings("ignore", message="There is a performance drop", category=UserWarning)
        gradients = vmap(grad(loss), in_dims=(None, 0, 0))(values, inputs, labels)
    return {names[name]: squares(_dense(gradient)).sum(0) for name, gradient in gradients.items()}


def _squares_one_by_one(
    model: nn.Module, parameters: Mapping[str, nn.Parameter], inputs: Tensor, labels: Tensor
) -> dict[str, Tensor]:
    sums = {name: torch.zeros_like(squares(parameter.detach())) for name, parameter in parameters.items()}
    for single, label in zip(inputs.split(1), labels.split(1), strict=True):
        with torch.enable_grad():
            loss = F.cross_entropy(logits_aside(model, single), label)
        # Zeros stand for parameters that this sample did not use.
        gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True, materialize_grads=True)
        for name, gradient in zip(parameters, gradients, strict=True):
            sums[name] += squares(_dense(gradient))
    return sums


def _dense(gradient: Tensor) -> Tensor:
    # A sparse gradient, of an embedding, lists a row as often as it was read.
    return gradient if gradient.layout is torch.strided else gradient.to_dense()
