"""L2: large parameters cost."""

from dataclasses import dataclass

from torch import Tensor, nn

from ._parameters import squares, total, trainable, zero_for
from ._penalty import Penalty, check_strength


def l2(model: nn.Module, *, strength: float) -> Tensor:
    """Return strength / 2 * ||theta||^2 over the trainable parameters, biases and normalization gains included.

    Its gradient is strength * theta: with plain SGD it is the same as the optimizer's ``weight_decay=strength``. With
    Adam it is ``Adam(weight_decay=...)``, not the decoupled decay of ``AdamW``.

    Like weight decay, it acts on the parameters proper: for a reparametrized weight, such as one under weight norm or a
    LoRA update, on those that the weight is made of, and not on the weight. Of complex parameters, theta^2 is
    |theta|^2.

    Args:
        model: Tied parameters count once.
        strength: Finite, at least 0; with 0 the term is 0, also where a parameter is not finite.

    Raises:
        InputError: If ``strength`` is out of range or nothing is trainable.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> _ = nn.init.constant_(model.weight, 3.0)
        >>> l2(model, strength=0.1).item()
        0.45...
    """
    check_strength(strength)
    parameters = list(trainable(model).values())
    # Not a product: 0 times a weight that is infinite would be NaN.
    if strength == 0:
        return zero_for(parameters[0])
    return 0.5 * strength * total(squares(parameter).sum() for parameter in parameters)


@dataclass(frozen=True)
class L2(Penalty):
    """Draw every trainable parameter towards zero: + strength / 2 * ||theta||^2; see :func:`l2`.

    It adds to an optimizer's ``weight_decay``, which is the same thing done elsewhere: use one of them. The half makes
    the two agree; :class:`L2Init` follows its paper and has no half, so L2(2 s) is L2Init(s) with origin zero.

    Args:
        strength: Finite, at least 0. The paper uses 1e-1 to 1e-4, and does not say which convention it follows.

    Reference:
        Ash and Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020, appendix, table 3.

    Example:
        >>> L2(strength=1e-2)
        L2(strength=0.01)
    """

    strength: float

    def __post_init__(self) -> None:
        """Check the options."""
        check_strength(self.strength)

    def __call__(self, model: nn.Module, inputs: Tensor, labels: Tensor, logits: Tensor) -> Tensor:
        """Return the term; the batch is not looked at."""
        return l2(model, strength=self.strength)
