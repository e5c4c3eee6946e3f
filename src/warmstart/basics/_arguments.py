"""Checks of arguments that many functions take: models, generators, flags, counts, tensors, labels."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ._errors import InputError, check_at_least

if TYPE_CHECKING:
    from torch import Tensor


def check_model(name: str, value: Any) -> None:
    """Raise unless ``value`` is a ``torch.nn.Module``.

    Args:
        name: The parameter as the user knows it.
        value: The value to check.

    Raises:
        InputError: Naming the parameter and the value.

    Example:
        >>> from torch import nn
        >>> check_model("model", nn.Linear(1, 1))
        >>> check_model("model", nn.Linear)
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: model must be a torch.nn.Module, got the class Linear: create an instance.
    """
    from torch import nn

    if not isinstance(value, nn.Module):
        hint = ": create an instance" if isinstance(value, type) and issubclass(value, nn.Module) else ""
        raise InputError(f"{name} must be a torch.nn.Module, got {described(value)}{hint}.")


def check_generator(name: str, value: Any) -> None:
    """Raise unless ``value`` is a ``torch.Generator`` of the CPU.

    Draws are made on the CPU, so that they are the same whatever device the model is on.

    Example:
        >>> check_generator("generator", None)
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: generator must be a torch.Generator of the CPU, got None: pass
        torch.Generator().manual_seed(0).
    """
    import torch

    if not isinstance(value, torch.Generator) or value.device.type != "cpu":
        got = f"one of {value.device}" if isinstance(value, torch.Generator) else described(value)
        raise InputError(
            f"{name} must be a torch.Generator of the CPU, got {got}: pass torch.Generator().manual_seed(0)."
        )


def check_flag(name: str, value: Any) -> None:
    """Raise unless ``value`` is True or False; any other value would count as true, such as the text "false".

    Example:
        >>> check_flag("recalibrate", "false")
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: recalibrate must be True or False, got 'false'.
    """
    import numpy as np

    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name} must be True or False, got {described(value)}.")


def check_integer(name: str, value: Any, low: int) -> None:
    """Raise unless ``value`` is a whole number of at least ``low``; None, which elsewhere means no limit, is refused.

    Example:
        >>> check_integer("every", None, 1)
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: every must be a whole number of at least 1, got None.
    """
    if value is None:
        raise InputError(f"{name} must be a whole number of at least {low}, got None.")
    check_at_least(name, value, low)


def check_tensor(name: str, value: Any, *, shape: tuple[str, ...] | None = None, floating: bool = False) -> None:
    """Raise unless ``value`` is a dense tensor of real numbers.

    Args:
        name: The parameter as the user knows it.
        value: The value to check.
        shape: What each dimension counts, where their number matters.
        floating: Only floating-point numbers pass.

    Raises:
        InputError: Naming the parameter, what it must be, and its dtype or shape.

    Example:
        >>> import torch
        >>> check_tensor("logits", torch.zeros(3), shape=("samples", "classes"))
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: logits must have shape (samples, classes), got (3,).
    """
    import torch

    if not isinstance(value, torch.Tensor):
        raise InputError(f"{name} must be a tensor, got {described(value)}.")
    if value.is_complex() or (floating and not value.is_floating_point()):
        kind = "floating-point" if floating else "real"
        raise InputError(f"{name} must be a tensor of {kind} numbers, got {value.dtype}.")
    if value.is_meta or value.layout is not torch.strided:
        found = "one on the meta device" if value.is_meta else f"one of layout {value.layout}"
        raise InputError(f"{name} must be a dense tensor with values, got {found}.")
    if shape is not None and value.ndim != len(shape):
        expected = f"({', '.join(shape)}{',' if len(shape) == 1 else ''})"
        raise InputError(f"{name} must have shape {expected}, got {tuple(value.shape)}.")


def check_labels(labels: Tensor, classes: int) -> None:
    """Raise unless every label is the index of a class.

    PyTorch's loss takes labels of -100 for samples to leave out; here every sample counts. For labels on a GPU, the
    host waits for the device.

    Args:
        labels: Whole numbers, of shape (n,).
        classes: How many the model tells apart.

    Raises:
        InputError: With the first label out of range.

    Example:
        >>> import torch
        >>> check_labels(torch.tensor([0, -100, 2]), 3)
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: labels must lie in [0, 3), got -100 in row 1.
    """
    outside = (labels < 0) | (labels >= classes)
    if outside.any():
        row = int(outside.nonzero()[0])
        raise InputError(f"labels must lie in [0, {classes}), got {int(labels[row])} in row {row}.")


def check_logits(logits: Tensor, labels: Tensor, *, with_values: bool = True) -> None:
    """Raise unless a model's logits are one row for each label, and each label is a column of them.

    Args:
        logits: What the model returned, see :func:`logits_of`.
        labels: Whole numbers, of shape (n,).
        with_values: Whether the labels' values are checked, for which the host waits for a GPU.

    Raises:
        InputError: If the logits have another shape or are complex, or a label is out of range.

    Example:
        >>> import torch
        >>> check_logits(torch.zeros(2, 3), torch.tensor([0, 3]))
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: labels must lie in [0, 3), got 3 in row 1.
    """
    if logits.ndim != 2 or len(logits) != len(labels) or not logits.is_floating_point():
        raise InputError(
            "model must return floating-point logits of shape (samples, classes), "
            f"got {logits.dtype} of shape {tuple(logits.shape)} for {len(labels)} samples."
        )
    if with_values:
        check_labels(labels, logits.shape[1])


def described(value: Any) -> str:
    """Return a value as an error message shows it: plain values shortened, others by their type.

    Example:
        >>> described("text"), described(None), described([1, 2]), described(dict)
        ("'text'", 'None', 'a list', 'the class dict')
    """
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        try:
            text = repr(value)
        except ValueError:  # Python writes out no integers of more than 4,300 digits
            return "an int of very many digits"
        return text if len(text) <= 60 else f"{text[:40]}...{text[-10:]}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = type(value).__name__
    # Whoever has a tensor has imported PyTorch; others need not wait for it.
    if "torch" in sys.modules and isinstance(value, sys.modules["torch"].Tensor):
        return f"a tensor of {value.dtype} with shape {tuple(value.shape)}"
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
