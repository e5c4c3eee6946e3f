"""What a penalty is."""

import math
from abc import ABC, abstractmethod
from typing import ClassVar, NoReturn

from torch import Tensor, nn

from warmstart.basics import InputError, check_in_range
from warmstart.strategies import RoundContext


class Penalty(ABC):
    """A term added to the loss of a batch.

    Subclasses are frozen dataclasses of options and keep no state between batches, so that one object serves every
    round and every model that it fits. They leave the model's parameters, gradients, buffers and modes as they are,
    and read no global generator; only the model's own dropout does, where a penalty runs the model.

    Frozen parameters take no part, tied parameters count once. The term has at least single precision, also where the
    model has less. It is linear in its strength: strength 0 gives 0, also where what it multiplies is not finite.
    Wrappers around a model, as of ``torch.compile``, are looked through.

    A penalty that refers to earlier rounds is plain options, too, so that a study can name it in a file: at the
    beginning of each round, :meth:`for_round` makes of them the penalty of that round, tensors included.

    Attributes:
        from_round: The first round that has this penalty; one that begins later than round 1 looks back on samples of
            the rounds before.
        needs_classes: Whether it reads labels as classes, or outputs as logits of classes.
        is_bound: Whether it holds tensors of one model, and so cannot be named in a file.
        version: Of the formula; raised when a change of the code changes results, so that stored ones are not mixed.

    Example:
        >>> import torch
        >>> import torch.nn.functional as F
        >>> from warmstart.penalties import L2
        >>> model, penalty = nn.Linear(2, 3), L2(strength=1e-2)
        >>> inputs, labels = torch.ones(4, 2), torch.tensor([0, 1, 2, 0])
        >>> logits = model(inputs)
        >>> loss = F.cross_entropy(logits, labels) + penalty(model, inputs, labels, logits)
        >>> loss.backward()
    """

    from_round: ClassVar[int] = 1
    needs_classes: ClassVar[bool] = False
    is_bound: ClassVar[bool] = False
    version: ClassVar[int] = 1

    def for_round(self, context: RoundContext) -> "Penalty | None":
        """Return the penalty of one round; None: the round has none. By default it is the same in every round."""
        return self

    @abstractmethod
    def __call__(self, model: nn.Module, inputs: Tensor, labels: Tensor, logits: Tensor) -> Tensor:
        """Return the scalar term, differentiable in the model's parameters.

        Args:
            model: The model in training.
            inputs: The batch as the model takes it, of shape (samples, ...).
            labels: Class indices, of shape (samples,).
            logits: ``model(inputs)`` with its graph, of shape (samples, classes).
        """


def check_strength(strength: float) -> None:
    """Raise unless ``strength`` is finite and at least 0.

    Raises:
        InputError: If it is not.
    """
    check_in_range("strength", strength, 0, math.inf, high_open=True)


def refuse_unbound(penalty: Penalty, maker: str) -> NoReturn:
    """Raise because a penalty that refers to earlier rounds was applied before it was bound to one.

    Raises:
        InputError: Always; ``maker`` is the way to bind it by hand.
    """
    name = type(penalty).__name__
    raise InputError(f"{name} must be bound to a round before it is applied: use {name}.{maker} or for_round(context).")
