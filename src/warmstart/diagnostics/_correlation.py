"""Correlation between the weights of two models."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from warmstart.basics import InputError, Weight, aliases_of, check_model, check_same_shapes, described, weights_of
from warmstart.strategies import Scope, weights_in

from ._measurement import Measurement, Moment, When, check_moment
from ._weights import counted, numbers, trainable_weights, weight_norm


def weight_correlation(
    one: nn.Module,
    other: nn.Module,
    *,
    scope: Scope = Scope.WEIGHTS,
    include: Callable[[str, nn.Parameter], bool] | None = None,
    head: str | None = None,
) -> float | None:
    """Return the Pearson correlation between the trainable weights of two models of one shape.

    r = sum (a_i - mean a) (b_i - mean b) / (||a - mean a|| ||b - mean b||), with i over all weights together, and over
    both parts of complex ones

    Between the model at the end of a round and its start it says how far training moved: 1 if the weights were at most
    rescaled and shifted as a whole, about 0 if nothing is left.

    By default kernels and matrices count. With all parameters (``Scope.ALL``) the gains of normalization layers, which
    are near 1 in every model while the weights are near 0, decide the value: 0.75 for two independent ResNets.

    Weights are what the model computes with: where one is a function of other parameters, as under weight norm or
    spectral norm, the weight counts and not those.

    Args:
        one: Its trainable weights count, tied ones once, also those that only share memory, such as views. Buffers do
            not. The model may be wrapped.
        other: The weights of the same names; whether they are trainable or reparametrized does not matter. Dtype,
            device and memory format may differ from the first model's.
        scope: Which weights.
        include: Takes a weight's name and its parameter, and returns whether a weight of the scope counts; None: all.
        head: Name of the module that is the head, for ``Scope.HEAD`` and ``Scope.BODY``; None: the last layer that
            runs.

    Returns:
        In [-1, 1], computed in float64; None where undefined: if the weights of either model are all equal, one of them
        is not finite, or there are none in ``scope``.

    Raises:
        InputError: If the models differ in a parameter's name or shape, nothing is trainable, or an option is invalid.

    Reference:
        Ash and Adams, "On the Difficulty of Warm-Starting Neural Network Training", 2019 (arXiv 1910.08475v1).

    Example:
        >>> import copy
        >>> start = nn.Linear(3, 2)
        >>> end = copy.deepcopy(start)
        >>> _ = end.weight.data.mul_(-2)
        >>> round(weight_correlation(start, end), 6)
        -1.0
    """
    if include is not None and not callable(include):
        raise InputError(f"include must be a function of a name and a parameter, got {described(include)}.")
    if head is not None and not isinstance(head, str):
        raise InputError(f"head must be the name of a module, got {described(head)}.")
    weights = trainable_weights(one, name="one")
    chosen = weights_in(one, scope, include=include, head=head)
    pairs = list(_pairs(one, other, {name: weight for name, weight in weights.items() if name in chosen}).values())
    if not pairs:
        return None
    return _pearson(torch.cat([left for left, _ in pairs]), torch.cat([right for _, right in pairs]))


def weight_correlations(one: nn.Module, other: nn.Module) -> dict[str, float | None]:
    """Return the Pearson correlation of each trainable weight by its name; see :func:`weight_correlation`.

    None, among others, for the initial gains and biases of normalization layers, all 1 and all 0.

    Example:
        >>> start, end = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
        >>> weight_correlations(start, end)
        {'weight': None, 'bias': None}
    """
    pairs = _pairs(one, other, trainable_weights(one, name="one"))
    return {name: _pearson(left, right) for name, (left, right) in pairs.items()}


def _pairs(one: nn.Module, other: nn.Module, chosen: dict[str, Weight]) -> dict[str, tuple[torch.Tensor, ...]]:
    """Return the chosen weights of ``one`` beside those of ``other``, as flat float64 tensors on the CPU."""
    check_model("other", other)
    weights_of(other)  # a weight without values, as of a lazy layer, is refused
    # Tied parameters may carry one name here and another there, so every alias counts.
    ours, others = ({name: weight.value() for name, weight in aliases_of(model).items()} for model in (one, other))
    check_same_shapes(ours, others)
    check_same_shapes(others, ours, missing="The models differ: parameter '{name}' is missing in the first one.")
    for name in chosen:
        if ours[name].is_complex() != others[name].is_complex():
            kinds = ["complex" if values[name].is_complex() else "real" for values in (ours, others)]
            raise InputError(
                f"The models differ: parameter '{name}' is {kinds[0]} in the first and {kinds[1]} in the second one."
            )
    # In float64 on the CPU: models may be on several devices, and sums over millions of weights need the digits.
    return {
        name: tuple(numbers(values[name], mask).to(device="cpu", dtype=torch.float64) for values in (ours, others))
        for name, mask in counted(chosen).items()
    }


def _pearson(left: torch.Tensor, right: torch.Tensor) -> float | None:
    # Equal values are found by comparison: minus their rounded mean they leave a remainder, which would correlate.
    if not len(left) or left.min() == left.max() or right.min() == right.max():
        return None
    left, right = left - left.mean(), right - right.mean()
    value = float(left @ right / (torch.linalg.vector_norm(left) * torch.linalg.vector_norm(right)))
    return max(-1.0, min(1.0, value)) if math.isfinite(value) else None


@dataclass(frozen=True)
class Correlation(Measurement):
    """At the end of a round: ``weight correlation`` of kernels and matrices with the round's start, and norms.

    The norms are L2, over all trainable weights: ``fresh norm`` of the fresh model, ``start norm`` and ``end norm`` of
    the model at the round's start and end. Start norm over fresh norm is the effective scale of a start.

    Reference:
        Ash and Adams, "On the Difficulty of Warm-Starting Neural Network Training", 2019 (arXiv 1910.08475v1).

    Example:
        >>> Correlation()
        Correlation()
    """

    def __call__(self, moment: Moment) -> Mapping[str, float | None]:
        """Return the four values at the end of the round."""
        check_moment(moment)
        if moment.when is not When.END:
            return {}
        return {
            "weight correlation": weight_correlation(moment.model, moment.start),
            "fresh norm": weight_norm(moment.fresh),
            "start norm": weight_norm(moment.start),
            "end norm": weight_norm(moment.model),
        }
