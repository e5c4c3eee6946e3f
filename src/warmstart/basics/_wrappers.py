"""Wrappers around a model: compiled, distributed, averaged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

# The attribute that holds the wrapped module, by the wrapper's module and class. Compared by name, since importing the
# classes would import torch._dynamo, and Lightning, which may not be installed.
_WRAPPED_ATTRIBUTES = {
    ("torch._dynamo.eval_frame", "OptimizedModule"): "_orig_mod",
    ("torch.nn.parallel.distributed", "DistributedDataParallel"): "module",
    ("torch.nn.parallel.data_parallel", "DataParallel"): "module",
    ("torch.optim.swa_utils", "AveragedModel"): "module",
    ("torch.distributed.algorithms._checkpoint.checkpoint_wrapper", "CheckpointWrapper"): "_checkpoint_wrapped_module",
    ("lightning.fabric.wrappers", "_FabricModule"): "_forward_module",
    ("lightning_fabric.wrappers", "_FabricModule"): "_forward_module",
}
# What wrappers add to the names of parameters, at whatever depth they were applied.
_ADDED_PARTS = {"_orig_mod", "_forward_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}


def wrapper_chain(model: nn.Module) -> Iterator[nn.Module]:
    """Yield the model, the model that it wraps, and so on, down to the innermost one."""
    yield model
    # By all base classes, so that a user's subclass of a wrapper counts as one.
    for kind in type(model).__mro__:
        held = getattr(model, _WRAPPED_ATTRIBUTES.get((kind.__module__, kind.__name__), ""), None)
        if held is not None:
            yield from wrapper_chain(held)
            return


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model inside ``torch.compile``, ``DistributedDataParallel`` and other wrappers; else the model itself.

    Wrappers, in any order and depth, are compiled modules, ``DistributedDataParallel``, ``DataParallel``,
    ``AveragedModel``, activation checkpoints and Lightning Fabric's. The model inside one computes the same function.

    Example:
        >>> from torch import nn
        >>> layer = nn.Linear(2, 2)
        >>> unwrapped(nn.DataParallel(layer)) is layer
        True
    """
    *_, model = wrapper_chain(model)
    return model


def canonical_names(names: Iterable[str]) -> dict[str, str]:
    """Map each name to its form without what wrappers have added.

    Example:
        >>> canonical_names(["module.0._orig_mod.weight", "module.1.weight"])
        {'module.0._orig_mod.weight': '0.weight', 'module.1.weight': '1.weight'}
    """
    given = list(names)
    shorter = [".".join(part for part in name.split(".") if part not in _ADDED_PARTS) for name in given]
    # A wrapper's "module" differs from a user's own attribute of that name by being in front of every name.
    while shorter and all(name.startswith("module.") for name in shorter):
        shorter = [name.removeprefix("module.") for name in shorter]
    # All unchanged if two of them would become one.
    return dict(zip(given, shorter if len(set(shorter)) == len(set(given)) else given, strict=True))
