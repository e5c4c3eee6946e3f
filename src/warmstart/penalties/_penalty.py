"""What a penalty is."""

import math
from abc import ABC, abstractmethod

from torch import Tensor, nn

from warmstart.basics import check_in_range


class Penalty(ABC):
    """A term added to the loss of a batch.

    Subclasses are frozen dataclasses of options and keep no state between batches, so that one object serves every
    round and every model that it fits. They leave the model's parameters, gradients, buffers and modes as they are,
    and read no global generator; only the model's own dropout does, where a penalty runs the model.

    Frozen parameters take no part, tied parameters count once. The term has at least single precision, also where the
    model has less. It is linear in its strength: strength 0 gives 0, also where what it multiplies is not finite.
    Wrappers around a model, as of ``torch.compile``, are looked through.

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
