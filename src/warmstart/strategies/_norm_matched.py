"""A cold start with the norms of a shrunk and perturbed one: the control for shrink-perturb."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from warmstart.basics import (
    aliases_of,
    check_generator,
    check_model,
    check_same_shapes,
    check_trainable,
    copy_model,
    resolve_choices,
    sharing_memory,
)

from ._context import RoundContext
from ._parameters import Scope, check_changeable, draw_normal, weights_in
from ._shrink_perturb import Noise, ShrinkPerturb
from ._strategy import Strategy


def norm_matched(fresh: nn.Module, like: nn.Module, *, generator: torch.Generator) -> nn.Module:
    """Return a copy of ``fresh`` in which every trainable weight has the L2 norm that it has in ``like``.

    theta_i <- fresh_i * ||like_i|| / ||fresh_i|| for every parameter tensor i

    A tensor of norm 0, as biases are that start at 0, has no direction to be scaled along; it gets one at random, a
    draw from N(0, 1).

    Args:
        fresh: Left untouched; it gives the directions.
        like: A model of the same shape, left untouched; it gives the norms.
        generator: A CPU generator, for the directions that are missing.

    Raises:
        InputError: If the models' shapes differ, nothing is trainable, or a weight cannot be rescaled, as one under
            spectral norm.

    Example:
        >>> fresh, like = nn.Linear(2, 1, bias=False), nn.Linear(2, 1, bias=False)
        >>> _ = nn.init.constant_(like.weight, 3.0)
        >>> found = norm_matched(fresh, like, generator=torch.Generator().manual_seed(0))
        >>> round(found.weight.norm().item() ** 2, 3)
        18.0
    """
    check_model("fresh", fresh)
    check_model("like", like)
    check_generator("generator", generator)
    model = copy_model(fresh)
    if model.state_dict():
        check_trainable(model)
    # Tied parameters may carry one name here and another there, so every alias of the other model counts.
    weights, others = weights_in(model, Scope.ALL), aliases_of(like)
    values = {name: weight.value() for name, weight in weights.items()}
    check_same_shapes(values, {name: others[name].value() for name in weights if name in others})
    groups = sharing_memory(source for weight in weights.values() for source in weight.sources)
    # Of weights that share memory, the first one's norm decides: scaled twice, it would have neither norm.
    place = {id(source): index for index, weight in enumerate(weights.values()) for source in weight.sources}
    follows = {id(tensor) for group in groups for tensor in sorted(group, key=lambda one: place[id(one)])[1:]}
    # All of them before the first is changed: a copy half rescaled would be neither model.
    for name, weight in weights.items():
        for source in weight.sources:
            check_changeable({name: source})
    with torch.no_grad():
        for name, weight in weights.items():
            if id(weight.sources[0]) in follows:
                continue
            for parameter, value in weight.assignments(_rescaled(values[name], others[name].value(), generator)):
                parameter.copy_(value)
            weight.refresh_()
    return model


def _rescaled(value: torch.Tensor, like: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return a tensor in the direction of ``value`` with the norm of ``like``."""
    # At least in single precision: in half precision the factor would be rounded, or overflow.
    wide = torch.promote_types(value.dtype, torch.float32)
    norm = like.to(device=value.device, dtype=torch.promote_types(like.dtype, torch.float32)).norm()
    if norm == 0:
        return torch.zeros_like(value)
    direction = value.to(wide) if value.any() else draw_normal(value, generator).to(wide)
    return (direction * (norm / direction.norm())).to(value.dtype)


@dataclass(frozen=True)
class NormMatched(Strategy):
    """Start every round from a fresh model with the norms that shrink-perturb would give; see :func:`norm_matched`.

    It keeps nothing of the previous model but the size of its weights, tensor by tensor. What shrink-perturb gains over
    it is due to the weights that it keeps; what it gains over a cold start is due to a start of another scale.

    In round 1 it is a cold start.

    Args:
        shrink: As of :class:`ShrinkPerturb`, in [0, 1].
        perturb: As of :class:`ShrinkPerturb`.
        noise: As of :class:`ShrinkPerturb`.

    Example:
        >>> NormMatched(shrink=0.2).perturb
        0.1
    """

    continues: ClassVar[bool] = False
    shrink: float = 0.4
    perturb: float | None = None
    noise: Noise = Noise.FRESH

    def __post_init__(self) -> None:
        """Check the options and resolve the default of ``perturb``."""
        resolve_choices(self)
        object.__setattr__(self, "perturb", ShrinkPerturb(self.shrink, self.perturb, self.noise).perturb)

    def __call__(self, previous: nn.Module | None, fresh: nn.Module, context: RoundContext) -> nn.Module:
        """Return the rescaled copy of the fresh model; in round 1 a plain copy."""
        if previous is None:
            return copy_model(fresh)
        # Noise from another draw: that of the fresh model itself would leave a trace of it in what gives the norms.
        like = ShrinkPerturb(self.shrink, self.perturb, self.noise)(previous, context.another(), context)
        return norm_matched(fresh, like, generator=context.generator)
