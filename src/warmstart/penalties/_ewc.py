"""Elastic weight consolidation: moving what earlier data needed costs."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from warmstart.basics import check_at_least, check_in_range, check_tensor, upcast
from warmstart.strategies import RoundContext

from ._fisher import fisher_diagonal
from ._parameters import check_stored, named_parameters, snapshot, squares, stored_for, total, trainable, zero_for
from ._penalty import Penalty, check_strength, refuse_unbound


def ewc(model: nn.Module, fisher: Mapping[str, Tensor], *, anchor: Mapping[str, Tensor], strength: float) -> Tensor:
    """Return strength / 2 * sum_i F_i |theta_i - theta*_i|^2 over the trainable parameters.

    It acts on the parameters proper; see :func:`l2`.

    Args:
        model: Tied parameters count once.
        fisher: F, a real tensor of at least 0 for each trainable parameter by name, also as a wrapper names it; further
            names are ignored.
        anchor: theta*, likewise, complex where the parameter is.
        strength: Finite, at least 0; with 0 the term is 0, also where a parameter is not finite.

    Raises:
        InputError: If ``strength`` is out of range, nothing is trainable, or a parameter is missing in ``fisher`` or
            ``anchor`` or has another shape there.

    Example:
        >>> import torch
        >>> model = nn.Linear(1, 1, bias=False)
        >>> _ = nn.init.constant_(model.weight, 3.0)
        >>> fisher, anchor = {"weight": torch.full((1, 1), 5.0)}, {"weight": torch.ones(1, 1)}
        >>> ewc(model, fisher, anchor=anchor, strength=1.0).item()
        10.0
    """
    check_strength(strength)
    parameters = trainable(model)
    weights, goals = stored_for(parameters, fisher, "fisher"), stored_for(parameters, anchor, "anchor")
    for name, weight in zip(parameters, weights, strict=True):
        check_tensor(f"fisher of '{name}'", weight)
    # Not a product: 0 times a distance that is infinite would be NaN.
    if strength == 0:
        return zero_for(next(iter(parameters.values())))
    triples = zip(parameters.values(), weights, goals, strict=True)
    return 0.5 * strength * total((weight * squares(upcast(p) - goal)).sum() for p, weight, goal in triples)


@dataclass(frozen=True)
class EWC(Penalty):
    """From round 2 on, hold the parameters that earlier data needed: + strength / 2 * sum F_i (theta_i - theta*_i)^2.

    theta* is the model at the end of the last round, and F its Fisher information on samples that had arrived before;
    see :func:`ewc`. F is a mean over samples: a strength is comparable to published ones only where these use the mean
    too.

    In a loop of your own, :meth:`after` at the end of a round gives the penalty for the next one.

    Args:
        strength: Finite, at least 0; the authors' lambda.
        samples: How many samples of earlier arrivals F is the mean over, at least 1, or all there are. It takes their
            gradients one by one.

    Reference:
        Kirkpatrick et al., "Overcoming catastrophic forgetting in neural networks", PNAS 2017 (arXiv 1612.00796),
        equation 3. Here with the *empirical* Fisher information, of the labels and not of the model's predictions.
        Ash and Adams, "On the Difficulty of Warm-Starting Neural Network Training", 2019 (arXiv 1910.08475v1).

    Example:
        >>> import torch
        >>> model, inputs, labels = nn.Linear(2, 3), torch.ones(4, 2), torch.tensor([0, 1, 2, 0])
        >>> penalty = EWC.after(model, [(inputs, labels)], strength=10.0)
        >>> penalty(model, inputs, labels, model(inputs)).item()
        0.0
    """

    from_round: ClassVar[int] = 2
    needs_classes: ClassVar[bool] = True  # for the Fisher information, which is that of their likelihood
    strength: float
    samples: int = 1024

    def __post_init__(self) -> None:
        """Check the options."""
        check_strength(self.strength)
        check_at_least("samples", self.samples, 1)

    @staticmethod
    def after(model: nn.Module, batches: Iterable[Any], *, strength: float) -> "BoundEWC":
        """Return the penalty that holds the parameters that ``model`` has now, as firmly as ``batches`` need them.

        Parameters that are frozen now have no Fisher information: were they trainable later, they would be reported as
        missing. Costs a forward and backward pass over the batches.

        Args:
            model: At the end of a round; left as it is. Wrappers are looked through: the penalty fits the model with
                and without them.
            batches: The round's data: ``TensorData``, a loader, or other batches; see :func:`fisher_diagonal`.
            strength: Finite, at least 0.

        Raises:
            InputError: If ``strength`` is out of range, there is no sample, a label is out of range, nothing is
                trainable, or the Fisher information is not finite, as after a training that diverged.
        """
        check_strength(strength)
        # A caller may be in no_grad, as between rounds.
        with torch.enable_grad():
            return BoundEWC(strength, fisher_diagonal(model, batches), named_parameters(model))

    def for_round(self, context: RoundContext) -> "BoundEWC | None":
        """Return the penalty around the previous model; None where there is none."""
        if context.previous is None:
            return None
        return self.after(context.previous, context.old(self.samples), strength=self.strength)

    def __call__(self, model: nn.Module, inputs: Tensor, labels: Tensor, logits: Tensor) -> Tensor:
        """Raise: what it holds is not known before the round."""
        refuse_unbound(self, "after(model, batches, strength=...)")


@dataclass(frozen=True, eq=False)
class BoundEWC(Penalty):
    """:class:`EWC` around one model; see :func:`ewc`.

    It keeps its own copies of both mappings, on the device where they were; for a model elsewhere they are moved there
    at every batch.

    Args:
        strength: Finite, at least 0.
        fisher: F, finite and at least 0, a tensor for each trainable parameter by name.
        anchor: theta*, the parameters at the end of the earlier round, likewise.
    """

    is_bound: ClassVar[bool] = True
    strength: float
    fisher: Mapping[str, Tensor] = field(repr=False)
    anchor: Mapping[str, Tensor] = field(repr=False)

    def __post_init__(self) -> None:
        """Check the options and copy both mappings: a model's live parameters would move along with the model."""
        check_strength(self.strength)
        check_stored("fisher", self.fisher)
        for name, value in self.fisher.items():
            check_tensor(f"fisher of '{name}'", value)
            # A product with an infinite weight would be infinite, or NaN, from the first step on.
            for extreme in value.aminmax() if value.numel() else ():
                check_in_range(f"fisher of '{name}'", extreme.item(), 0, math.inf, high_open=True)
        object.__setattr__(self, "fisher", snapshot("fisher", self.fisher))
        object.__setattr__(self, "anchor", snapshot("anchor", self.anchor))

    def __call__(self, model: nn.Module, inputs: Tensor, labels: Tensor, logits: Tensor) -> Tensor:
        """Return the term; the batch is not looked at.

        Raises:
            InputError: If a trainable parameter is missing in ``fisher`` or ``anchor`` or has another shape there.
        """
        return ewc(model, self.fisher, anchor=self.anchor, strength=self.strength)
