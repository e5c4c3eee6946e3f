"""The diagonal of the empirical Fisher information."""

import warnings
from collections.abc import Iterable, Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from warmstart.basics import InputError

from ._parameters import trainable, wide
from ._passes import evaluation_mode, forward_aside

# Gradients of single samples take samples x parameters of memory; this many numbers are 256 MiB in single precision.
_NUMBERS_AT_ONCE = 2**26


def fisher_diagonal(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """Return F_i = mean over samples of (d log p(y | x) / d theta_i)^2, with the samples' own labels y.

    This is the *empirical* Fisher information. The true one takes y from the model's predictions; the two agree
    where the model predicts the labels' distribution, and both vanish on samples that it fits perfectly.

    The squares are those of single samples, so how the samples are divided into batches does not matter. The model
    runs in evaluation mode, where no sample depends on another: BatchNorm's running statistics must fit the
    parameters. Samples are differentiated together where the model allows that, and one by one where it does not, as
    with control flow that depends on the inputs.

    Args:
        model: Its parameters, gradients, buffers and modes are left as they are; it returns logits of shape (samples,
            classes).
        batches: Pairs of inputs of shape (samples, ...) and class indices of shape (samples,), read once; moved to
            the device of the model's first trainable parameter.

    Returns:
        A tensor of at least 0 for each trainable parameter by name, in its shape and at least single precision; tied
        parameters once, under their first name.

    Raises:
        InputError: If there is no sample, an input without a label, or nothing trainable.

    Reference:
        Kunstner, Balles and Hennig, "Limitations of the Empirical Fisher Approximation", NeurIPS 2019.

    Example:
        >>> model = nn.Linear(1, 2, bias=False)
        >>> _ = nn.init.zeros_(model.weight)  # p = (1/2, 1/2), so a gradient is +-x/2
        >>> fisher_diagonal(model, [(torch.tensor([[2.0], [4.0]]), torch.tensor([0, 1]))])
        {'weight': tensor([[2.5000], [2.5000]])}
    """
    parameters = trainable(model)
    sums = {name: torch.zeros_like(wide(parameter.detach())) for name, parameter in parameters.items()}
    samples = 0
    with evaluation_mode(model):
        for inputs, labels in _parts(batches, parameters):
            samples += len(labels)
            for name, squares in _summed_squares(model, parameters, inputs, labels).items():
                sums[name] += squares
    if not samples:
        raise InputError("batches must hold at least one sample, got none.")
    return {name: value / samples for name, value in sums.items()}


def _parts(
    batches: Iterable[tuple[Tensor, Tensor]], parameters: Mapping[str, nn.Parameter]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the batches on the parameters' device, in parts small enough for the gradients of single samples."""
    size = max(1, _NUMBERS_AT_ONCE // sum(parameter.numel() for parameter in parameters.values()))
    device = next(iter(parameters.values())).device
    for inputs, labels in batches:
        if len(inputs) != len(labels):
            raise InputError(f"batches must pair every input with a label, got {len(inputs)} and {len(labels)}.")
        if len(labels):
            yield from zip(inputs.to(device).split(size), labels.to(device).split(size), strict=True)


def _summed_squares(
    model: nn.Module, parameters: Mapping[str, nn.Parameter], inputs: Tensor, labels: Tensor
) -> dict[str, Tensor]:
    try:
        return _squares_together(model, parameters, inputs, labels)
    except RuntimeError:
        # What vmap cannot do it says by this error. A fault of the model or of the data comes again below.
        return _squares_one_by_one(model, parameters, inputs, labels)


def _squares_together(
    model: nn.Module, parameters: Mapping[str, nn.Parameter], inputs: Tensor, labels: Tensor
) -> dict[str, Tensor]:
    def loss(values: dict[str, Tensor], single: Tensor, label: Tensor) -> Tensor:
        logits = functional_call(model, values, (single.unsqueeze(0),))
        return F.cross_entropy(wide(logits), label.unsqueeze(0))

    values = {name: parameter.detach() for name, parameter in parameters.items()}
    with warnings.catch_warnings():
        # Recurrent and attention layers have no batching rule of their own; their result is right, and not too slow.
        warnings.filterwarnings("ignore", message="There is a performance drop", category=UserWarning)
        gradients = vmap(grad(loss), in_dims=(None, 0, 0))(values, inputs, labels)
    return {name: wide(gradient).square().sum(0) for name, gradient in gradients.items()}


def _squares_one_by_one(
    model: nn.Module, parameters: Mapping[str, nn.Parameter], inputs: Tensor, labels: Tensor
) -> dict[str, Tensor]:
    sums = {name: torch.zeros_like(wide(parameter.detach())) for name, parameter in parameters.items()}
    for single, label in zip(inputs.split(1), labels.split(1), strict=True):
        with torch.enable_grad():
            loss = F.cross_entropy(wide(forward_aside(model, single)), label)
        # Zeros stand for parameters that this sample did not use.
        gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True, materialize_grads=True)
        for name, gradient in zip(parameters, gradients, strict=True):
            sums[name] += wide(gradient).square()
    return sums
