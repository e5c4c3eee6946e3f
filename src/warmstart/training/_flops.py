"""Counting floating-point operations."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from warmstart.basics import InputError, seeded_globals, undisturbed
from warmstart.penalties import Penalty

from ._loss import CROSS_ENTROPY, Loss, loss_of


class FlopCount:
    """What was counted; complete when the context of :func:`count_flops` has ended."""

    total: int = 0


@contextmanager
def count_flops() -> Iterator[FlopCount]:
    """Count the floating-point operations that run within the context, backward passes included.

    Matrix products and convolutions count, two operations for a multiply-add; element-wise work does not.

    Example:
        >>> import torch
        >>> with count_flops() as count:
        ...     _ = torch.ones(2, 3) @ torch.ones(3, 4)
        >>> count.total
        48
    """
    count = FlopCount()
    with FlopCounterMode(display=False) as mode:
        yield count
    count.total = mode.get_total_flops()


def flops_per_sample(
    model: nn.Module,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    penalty: Penalty | None,
    *,
    loss: Loss = CROSS_ENTROPY,
    check: torch.Tensor | None = None,
) -> float | None:
    """Return the operations of one forward and backward pass, a penalty's own passes included, per sample.

    Args as in :func:`loss_of`; the model is left as it is.

    Returns:
        None if the pass fails, as for a model that does not support the inputs' memory format or the counter.

    Raises:
        InputError: If the data or the penalty do not fit the model.
    """
    # In passes apart from training: the counter slows a step down several times over, and its first use in a process
    # spends most of a second on imports, which are no cost of training.
    if any(hasattr(module, "unshard") for module in model.modules()):
        return None  # FSDP exchanges the parameters of its modules during a pass, and a pass aside would leave traces
    # Batches of 2 and of 3 samples suffice for a model that takes as much per sample in both. Others, such as one that
    # works on groups within a batch, need the whole batch, which takes as long as a step.
    few: list[float | None] = []
    for count in (2, 3, len(labels)) if len(labels) > 3 else (len(labels),):
        weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
        seeded = seeded_globals(torch.Generator().manual_seed(0))
        try:
            with undisturbed(model), seeded, torch.enable_grad(), count_flops() as counted:
                # Not .backward(), which would add to the gradients and call the hooks that wait for them.
                value = loss_of(model, inputs[:count], labels[:count], penalty, loss=loss, check=check)[1]
                torch.autograd.grad(value, weights, allow_unused=True)
            few.append(counted.total / count)
        except InputError:
            raise
        except Exception:  # whatever a user's model does
            few.append(None)
        if len(few) == 2 and few[0] is not None and few[0] == few[1]:
            break
    return few[-1]
