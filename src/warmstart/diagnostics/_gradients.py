"""Norms of gradients: how strongly data pull at a model's weights."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

import torch
from torch import nn

from warmstart.basics import (
    InputError,
    added_later,
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
from warmstart.training import CROSS_ENTROPY, Loss, TensorData, batches, temporary_mode

from ._measurement import Measurement, Moment, When, check_moment
from ._weights import joint_norm, real


class Average(StrEnum):
    """What is averaged when the gradient of data is measured.

    ``GRADIENTS``: the gradients of all samples; the norm is that of their mean. ``NORMS``: the norms of batches'
    gradients, which are larger the smaller the batches are, since differences between samples do not cancel.
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
    loss: Loss = CROSS_ENTROPY,
) -> float:
    """Return the L2 norm of the gradient of the mean loss over all of the data: ||grad (1/n) sum_i loss_i||.

    With ``average="norms"`` it is the mean over batches of the norm of each batch's gradient,
    (1/B) sum_b ||grad (1/n_b) sum_i loss_i||.

    Running statistics, ``.grad``, modes and attributes of the model, and the global generators, are left as they are.

    Args:
        model: Its trainable parameters count, as the optimizer has them, tied ones once; one that the loss does not
            reach counts as 0. It may be wrapped.
        data: At least one sample: ``TensorData``, a ``DataLoader``, or any iterable of inputs and labels, read once.
            Inputs are prepared as for training.
        batch_size: Samples per batch, at least 1; a loader has its own. It does not change the norm of the mean
            gradient beyond rounding, unless dropout or normalization by a batch's statistics is on.
        training: In training mode, with dropout and each batch's statistics, as training sees the model; single layers
            in evaluation mode stay there. By default in evaluation mode, with running statistics, which do not fit
            right after weights were shrunk.
        average: Of the gradients, or of the norms of batches.
        generator: A CPU generator; decides dropout. By default the same draws at every call.
        loss: Of a batch, such as ``SquaredError()``.

    Returns:
        At least 0, summed in float64; not finite where the loss is not.

    Raises:
        InputError: If there are no samples, a label is out of range, nothing is trainable, or an option is invalid.

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
    weights_of(model)  # raises for a weight without values, as of a lazy layer
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
    with undisturbed(inner), temporary_mode(inner, training=training), seeded_globals(draws), torch.enable_grad():
        for inputs, labels in prepared_batches(inner, parts, floats=loss.takes_floats):
            outputs = logits_of(inner(inputs))
            if loss.takes_floats:
                loss.check_outputs(outputs, labels)
                loss.check_targets(labels, outputs.shape[-1])
            else:
                check_logits(outputs, labels)
            # Summed, so that batches of any size add up; zeros where the loss does not reach a parameter.
            total_loss = loss(outputs, labels, reduction="sum")
            found = torch.autograd.grad(total_loss, weights, materialize_grads=True)
            # A sparse gradient, of an embedding, lists a row as often as it was read.
            gradients = [real(each if each.layout is torch.strided else each.to_dense()) for each in found]
            samples += len(labels)
            if average is Average.NORMS:
                norms.append(joint_norm(gradients) / len(labels))
                continue
            for total, gradient in zip(totals, gradients, strict=True):
                total += gradient
    if not samples:
        raise InputError("data must hold at least one sample to take a gradient on, got 0.")
    return sum(norms) / len(norms) if norms else joint_norm(totals) / samples


def gradient_norms(
    model: nn.Module,
    parts: Mapping[str, TensorData | Iterable[Any]],
    *,
    batch_size: int = 128,
    training: bool = False,
    average: Average = Average.GRADIENTS,
    generator: torch.Generator | None = None,
) -> dict[str, float]:
    """Return the gradient norm of each part of the data by its name; options as in :func:`gradient_norm`.

    Args:
        model: Left as it is.
        parts: Data by name, such as those already seen and those that have just arrived.
        batch_size: Samples per batch.
        training: In training mode.
        average: Of the gradients, or of the norms of batches.
        generator: Decides dropout, one part after the other. By default the same draws for every part.

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


@dataclass(frozen=True)
class GradientNorms(Measurement):
    """At the start of a round and after its epochs: ``old gradient`` and ``new gradient``.

    With ``average="norms"`` they are called ``old batch gradient`` and ``new batch gradient``, so that a study may
    measure both.

    Each is :func:`warmstart.gradient_norm` over samples of what had arrived before, or has arrived for this round. In
    training mode, since running statistics do not fit right after weights were shrunk. Without earlier data there is
    only the new one.

    Args:
        every: Epochs between measurements, at least 1.
        samples: Number of samples of each part at most, drawn once per round, at least 1.
        average: Of the gradients, or of the norms of batches, as in the paper.
        batch_size: Samples per batch, at least 1.

    Reference:
        Ash and Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020, figure 5.

    Example:
        >>> GradientNorms(every=5).samples
        1024
    """

    needs_loss: ClassVar[bool] = True
    every: int = 1
    samples: int = 1024
    average: Average = added_later(Average.GRADIENTS)
    batch_size: int = added_later(128)

    def __post_init__(self) -> None:
        """Check the options."""
        check_integer("every", self.every, 1)
        check_integer("samples", self.samples, 1)
        check_integer("batch_size", self.batch_size, 1)
        object.__setattr__(self, "average", choice(Average, self.average, name="average"))

    def __call__(self, moment: Moment) -> Mapping[str, float | None]:
        """Return the norms; none at the end, which is the moment of the last epoch once more."""
        check_moment(moment)
        if moment.when is When.END or moment.epoch % self.every:
            return {}
        if moment.loss is None:
            raise InputError("GradientNorms needs a built-in learner, got a moment without a loss.")
        options: dict[str, Any] = {"batch_size": self.batch_size, "training": True, "average": self.average}
        options["loss"] = moment.loss
        norms: dict[str, float | None] = {}
        what = "gradient" if self.average is Average.GRADIENTS else "batch gradient"
        for name, part in ((f"old {what}", moment.old), (f"new {what}", moment.new)):
            if part is not None:
                # The generator is the same at every moment, and so are the samples.
                order = torch.randperm(len(part), generator=moment.generator, device="cpu")
                norms[name] = gradient_norm(moment.model, part.take(order[: self.samples]), **options)
        return norms
