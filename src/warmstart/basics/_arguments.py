"""Checks of arguments that many functions take: models, generators, flags, counts, tensors, labels.

``name`` is always the parameter as the user typed it, and every check raises an :class:`InputError` that shows it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ._errors import InputError, check_at_least

if TYPE_CHECKING:
    from torch import Tensor


def check_model(name: str, value: Any) -> None:
    """Raise unless ``value`` is a ``torch.nn.Module``.

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
    """Raise unless ``value`` is a ``torch.Generator`` on the CPU.

    Example:
        >>> check_generator("generator", None)
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: generator must be a torch.Generator on the CPU, got None: pass
        torch.Generator().manual_seed(0).
    """
    import torch

    # Draws are made on the CPU, so that they are the same whatever device the model is on.
    if not isinstance(value, torch.Generator) or value.device.type != "cpu":
        got = f"one on {value.device}" if isinstance(value, torch.Generator) else described(value)
        raise InputError(
            f"{name} must be a torch.Generator on the CPU, got {got}: pass torch.Generator().manual_seed(0)."
        )


def check_flag(name: str, value: Any) -> None:
    """Raise unless ``value`` is True or False.

    Example:
        >>> check_flag("recalibrate", "false")
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: recalibrate must be True or False, got 'false'.
    """
    import numpy as np

    # No truthiness: the text "false" would count as true.
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name} must be True or False, got {described(value)}.")


def check_integer(name: str, value: Any, low: int) -> None:
    """Raise unless ``value`` is a whole number of at least ``low``.

    Example:
        >>> check_integer("every", None, 1)
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: every must be a whole number of at least 1, got None.
    """
    if value is None:  # which check_at_least accepts as "no limit"
        raise InputError(f"{name} must be a whole number of at least {low}, got None.")
    check_at_least(name, value, low)


def check_tensor(name: str, value: Any, *, shape: tuple[str, ...] | None = None, floating: bool = False) -> None:
    """Raise unless ``value`` is a dense tensor of real numbers.

    Args:
        name: The parameter as the user typed it.
        value: The value to check.
        shape: Name of each dimension; None: any number of dimensions.
        floating: Whether integers and booleans are refused.

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
    # Sparse and meta tensors would fail later, in the middle of the work, with a message about missing kernels.
    if value.is_meta or value.layout is not torch.strided:
        found = "one on the meta device" if value.is_meta else f"one of layout {value.layout}"
        raise InputError(f"{name} must be a dense tensor with values, got {found}.")
    if shape is not None and value.ndim != len(shape):
        # As Python writes tuples, so that both sides of the message compare.
        expected = f"({', '.join(shape)}{',' if len(shape) == 1 else ''})"
        raise InputError(f"{name} must have shape {expected}, got {tuple(value.shape)}.")


def check_labels(labels: Tensor, classes: int) -> None:
    """Raise unless every label, of an integer tensor of shape (n,), is in [0, ``classes``).

    If the labels are on a GPU, the host waits for the device.

    Example:
        >>> import torch
        >>> check_labels(torch.tensor([0, -100, 2]), 3)
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: labels must lie in [0, 3), got -100 in row 1.
    """
    # Including -100, by which PyTorch's loss ignores a sample: here every sample counts.
    outside = (labels < 0) | (labels >= classes)
    if outside.any():
        row = int(outside.nonzero()[0])
        raise InputError(f"labels must lie in [0, {classes}), got {int(labels[row])} in row {row}.")


def check_logits(logits: Tensor, labels: Tensor, *, with_values: bool = True) -> None:
    """Raise unless a model's logits have a row for each label, and a column for the value of each label.

    Args:
        logits: What the model returned, see :func:`logits_of`.
        labels: Integers, of shape (n,).
        with_values: Whether the labels' values are checked, for which the host waits for a GPU.

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
    """Return how an error message describes a value: plain values shortened, others by their type.

    Example:
        >>> described("text"), described(None), described([1, 2]), described(dict)
        ("'text'", 'None', 'a list', 'the class dict')
    """
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        try:
            text = repr(value)
        except ValueError:  # Python refuses to write them out
            return "an integer of more than 4,300 digits"
        return text if len(text) <= 60 else f"{text[:40]}...{text[-10:]}"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = type(value).__name__
    # Not imported here: whoever has a tensor has imported PyTorch, and others need not wait for it.
    if "torch" in sys.modules and isinstance(value, sys.modules["torch"].Tensor):
        return f"a tensor of {value.dtype} with shape {tuple(value.shape)}"
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
