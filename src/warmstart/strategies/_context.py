"""What a strategy or a penalty may draw on besides the models that it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn, TypeAlias

import torch
from torch import nn

from warmstart.basics import InputError, check_integer, copy_model, generator_for

Batches: TypeAlias = Iterable[tuple[torch.Tensor, torch.Tensor]]
"""Pairs of inputs, as the model takes them, and labels."""


def _not_given(name: str, *_arguments: Any) -> NoReturn:
    raise InputError(f"{name} must be given to a RoundContext that is asked for it: RoundContext({name}=...).")


@dataclass(frozen=True, eq=False)
class RoundContext:
    """One round, as strategies and penalties see it.

    A trial makes it. In a loop or a test of your own, give what the strategy or penalty at hand asks for; asked for
    anything else, it raises an :class:`InputError` that names it.

    Args:
        round: Number of the round, counted from 1.
        generator: A CPU generator for draws of the strategy's own; the same for every strategy in the same round under
            the same seed.
        first: Returns the model as it was first initialised, before round 1.
        another: Returns one more freshly initialised model, independent of the fresh one.
        previous: The model at the end of the last round; None in round 1.
        old: Returns up to so many samples of what had arrived before this round, drawn at random, as batches of inputs
            and labels; none where nothing had.
        new: Returns up to so many samples of what arrives now, likewise.

    Example:
        >>> RoundContext(round=2).another()
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: another must be given to a RoundContext that is asked for it: ...
    """

    round: int = 1
    generator: torch.Generator = field(default_factory=partial(generator_for, 0, "strategy", 1), repr=False)
    first: Callable[[], nn.Module] = field(default=partial(_not_given, "first"), repr=False)
    another: Callable[[], nn.Module] = field(default=partial(_not_given, "another"), repr=False)
    previous: nn.Module | None = field(default=None, repr=False)
    old: Callable[[int], Batches] = field(default=partial(_not_given, "old"), repr=False)
    new: Callable[[int], Batches] = field(default=partial(_not_given, "new"), repr=False)

    def __post_init__(self) -> None:
        """Check the number of the round."""
        check_integer("round", self.round, 1)

    @classmethod
    def from_fresh(
        cls, fresh: nn.Module, *, round: int = 1, seed: int = 0, previous: nn.Module | None = None
    ) -> RoundContext:
        """Return a context in which every new model is a copy of ``fresh``: enough to try a strategy in.

        Example:
            >>> RoundContext.from_fresh(nn.Linear(2, 3), round=2).first()
            Linear(in_features=2, out_features=3, bias=True)
        """
        draw = partial(copy_model, fresh)
        return cls(round, generator_for(seed, "strategy", round), first=draw, another=draw, previous=previous)
