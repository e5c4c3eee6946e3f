"""What of one model fits into another."""

import torch
from torch import nn

from warmstart.basics import (
    InputError,
    canonical_tensors,
    check_flag,
    check_has_values,
    check_model,
    copy_model,
    weights_of,
)

from ._parameters import check_changeable


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
    check_model("previous", previous)
    check_model("fresh", fresh)
    for name, model in (("previous", previous), ("fresh", fresh)):
        check_has_values(name, model)
    check_flag("partial", partial)
    model = copy_model(fresh)
    found, theirs = canonical_tensors(model), canonical_tensors(previous)
    # Before anything is copied: an error must not leave half a transplant.
    check_changeable(found)
    fitting: dict[str, tuple[slice, ...]] = {}
    for name, value in found.items():
        old = theirs[name].shape if name in theirs else None
        place = None if old is None or (old != value.shape and not partial) else grown_place(old, value.shape)
        if place is not None:
            fitting[name] = place
    if not fitting.keys() & canonical_tensors(model, parameters=True).keys():
        raise InputError(
            "previous must share a parameter's name and shape with fresh, but no parameter of previous matches one of "
            "fresh."
        )
    with torch.no_grad():
        for name, place in fitting.items():
            found[name][place].copy_(theirs[name])
    for weight in weights_of(model).values():
        weight.refresh_()
    return model


def grown_place(old: torch.Size, new: torch.Size) -> tuple[slice, ...] | None:
    """Return where in a tensor of shape ``new`` one of shape ``old`` goes: at the beginning of every dimension.

    None where it does not fit.

    Example:
        >>> grown_place(torch.Size([2, 3]), torch.Size([4, 3]))
        (slice(0, 2, None), slice(0, 3, None))
    """
    fits = len(old) == len(new) and all(length <= room for length, room in zip(old, new, strict=True))
    return tuple(slice(0, length) for length in old) if fits else None
