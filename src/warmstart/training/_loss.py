"""What a step minimizes."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import nn

from warmstart.basics import InputError, check_labels, logits_of, unwrapped, upcast
from warmstart.penalties import Penalty


def loss_of(
    model: nn.Module,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    penalty: Penalty | None,
    *,
    check: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the logits of a batch and its loss: mean cross-entropy, plus the penalty where there is one.

    Args:
        model: In the mode that is wanted.
        inputs: As the model takes them.
        labels: Class indices.
        penalty: Added to the loss.
        check: Labels that have to be classes of the model, such as all of the data; None: they are known to be.
    """
    logits = logits_of(model(inputs))
    check_logits(logits, labels)
    if check is not None:
        check_labels(check, logits.shape[1])
        if not logits.requires_grad:
            raise InputError(
                "model must return logits that depend on a trainable parameter, got none that do: its parameters are "
                "frozen, not used, or used without gradients."
            )
    loss = F.cross_entropy(upcast(logits), labels)
    return logits, loss if penalty is None else loss + penalty(unwrapped(model), inputs, labels, logits)


def check_logits(logits: torch.Tensor, labels: torch.Tensor) -> None:
    """Raise unless there is a row of logits for each label."""
    if logits.ndim != 2 or len(logits) != len(labels) or not logits.is_floating_point():
        raise InputError(
            f"model must return logits of shape (n, classes), one output for each class; for n = {len(labels)} it "
            f"returned {logits.dtype} of shape {tuple(logits.shape)}."
        )


@contextmanager
def explained(inputs: torch.Tensor) -> Iterator[None]:
    """Tell in one sentence what a model that fails on a batch was given."""
    try:
        yield
    except (InputError, torch.OutOfMemoryError):
        raise
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError) as error:
        reason = str(error).splitlines()[0] if str(error) else "no message"
        shape = ", ".join(map(str, inputs.shape[1:]))
        raise InputError(
            f"model must take inputs of shape (n, {shape}) and type {inputs.dtype}, got {type(error).__name__} for "
            f"n = {len(inputs)}: {reason}"
        ) from error
