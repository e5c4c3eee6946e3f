"""Elastic weight consolidation: moving what earlier data needed costs."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from torch import Tensor, nn

from warmstart.basics import (
    check_in_range,
    check_tensor,
    upcast,
)

from ._fisher import fisher_diagonal
from ._parameters import check_stored, named_parameters, snapshot, squares, stored_for, total, trainable, zero_for
from ._penalty import Penalty, check_strength


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
    if strength == 0:
        return zero_for(next(iter(parameters.values())))
    triples = zip(parameters.values(), weights, goals, strict=True)
    return 0.5 * strength * total((weight * squares(upcast(p) - goal)).sum() for p, weight, goal in triples)


@dataclass(frozen=True, eq=False)
class EWC(Penalty):
    """Hold the parameters that earlier data needed: + strength / 2 * sum F_i (theta_i - theta*_i)^2; see :func:`ewc`.

    Build it with :meth:`after` at the end of a round, for the next one. The penalty keeps its own copies of both
    mappings, on the device where they lay; for a model elsewhere they are moved there at every batch.

    F is a mean over samples. A strength is comparable to published ones only where these use the mean too.

    Args:
        strength: Finite, at least 0; the authors' lambda.
        fisher: F, finite and at least 0, a tensor for each trainable parameter by name.
        anchor: theta*, the parameters at the end of the earlier round, likewise.

    Reference:
        Kirkpatrick et al., "Overcoming catastrophic forgetting in neural networks", PNAS 2017 (arXiv 1612.00796),
        equation 3. Here with the *empirical* Fisher information, of the labels and not of the model's predictions.

    Example:
        >>> import torch
        >>> model, inputs, labels = nn.Linear(2, 3), torch.ones(4, 2), torch.tensor([0, 1, 2, 0])
        >>> penalty = EWC.after(model, [(inputs, labels)], strength=10.0)
        >>> penalty(model, inputs, labels, model(inputs)).item()
        0.0
    """

    strength: float
    fisher: Mapping[str, Tensor] = field(repr=False)
    anchor: Mapping[str, Tensor] = field(repr=False)

    def __post_init__(self) -> None:
        """Check the options and copy both mappings: a model's live parameters would move along with the model."""
        check_strength(self.strength)
        _check(self.fisher)
        object.__setattr__(self, "fisher", snapshot("fisher", self.fisher))
        object.__setattr__(self, "anchor", snapshot("anchor", self.anchor))

    @classmethod
    def after(cls, model: nn.Module, batches: Iterable[Any], *, strength: float) -> Self:
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
        return cls(strength, fisher_diagonal(model, batches), named_parameters(model))

    def __call__(self, model: nn.Module, inputs: Tensor, labels: Tensor, logits: Tensor) -> Tensor:
        """Return the term; the batch is not looked at.

        Raises:
            InputError: If a trainable parameter is missing in ``fisher`` or ``anchor`` or has another shape there.
        """
        return ewc(model, self.fisher, anchor=self.anchor, strength=self.strength)


def _check(fisher: Mapping[str, Tensor]) -> None:
    check_stored("fisher", fisher)
    for name, value in fisher.items():
        check_tensor(f"fisher of '{name}'", value)
        for extreme in value.aminmax() if value.numel() else ():
            check_in_range(f"fisher of '{name}'", extreme.item(), 0, math.inf, high_open=True)
