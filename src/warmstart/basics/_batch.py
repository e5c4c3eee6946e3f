"""Batches of labeled samples, as users supply them and as models take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._errors import InputError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


def as_batch(batch: Any, *, floats: bool = False) -> tuple[Tensor, Tensor]:
    """Return a batch as two tensors: inputs (n, ...) and labels (n,) as int64.

    Accepts tensors and NumPy arrays, with labels of any integer type; with ``floats`` also targets of a regression, of
    shape (n,) or (n, outputs), as float32.

    Raises:
        InputError: If ``batch`` is not such a pair.

    Example:
        >>> import numpy as np
        >>> inputs, labels = as_batch((np.zeros((2, 3), "float32"), np.array([0, 1], "int32")))
        >>> inputs.shape, labels
        (torch.Size([2, 3]), tensor([0, 1]))
    """
    import torch

    parts = [as_tensor(part) for part in batch] if isinstance(batch, list | tuple) else []
    if len(parts) == 2 and all(map(torch.is_tensor, parts)):
        inputs, labels = parts
        # Floating-point labels may be targets of a regression: rounding them would hide the mistake.
        is_float = labels.is_floating_point()
        has_shape = labels.ndim == 1 or (labels.ndim == 2 and is_float)
        is_kind = (floats or not is_float) and not labels.is_complex()
        if is_kind and has_shape and len(labels) > 0 and labels.shape[:1] == inputs.shape[:1]:
            return inputs, labels.float() if is_float else labels.long()
    kinds = [f"{part.dtype} {tuple(part.shape)}" if torch.is_tensor(part) else type(part).__name__ for part in parts]
    wanted = "labels (n,) or targets (n, outputs)" if floats else "integer labels (n,)"
    raise InputError(
        f"data must yield pairs of tensors, inputs (n, ...) and {wanted}, n at least 1, "
        f"got {type(batch).__name__}{' of ' + ', '.join(kinds) if kinds else ''}."
    )


def as_tensor(values: Any) -> Any:
    """Return a NumPy array of real numbers as a tensor, without a copy if possible, and anything else as it is.

    Example:
        >>> import numpy as np
        >>> as_tensor(np.array([1, 2], ">i2")[::-1])
        tensor([2, 1], dtype=torch.int16)
    """
    import numpy as np
    import torch

    if not isinstance(values, np.ndarray) or values.dtype.kind not in "buif":
        return values
    # Tensors support neither long double, nor foreign byte orders, nor negative strides; one on read-only memory would
    # let users write to what NumPy protects. Such arrays are copied.
    kind = np.dtype("float64") if values.dtype.itemsize > 8 else values.dtype.newbyteorder("=")
    is_usable = values.flags.writeable and all(stride >= 0 for stride in values.strides)
    return torch.from_numpy(values.astype(kind, order="C", copy=not is_usable or not values.flags.c_contiguous))


def default_scaling(inputs: Tensor) -> tuple[float, float]:
    """Return the default scale and offset of inputs: bytes are mapped from [0, 255] to [-1, 1], others are kept."""
    import torch

    return (1 / 127.5, -1.0) if inputs.dtype is torch.uint8 else (1.0, 0.0)


def prepared(inputs: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Return inputs as a model takes them, without changing the ones given.

    Bytes are images and are scaled to [-1, 1]; floating-point numbers are cast to the model's type; other integers are
    indices, such as tokens, and returned as they are.

    Args:
        inputs: Of shape (n, ...).
        dtype: Floating-point type of the model, see :func:`float_type`; None: float32.

    Example:
        >>> import torch
        >>> prepared(torch.tensor([0, 255], dtype=torch.uint8))
        tensor([-1.,  1.])
    """
    import torch

    dtype = dtype or torch.float32
    if inputs.dtype is torch.uint8:
        scale, offset = default_scaling(inputs)
        # Scaled in float32 and rounded once: in half precision, the product would be rounded before the sum.
        return inputs.float().mul_(scale).add_(offset).to(dtype)
    return inputs.to(dtype) if inputs.is_floating_point() or inputs.dtype is torch.bool else inputs


def float_type(model: nn.Module) -> torch.dtype:
    """Return the type in which a model takes floating-point inputs: that of its first floating-point parameter.

    It is float32 if there is none, or if its type is for storage only, as those of one byte are.

    Example:
        >>> from torch import nn
        >>> float_type(nn.Linear(1, 1).double())
        torch.float64
    """
    import torch
    from torch.nn.parameter import is_lazy

    for parameter in model.parameters():
        if is_lazy(parameter):
            return torch.float32
        if parameter.is_complex():
            return torch.float64 if parameter.dtype is torch.complex128 else torch.float32
        if parameter.is_floating_point():
            return parameter.dtype if parameter.element_size() > 1 else torch.float32
    return torch.float32


def upcast(tensor: Tensor) -> Tensor:
    """Return the tensor in at least single precision, since squares and sums overflow or vanish in half precision."""
    import torch

    # promote_types refuses types of one byte, such as float8.
    small = tensor.element_size() == 1
    return tensor.to(torch.float32 if small else torch.promote_types(tensor.dtype, torch.float32))


def logits_of(output: Any) -> Tensor:
    """Return the logits in a model's output.

    They are the output itself if it is a tensor; its attribute or entry ``logits``, as in Hugging Face's models; the
    first item of a tuple or list; or the only tensor of a dictionary.

    Raises:
        InputError: If the output is none of these.

    Example:
        >>> import torch
        >>> logits_of({"loss": None, "logits": torch.ones(1)})
        tensor([1.])
    """
    import torch

    if isinstance(output, torch.Tensor):
        return output
    found = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
    if found is None and isinstance(output, Mapping):
        tensors = [value for value in output.values() if isinstance(value, torch.Tensor)]
        found = tensors[0] if len(tensors) == 1 else None  # of several, any one would be a guess
    if found is None and isinstance(output, tuple | list) and output:
        found = output[0]
    if not isinstance(found, torch.Tensor):
        what = f" with the entries {', '.join(map(str, output))}" if isinstance(output, Mapping) else ""
        raise InputError(
            "model must return logits: a tensor, a tuple or list that starts with one, or an object or dictionary with "
            f"'logits', got {type(output).__name__}{what}."
        )
    return found
