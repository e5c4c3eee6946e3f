"""How strongly data pull at a model's weights."""

import copy
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import nn

from warmstart.basics import InputError, generator_for, seeded_globals
from warmstart.training import TensorData, batches, mode

from ._weights import joint_norm, trainable


def gradient_norm(
    model: nn.Module,
    data: TensorData,
    *,
    batch_size: int = 128,
    training: bool = False,
    generator: torch.Generator | None = None,
) -> float:
    """Return the L2 norm of the gradient of the mean cross-entropy over all of the data: ||grad (1/n) sum_i loss_i||.

    It is the norm of the one gradient of the whole data, not a mean of the norms of batches, which noise makes larger
    the smaller the batches are.

    The model stays as it is: running statistics, ``.grad``, modes and the global generators. All the work is done on
    a copy.

    Args:
        model: Its trainable parameters count, tied ones once; one that the loss does not reach counts as 0.
        data: At least one sample, on the model's device.
        batch_size: Samples at once, at least 1. It does not change the result beyond rounding, unless normalization
            by the batch's own statistics or dropout is on.
        training: In training mode, with dropout and with the statistics of each batch, as training itself sees the
            model; layers that were put into evaluation mode one by one stay there. By default in evaluation mode:
            with running statistics, which right after weights were shrunk do not fit them.
        generator: A CPU generator; decides dropout. By default the same draws at every call.

    Returns:
        At least 0, summed in float64; not finite where the loss is not.

    Raises:
        InputError: If there are no samples, nothing is trainable, or ``batch_size`` is out of range.

    Reference:
        Ash and Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020, figure 5, which shows an average norm
        and leaves open what is averaged.

    Example:
        >>> layer = nn.Linear(1, 2, bias=False)
        >>> _ = nn.init.zeros_(layer.weight)
        >>> round(gradient_norm(layer, TensorData(torch.ones(3, 1), torch.zeros(3).long())), 4)
        0.7071
    """
    if not len(data):
        raise InputError("data must hold at least one sample to take a gradient on, got 0.")
    copied, order = copy.deepcopy(model), torch.arange(len(data), device=data.device)
    weights = list(trainable(copied).values())
    totals = [torch.zeros_like(weight, dtype=torch.float64) for weight in weights]
    draws = generator or generator_for("dropout of a gradient norm")
    with mode(copied, training=training), seeded_globals(draws), torch.enable_grad():
        for part in batches(order, batch_size):
            for total, gradient in zip(totals, _summed_gradient(copied, weights, data.batch(part)), strict=True):
                total += gradient
    return joint_norm(totals) / len(data)


def _summed_gradient(
    model: nn.Module, weights: list[nn.Parameter], batch: tuple[torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, ...]:
    """Return the gradient of the batch's summed loss, zeros where the loss does not reach."""
    inputs, labels = batch
    loss = F.cross_entropy(model(inputs).float(), labels, reduction="sum")
    return torch.autograd.grad(loss, weights, materialize_grads=True)


def gradient_norms(
    model: nn.Module,
    parts: Mapping[str, TensorData],
    *,
    batch_size: int = 128,
    training: bool = False,
    generator: torch.Generator | None = None,
) -> dict[str, float]:
    """Return the gradient norm of each part of the data by its name, side by side; see :func:`gradient_norm`.

    Args:
        model: Left as it is.
        parts: Data by name, such as those already seen and those that have just arrived.
        batch_size: Samples at once.
        training: In training mode.
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
    return {
        name: gradient_norm(model, data, batch_size=batch_size, training=training, generator=generator)
        for name, data in parts.items()
    }
