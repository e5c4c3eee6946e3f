"""L2-Init: going far from the first initialisation costs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor, nn

from warmstart.basics import added_later, check_flag, check_model, upcast
from warmstart.strategies import RoundContext

from ._parameters import named_parameters, snapshot, squares, stored_for, total, trainable, zero_for
from ._penalty import Penalty, check_strength, refuse_unbound


def l2_init(
    model: nn.Module,
    origin: Mapping[str, Tensor],
    *,
    strength: float,
    halved: bool = False,
    layer_norm: bool = True,
) -> Tensor:
    """Return strength * ||theta - theta_0||^2 over the trainable parameters.

    That is the paper's formula. The authors' code computes strength / 2 * ||theta - theta_0||^2 and leaves out the
    parameters of LayerNorm: ``halved=True, layer_norm=False``.

    It acts on the parameters proper; see :func:`l2`. Of complex ones, the square is that of the modulus.

    Args:
        model: Tied parameters count once.
        origin: theta_0, a tensor for each trainable parameter by name, also as a wrapper names it; further names are
            ignored.
        strength: Finite, at least 0; with 0 the term is 0, also where a parameter is not finite.
        halved: Whether the term has the factor 1/2 of the authors' code.
        layer_norm: Whether gains and biases of ``nn.LayerNorm`` take part, which in the authors' code they do not.

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
    _check(strength, halved, layer_norm)
    parameters = trainable(model, layer_norm=layer_norm)
    starts = stored_for(parameters, origin, "origin")
    # Not a product: 0 times a distance that is infinite would be NaN.
    if strength == 0:
        return zero_for(next(iter(parameters.values())))
    pairs = zip(parameters.values(), starts, strict=True)
    return (0.5 if halved else 1.0) * strength * total(squares(upcast(p) - start).sum() for p, start in pairs)


def _check(strength: float, halved: bool, layer_norm: bool) -> None:
    check_strength(strength)
    check_flag("halved", halved)
    check_flag("layer_norm", layer_norm)


@dataclass(frozen=True)
class L2Init(Penalty):
    """Draw every trainable parameter towards where it began: + strength * ||theta - theta_0||^2; see :func:`l2_init`.

    theta_0 is the model's own first initialisation, before round 1, and not the start of the present round. In a loop
    of your own, :meth:`toward` takes it from a model.

    Args:
        strength: Finite, at least 0; the authors' lambda.
        halved: Whether the term has the factor 1/2 of the authors' code; by default it is the paper's formula.
        layer_norm: Whether gains and biases of ``nn.LayerNorm`` take part, which in the authors' code they do not.

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
    halved: bool = added_later(False)
    layer_norm: bool = added_later(True)

    def __post_init__(self) -> None:
        """Check the options."""
        _check(self.strength, self.halved, self.layer_norm)

    @staticmethod
    def toward(model: nn.Module, *, strength: float, halved: bool = False, layer_norm: bool = True) -> "BoundL2Init":
        """Return the penalty that draws towards the parameters that ``model`` has now, frozen ones included.

        Args:
            model: Wrappers are looked through: the penalty fits the model with and without them.
            strength: Finite, at least 0.
            halved: See the class.
            layer_norm: See the class.
        """
        check_model("model", model)
        return BoundL2Init(strength, named_parameters(model), halved, layer_norm)

    def for_round(self, context: RoundContext) -> "BoundL2Init":
        """Return the penalty towards the first initialisation."""
        return self.toward(context.first(), strength=self.strength, halved=self.halved, layer_norm=self.layer_norm)

    def __call__(self, model: nn.Module, inputs: Tensor, labels: Tensor, logits: Tensor) -> Tensor:
        """Raise: the first initialisation is not known before the round."""
        refuse_unbound(self, "toward(model, strength=...)")


@dataclass(frozen=True, eq=False)
class BoundL2Init(Penalty):
    """:class:`L2Init` towards the parameters of one model; see :func:`l2_init`.

    It keeps its own copy, on the device where it was; for a model elsewhere it is moved there at every batch.

    Args:
        strength: Finite, at least 0.
        origin: theta_0, a tensor for each trainable parameter by name.
        halved: See :class:`L2Init`.
        layer_norm: See :class:`L2Init`.
    """

    is_bound: ClassVar[bool] = True
    strength: float
    origin: Mapping[str, Tensor] = field(repr=False)
    halved: bool = False
    layer_norm: bool = True

    def __post_init__(self) -> None:
        """Check the options and copy ``origin``: a model's live parameters would move along with the model."""
        _check(self.strength, self.halved, self.layer_norm)
        object.__setattr__(self, "origin", snapshot("origin", self.origin))

    def __call__(self, model: nn.Module, inputs: Tensor, labels: Tensor, logits: Tensor) -> Tensor:
        """Return the term; the batch is not looked at.

        Raises:
            InputError: If a trainable parameter is missing in ``origin`` or has another shape there.
        """
        return l2_init(model, self.origin, strength=self.strength, halved=self.halved, layer_norm=self.layer_norm)
