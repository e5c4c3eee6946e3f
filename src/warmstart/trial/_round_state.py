"""What a round passes to the next one, and how that fits a model of other classes."""

from dataclasses import dataclass

import torch
from torch import nn

from warmstart.basics import tensors_of
from warmstart.strategies import grown_place, transplant
from warmstart.training import Head, NamedState


@dataclass(frozen=True, eq=False)
class RoundState:
    """All that a round passes to the next one; with the trial's settings, all that is needed to resume.

    Args:
        round: The round that has ended, counted from 1; 0 before the first.
        model: The previous model; None while there is none.
        optimizer: The state of its optimizer by the names of parameters, where that is kept.
        seen: Indices into the pool of all that has arrived, where models have decided that; else None.
    """

    round: int = 0
    model: nn.Module | None = None
    optimizer: NamedState | None = None
    seen: torch.Tensor | None = None


def in_shape(round_state: RoundState, fresh: nn.Module, *, head: Head) -> nn.Module | None:
    """Return the previous model in the fresh model's shape: after a source of other classes the head is new."""
    previous = round_state.model
    if previous is None or _shapes(previous) == _shapes(fresh):
        return previous
    return transplant(previous, fresh, partial=head is Head.GROW)


def renew_head_(model: nn.Module, source: nn.Module, fresh: nn.Module, *, head: Head) -> None:
    """Give parameters that the source's model does not have, or has in another shape, their fresh values.

    A strategy has taken them for trained ones: shrunk, a new head would begin at another scale. Of what has only grown,
    ``Head.GROW`` renews what is new.
    """
    known, drawn = _shapes(source), tensors_of(fresh)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            old = known.get(name)
            if old == parameter.shape:
                continue
            place = grown_place(old, parameter.shape) if old is not None and head is Head.GROW else None
            kept = None if place is None else parameter[place].clone()
            parameter.copy_(drawn[name])
            if place is not None and kept is not None:
                parameter[place].copy_(kept)


def _shapes(model: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors_of(model).items()}
