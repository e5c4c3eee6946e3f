"""Comparison of two models by the names and shapes of their tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ._errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

MISSING = "The models differ: parameter '{name}' is missing in the second one."
SHAPES = "The models differ: parameter '{name}' has shape {one} in the first and {other} in the second one."


def check_same_shapes(
    one: Mapping[str, Tensor], other: Mapping[str, Tensor], *, missing: str = MISSING, shapes: str = SHAPES
) -> None:
    """Raise unless ``other`` holds every tensor of ``one``, with the same name and shape.

    Dtypes, devices, values and further tensors in ``other`` do not matter.

    Args:
        one: Tensors by name.
        other: Tensors by name.
        missing: Message for a tensor that is not in ``other``; a format string with ``{name}``.
        shapes: Message for a tensor of another shape; a format string with ``{name}``, ``{one}`` and ``{other}``.

    Raises:
        InputError: For the first tensor of ``one`` that is missing or has another shape.

    Example:
        >>> import torch
        >>> check_same_shapes({"bias": torch.zeros(2)}, {"weight": torch.zeros(3, 2), "bias": torch.ones(2)})
        >>> check_same_shapes({"bias": torch.zeros(2)}, {"bias": torch.zeros(3)})
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: The models differ: parameter 'bias' has shape (2,) in the first and (3,)
        in the second one.
    """
    # Equality, not whether they broadcast: copying (3,) into (2, 3) would succeed and be wrong.
    for name, tensor in one.items():
        if name not in other:
            raise InputError(missing.format(name=name))
        if other[name].shape != tensor.shape:
            raise InputError(shapes.format(name=name, one=tuple(tensor.shape), other=tuple(other[name].shape)))
