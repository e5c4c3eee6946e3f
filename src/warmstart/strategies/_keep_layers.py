"""Keep some layers of the previous model, and draw the others anew."""

from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import nn

from warmstart.basics import (
    InputError,
    canonical_names,
    canonical_tensors,
    check_has_values,
    check_model,
    check_same_shapes,
    choice,
    copy_model,
    resolve_choices,
    tensors_of,
    unwrapped,
    weights_of,
)

from ._context import RoundContext
from ._layers import layers_of
from ._parameters import check_changeable
from ._strategy import Strategy


class LayerEnd(StrEnum):
    """From which end layers are counted: the ``FIRST``, next to the inputs, or the ``LAST``, next to the outputs."""

    FIRST = "first"
    LAST = "last"


def keep_layers(
    previous: nn.Module, fresh: nn.Module, *, which: LayerEnd = LayerEnd.FIRST, layers: int = 1
) -> nn.Module:
    """Return a copy of ``fresh`` with the parameters and buffers of some layers of ``previous``.

    Args:
        previous: A trained model, left untouched.
        fresh: A model of the same shape, left untouched.
        which: From which end layers are counted.
        layers: How many layers are kept; negative: all but so many. Not 0. A normalization layer counts with the layer
            before it.

    Raises:
        InputError: If there are not so many layers, or the models' shapes differ.

    Example:
        >>> old, new = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1)), nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1))
        >>> model = keep_layers(old, new, which=LayerEnd.LAST)
        >>> bool(model[0].weight == new[0].weight), bool(model[1].weight == old[1].weight)
        (True, True)
    """
    check_model("previous", previous)
    check_model("fresh", fresh)
    for name, model in (("previous", previous), ("fresh", fresh)):
        check_has_values(name, model)
    check_layers(layers)
    old, model = unwrapped(previous), copy_model(fresh)
    held, theirs = canonical_tensors(model), canonical_tensors(old)
    check_same_shapes(canonical_tensors(model, parameters=True), theirs)
    check_changeable(held)
    found, is_first = layers_of(old), choice(LayerEnd, which, name="which") is LayerEnd.FIRST
    count = layers if layers > 0 else len(found) + layers
    if not 0 < count <= len(found):
        raise InputError(
            f"layers must keep at least 1 of the {len(found)} layers of the model and at most all, got {layers}."
        )
    names = {name for layer in (found[:count] if is_first else found[-count:]) for name in layer}
    shorter = canonical_names(tensors_of(old))
    # Assigned one by one: a model's own way to load a state may want all of it.
    with torch.no_grad():
        for name in {shorter[name] for name in names if name in shorter} & held.keys():
            held[name].copy_(theirs[name])
    for weight in weights_of(model).values():
        weight.refresh_()
    return model


def check_layers(layers: int) -> None:
    """Raise unless ``layers`` is a whole number other than 0."""
    if isinstance(layers, bool) or not isinstance(layers, int) or layers == 0:
        raise InputError(f"layers must be a whole number other than 0, got {layers}.")


@dataclass(frozen=True)
class KeepLayers(Strategy):
    """Start a round from some layers of the previous model and fresh ones elsewhere; see :func:`keep_layers`.

    Args:
        which: From which end layers are counted.
        layers: How many are kept; negative: all but so many. ``KeepLayers(LayerEnd.LAST, 1)`` keeps the head alone,
            ``KeepLayers(LayerEnd.FIRST, -1)`` all but the head.

    Reference:
        Ash and Adams, "On the Difficulty of Warm-Starting Neural Network Training", 2019 (arXiv 1910.08475v1).

    Example:
        >>> KeepLayers(layers=3)
        KeepLayers(which=<LayerEnd.FIRST: 'first'>, layers=3)
    """

    which: LayerEnd = LayerEnd.FIRST
    layers: int = 1

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
        check_layers(self.layers)

    def __call__(self, previous: nn.Module | None, fresh: nn.Module, context: RoundContext) -> nn.Module:
        """Return the mixed model; in round 1 a copy of the fresh one."""
        if previous is None:
            return copy_model(fresh)
        return keep_layers(previous, fresh, which=self.which, layers=self.layers)
