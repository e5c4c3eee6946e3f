"""What a round hands to the next one, and how that fits a model of other classes."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from warmstart.strategies import transplant


@dataclass(frozen=True, eq=False)
class Carried:
    """All that a round hands to the next one; with the trial's settings, all that is needed to go on.

    Args:
        round: The round that has ended, counted from 1; 0 before the first.
        model: The previous model; None while there is none.
        optimizer: The state of its optimizer, where that is kept.
        seen: Indices into the pool of all that has arrived, where models have decided that; else None.
    """

    round: int = 0
    model: nn.Module | None = None
    optimizer: dict[str, Any] | None = None
    seen: torch.Tensor | None = None


def in_shape(carried: Carried, fresh: nn.Module) -> tuple[nn.Module | None, dict[str, Any] | None]:
    """Return what is carried in the fresh model's shape: after a source of other classes the head is new.

    The state of an optimizer of other shapes is of no use then.
    """
    previous = carried.model
    if previous is None or _shapes(previous) == _shapes(fresh):
        return previous, carried.optimizer
    return transplant(previous, fresh), None


def renew_head_(model: nn.Module, source: nn.Module, fresh: nn.Module) -> None:
    """Give parameters that the source's model does not have, or has in another shape, their fresh values.

    A strategy has taken them for trained ones: shrunk, a new head would begin at another scale.
    """
    known, drawn = _shapes(source), fresh.state_dict()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if known.get(name) != parameter.shape:
                parameter.copy_(drawn[name])


def _shapes(model: nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in model.state_dict().items()}
