"""The same names and shapes in two models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ._errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

MISSING = "The models differ: parameter '{name}' is missing in the second one."
SHAPES = "The models differ: parameter '{name}' has shape {one} in the first and {other} in the second one."


def check_same_shapes(
    one: Mapping[str, Tensor],
    other: Mapping[str, Tensor],
    *,
    missing: str = MISSING,
    shapes: str = SHAPES,
) -> None:
    """Raise unless ``other`` holds every tensor of ``one``, by name and in the same shape.

    Dtypes, devices and values do not matter, and neither do further tensors in ``other``.

    Args:
        one: By name.
        other: By name.
        missing: The error for a tensor that is not in ``other``, with a place for its ``name``.
        shapes: The error for a tensor of another shape, with places for its ``name``, and its shape in ``one`` and in
            the ``other``.

    Raises:
        InputError: Naming the first tensor of ``one``, in its order, that is missing or has another shape.

    Example:
        >>> import torch
        >>> check_same_shapes({"bias": torch.zeros(2)}, {"weight": torch.zeros(3, 2), "bias": torch.ones(2)})
        >>> check_same_shapes({"bias": torch.zeros(2)}, {"bias": torch.zeros(3)})
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: The models differ: parameter 'bias' has shape (2,) in the first and (3,)
        in the second one.
    """
    for name, tensor in one.items():
        if name not in other:
            raise InputError(missing.format(name=name))
        if other[name].shape != tensor.shape:
            raise InputError(shapes.format(name=name, one=tuple(tensor.shape), other=tuple(other[name].shape)))
