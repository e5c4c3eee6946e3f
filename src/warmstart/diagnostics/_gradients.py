"""How strongly data pull at a model's weights."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from warmstart.basics import (
    InputError,
    check_flag,
    check_generator,
    check_integer,
    check_logits,
    check_model,
    check_trainable,
    choice,
    described,
    generator_for,
    logits_of,
    seeded_globals,
    undisturbed,
    unwrapped,
    weights_of,
)
from warmstart.penalties import prepared_batches
from warmstart.training import TensorData, batches, mode

from ._weights import joint_norm, real


class Average(StrEnum):
    """What is averaged over data when their gradient is measured.

    ``GRADIENTS``: the gradients of all samples; the norm is that of their mean. ``NORMS``: the norms of batches'
    gradients, which are larger the smaller the batches are, for what differs between samples does not cancel.
    """

    GRADIENTS = "gradients"
    NORMS = "norms"


def gradient_norm(
    model: nn.Module,
    data: TensorData | Iterable[Any],
    *,
    batch_size: int = 128,
    training: bool = False,
    average: Average = Average.GRADIENTS,
    generator: torch.Generator | None = None,
) -> float:
    """Return the L2 norm of the gradient of the mean cross-entropy over all of the data: ||grad (1/n) sum_i loss_i||.

    By default it is the norm of the one gradient of the whole data. With ``average="norms"`` it is the mean over
    batches of the norm of each batch's gradient, (1/B) sum_b ||grad (1/n_b) sum_i loss_i||.

    The model stays as it is: running statistics, ``.grad``, modes, what its passes keep, and the global generators.

    Args:
        model: Its trainable parameters count, as the optimizer has them, tied ones once; one that the loss does not
            reach counts as 0. Wrappers are looked through.
        data: At least one sample: ``TensorData``, a ``DataLoader``, or any iterable of inputs and labels, read once.
            Inputs are prepared as for training.
        batch_size: Samples at once, at least 1; a loader has its own. It does not change the norm of the mean gradient
            beyond rounding, unless normalization by the batch's own statistics or dropout is on.
        training: In training mode, with dropout and with the statistics of each batch, as training itself sees the
            model; layers that were put into evaluation mode one by one stay there. By default in evaluation mode:
            with running statistics, which right after weights were shrunk do not fit them.
        average: Of the gradients, or of the norms of batches.
        generator: A CPU generator; decides dropout. By default the same draws at every call.

    Returns:
        At least 0, summed in float64; not finite where the loss is not.

    Raises:
        InputError: If there are no samples, a label is out of range, nothing is trainable, or an option is not what it
            should be.

    Reference:
        Ash and Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020, figure 5, which shows the average of
        the norms of batches' gradients.

    Example:
        >>> layer = nn.Linear(1, 2, bias=False)
        >>> _ = nn.init.zeros_(layer.weight)
        >>> round(gradient_norm(layer, TensorData(torch.ones(3, 1), torch.zeros(3).long())), 4)
        0.7071
    """
    check_model("model", model)
    check_trainable(model)
    check_integer("batch_size", batch_size, 1)
    check_flag("training", training)
    average = choice(Average, average, name="average")
    if generator is not None:
        check_generator("generator", generator)
    weights_of(model)  # a weight without values, as of a lazy layer, is refused
    inner = unwrapped(model)
    weights = [parameter for parameter in inner.parameters() if parameter.requires_grad]
    totals = [torch.zeros_like(real(weight.detach()), dtype=torch.float64) for weight in weights]
    norms: list[float] = []
    samples = 0
    parts: Iterable[Any] = data
    if isinstance(data, TensorData):
        order = torch.arange(len(data), device=data.device)
        parts = (data.batch(indices) for indices in batches(order, batch_size))
    draws = generator or generator_for("dropout of a gradient norm")
    with undisturbed(inner), mode(inner, training=training), seeded_globals(draws), torch.enable_grad():
        for inputs, labels in prepared_batches(inner, parts):
            gradients = _summed_gradient(inner, weights, inputs, labels)
            samples += len(labels)
            if average is Average.NORMS:
                norms.append(joint_norm(gradients) / len(labels))
                continue
            for total, gradient in zip(totals, gradients, strict=True):
                total += gradient
    if not samples:
        raise InputError("data must hold at least one sample to take a gradient on, got 0.")
    return sum(norms) / len(norms) if norms else joint_norm(totals) / samples


def _summed_gradient(model: nn.Module, weights: list[nn.Parameter], inputs: Tensor, labels: Tensor) -> list[Tensor]:
    """Return the gradient of the batch's summed loss, zeros where the loss does not reach."""
    logits = logits_of(model(inputs))
    check_logits(logits, labels)
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    found = torch.autograd.grad(F.cross_entropy(wide, labels, reduction="sum"), weights, materialize_grads=True)
    # Of a sparse embedding, a row is listed as often as it was read.
    dense = (gradient if gradient.layout is torch.strided else gradient.to_dense() for gradient in found)
    return [real(gradient) for gradient in dense]


def gradient_norms(
    model: nn.Module,
    parts: Mapping[str, TensorData | Iterable[Any]],
    *,
    batch_size: int = 128,
    training: bool = False,
    average: Average = Average.GRADIENTS,
    generator: torch.Generator | None = None,
) -> dict[str, float]:
    """Return the gradient norm of each part of the data by its name, side by side; see :func:`gradient_norm`.

    Args:
        model: Left as it is.
        parts: Data by name, such as those already seen and those that have just arrived.
        batch_size: Samples at once.
        training: In training mode.
        average: Of the gradients, or of the norms of batches.
        generator: Decides dropout, part by part in their order. By default the same draws for every part.

    Raises:
        InputError: If a part has no samples, or nothing is trainable.

    Example:
        >>> layer = nn.Linear(1, 2, bias=False)
        >>> _ = nn.init.zeros_(layer.weight)
        >>> old = TensorData(torch.ones(2, 1), torch.tensor([0, 1]))
        >>> new = TensorData(torch.ones(2, 1), torch.tensor([1, 1]))
        >>> norms = gradient_norms(layer, {"old": old, "new": new})
        >>> {name: round(norm, 4) for name, norm in norms.items()}
        {'old': 0.0, 'new': 0.7071}
    """
    if not isinstance(parts, Mapping):
        raise InputError(f"parts must be a mapping from names to data, got {described(parts)}.")
    options: dict[str, Any] = {"batch_size": batch_size, "training": training, "average": average}
    return {name: gradient_norm(model, data, **options, generator=generator) for name, data in parts.items()}
