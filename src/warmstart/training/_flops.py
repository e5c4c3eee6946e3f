"""Counting floating-point operations."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from warmstart.basics import InputError, seeded_globals, undisturbed
from warmstart.penalties import Penalty

from ._loss import loss_of


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
    check: torch.Tensor | None = None,
) -> float | None:
    """Return the operations of one forward and backward pass, a penalty's own passes included, for one sample.

    Counted in passes apart from training, which leave no trace in the model: the counter slows a step down several
    times over, and at its first use in a process it spends the better part of a second on imports, which are no cost of
    training. Two samples and three do for a model that takes as much for each of them in both; others, such as one that
    works on groups within a batch, need the whole batch.

    Args:
        model: Left as it is, in its present mode.
        inputs: A batch.
        labels: Its labels.
        penalty: Added to the loss.
        check: As of :func:`loss_of`.

    Returns:
        None if the pass fails, as for a model that cannot have its inputs so, or that the counter cannot follow.

    Raises:
        InputError: If the data or the penalty do not fit the model.
    """
    if any(hasattr(module, "unshard") for module in model.modules()):
        return None  # FSDP exchanges the parameters of its modules during a pass, and a pass aside would leave traces
    few = [_counted(model, inputs[:count], labels[:count], penalty, check) for count in (2, 3) if len(labels) > 3]
    if few and few[0] is not None and few[0] == few[1]:
        return few[0]
    return _counted(model, inputs, labels, penalty, check)


def _counted(
    model: nn.Module,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    penalty: Penalty | None,
    check: torch.Tensor | None,
) -> float | None:
    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    try:
        seeded = seeded_globals(torch.Generator().manual_seed(0))
        with undisturbed(model), seeded, torch.enable_grad(), count_flops() as count:
            # Not .backward(), which would add to the gradients and call the hooks that wait for them.
            loss = loss_of(model, inputs, labels, penalty, check=check)[1]
            torch.autograd.grad(loss, weights, allow_unused=True)
    except InputError:
        raise
    except Exception:  # whatever a user's model does
        return None
    return count.total / len(labels)
