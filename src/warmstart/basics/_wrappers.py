"""Wrappers around a model: compiled, distributed, averaged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

# The attribute that holds the wrapped module, by the wrapper's module and class. Compared by name, since importing the
# classes would import torch._dynamo, and Lightning, which may not be installed.
_HELD = {
    ("torch._dynamo.eval_frame", "OptimizedModule"): "_orig_mod",
    ("torch.nn.parallel.distributed", "DistributedDataParallel"): "module",
    ("torch.nn.parallel.data_parallel", "DataParallel"): "module",
    ("torch.optim.swa_utils", "AveragedModel"): "module",
    (
        "torch.distributed.algorithms._checkpoint.checkpoint_wrapper",
        "CheckpointWrapper",
    ): "_checkpoint_wrapped_module",
    ("lightning.fabric.wrappers", "_FabricModule"): "_forward_module",
    ("lightning_fabric.wrappers", "_FabricModule"): "_forward_module",
}
# What wrappers add to the names of parameters, at whatever depth they were applied.
_IN_NAMES = {"_orig_mod", "_forward_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}


def wrapper_chain(model: nn.Module) -> Iterator[nn.Module]:
    """Yield the model, what it wraps, what that wraps, and so on, down to the model proper."""
    yield model
    for kind in type(model).__mro__:
        held = getattr(model, _HELD.get((kind.__module__, kind.__name__), ""), None)
        if held is not None:
            yield from wrapper_chain(held)
            return


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model inside ``torch.compile``, ``DistributedDataParallel`` and other wrappers; else the model itself.

    Looked through, in any order and depth: compiled modules, ``DistributedDataParallel``, ``DataParallel``,
    ``AveragedModel`` and Lightning Fabric's wrapper. What they wrap computes the same function of the same parameters.

    Example:
        >>> from torch import nn
        >>> layer = nn.Linear(2, 2)
        >>> unwrapped(nn.DataParallel(layer)) is layer
        True
    """
    *_, model = wrapper_chain(model)
    return model


def canonical_names(names: Iterable[str]) -> dict[str, str]:
    """Return each name without what wrappers have added to it.

    A name stays as it is where two would become one.

    Example:
        >>> canonical_names(["module.0._orig_mod.weight", "module.1.weight"])
        {'module.0._orig_mod.weight': '0.weight', 'module.1.weight': '1.weight'}
    """
    given = list(names)
    shorter = [".".join(part for part in name.split(".") if part not in _IN_NAMES) for name in given]
    while shorter and all(name.startswith("module.") for name in shorter):
        shorter = [name.removeprefix("module.") for name in shorter]
    return dict(zip(given, shorter if len(set(shorter)) == len(set(given)) else given, strict=True))
