"""What of one model fits into another."""

import torch
from torch import nn

from warmstart.basics import InputError, canonical_names, copy_model, tensors_of, unwrapped


def transplant(previous: nn.Module, fresh: nn.Module, *, partial: bool = False) -> nn.Module:
    """Return a copy of ``fresh`` with every parameter and buffer of ``previous`` of the same name and shape.

    Where two data sets have different classes, that is everything but a new head.

    Args:
        previous: Left untouched, and so is ``fresh``; either may be wrapped, as by ``torch.compile``.
        fresh: Gives the shapes, and the values of what does not fit.
        partial: Whether a tensor that has grown keeps what it had: where every dimension is at least as long as in
            ``previous``, the first rows, columns, ... are the previous ones and the others are fresh. So old classes
            keep their outputs where new ones are added at the end, and old channels their kernels.

    Raises:
        InputError: If no parameter fits; a buffer alone, such as BatchNorm's count of batches, does not do.

    Example:
        >>> old, new = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4)), nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 5))
        >>> model = transplant(old, new)
        >>> bool((model[0].weight == old[0].weight).all()), bool((model[1].weight == new[1].weight).all())
        (True, True)
        >>> bool((transplant(old, new, partial=True)[1].weight[:4] == old[1].weight).all())
        True
    """
    model = copy_model(fresh)
    found, theirs = (_by_canonical_name(each) for each in (model, previous))
    places = {name: _place(theirs[name].shape, value.shape, partial) for name, value in found.items() if name in theirs}
    fitting = {name: place for name, place in places.items() if place is not None}
    if not any(isinstance(found[name], nn.Parameter) for name in fitting):
        raise InputError(
            "previous must share a parameter's name and shape with fresh, but no parameter of previous matches one of "
            "fresh."
        )
    with torch.no_grad():
        for name, place in fitting.items():
            found[name][place].copy_(theirs[name])
    return model


def _by_canonical_name(model: nn.Module) -> dict[str, torch.Tensor]:
    tensors = tensors_of(unwrapped(model))
    names = canonical_names(tensors)
    return {names[name]: tensor for name, tensor in tensors.items()}


def _place(old: torch.Size, new: torch.Size, partial: bool) -> tuple[slice, ...] | None:
    """Return where in a tensor of shape ``new`` one of shape ``old`` goes; None where it does not fit."""
    fits = old == new or (partial and len(old) == len(new) and all(a <= b for a, b in zip(old, new, strict=True)))
    return tuple(slice(0, length) for length in old) if fits else None
