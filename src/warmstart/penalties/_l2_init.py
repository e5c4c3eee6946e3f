"""L2-Init: going far from the first initialisation costs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from torch import Tensor, nn

from ._parameters import snapshot, stored_for, total, trainable, wide
from ._penalty import Penalty, check_strength


def l2_init(model: nn.Module, origin: Mapping[str, Tensor], *, strength: float) -> Tensor:
    """Return strength * ||theta - theta_0||^2 over the trainable parameters.

    Args:
        model: Tied parameters count once.
        origin: theta_0, a tensor for each trainable parameter by name; further names are ignored.
        strength: Finite, at least 0.

    Raises:
        InputError: If ``strength`` is out of range, nothing is trainable, or a parameter is missing in ``origin`` or
            has another shape there.

    Example:
        >>> import torch
        >>> model = nn.Linear(1, 1, bias=False)
        >>> _ = nn.init.constant_(model.weight, 3.0)
        >>> l2_init(model, {"weight": torch.ones(1, 1)}, strength=0.5).item()
        2.0
    """
    check_strength(strength)
    parameters = trainable(model)
    pairs = zip(parameters.values(), stored_for(parameters, origin, "origin"), strict=True)
    return strength * total((wide(parameter) - start).square().sum() for parameter, start in pairs)


@dataclass(frozen=True, eq=False)
class L2Init(Penalty):
    """Draw every trainable parameter towards where it began: + strength * ||theta - theta_0||^2; see :func:`l2_init`.

    theta_0 is the model's own first initialisation, before round 1, and not the start of the present round. The
    penalty keeps its own copy, on the device where it lay; for a model elsewhere it is moved there at every batch.

    Args:
        strength: Finite, at least 0; the authors' lambda.
        origin: theta_0, a tensor for each trainable parameter by name; :meth:`toward` takes it from a model.

    Reference:
        Kumar, Marklund and Van Roy, "Maintaining Plasticity in Continual Learning via Regenerative Regularization",
        2023 (arXiv 2308.11958).

    Example:
        >>> import torch
        >>> model = nn.Linear(2, 1)
        >>> penalty = L2Init.toward(model, strength=1e-3)
        >>> inputs, labels = torch.ones(1, 2), torch.tensor([0])
        >>> penalty(model, inputs, labels, model(inputs)).item()
        0.0
    """

    strength: float
    origin: Mapping[str, Tensor] = field(repr=False)

    def __post_init__(self) -> None:
        """Check the options and copy ``origin``: a model's live parameters would move along with the model."""
        check_strength(self.strength)
        object.__setattr__(self, "origin", snapshot(self.origin))

    @classmethod
    def toward(cls, model: nn.Module, *, strength: float) -> Self:
        """Return the penalty that draws towards the parameters that ``model`` has now, frozen ones included."""
        return cls(strength, dict(model.named_parameters()))

    def __call__(self, model: nn.Module, inputs: Tensor, labels: Tensor, logits: Tensor) -> Tensor:
        """Return the term; the batch is not looked at.

        Raises:
            InputError: If a trainable parameter is missing in ``origin`` or has another shape there.
        """
        return l2_init(model, self.origin, strength=self.strength)
