"""How much of one model's weights is left in another's."""

import math
from collections.abc import Callable

import torch
from torch import nn

from warmstart.basics import InputError, Weight, aliases_of, check_model, check_same_shapes, described, weights_of
from warmstart.strategies import Scope, weights_in

from ._weights import counted, numbers, trainable_weights


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

    With the model at the end of a round and the one that the round started from, it says how far training has moved:
    1 if the weights were at most rescaled and shifted as a whole, about 0 if nothing is left.

    By default kernels and matrices count. With all parameters (``Scope.ALL``) the gains of normalization layers, which
    lie near 1 in every model where the weights lie near 0, decide the value: of two independent ResNets it is 0.75.

    Weights are what the model computes with: where one is a function of other parameters, as under weight norm or
    spectral norm, the weight counts and not those.

    Args:
        one: Its trainable weights count, tied ones once, also those that only share memory, such as views. Buffers do
            not. Wrappers are looked through.
        other: The weights of the same names; whether they are trainable or reparametrized does not matter. Dtype,
            device and memory layout may differ from the first model's.
        scope: LayerEnd of them.
        include: Takes a weight's name and its parameter, and returns whether a weight of the scope counts; None: all
            do.
        head: Name of the module that is the head, for ``Scope.HEAD`` and ``Scope.BODY``; None: the last layer that
            runs.

    Returns:
        In [-1, 1], computed in float64. None where it is not defined: if the weights of either model are all
        equal, or one of them is not finite, or there are none in ``scope``.

    Raises:
        InputError: If the models differ in a parameter's name or shape, nothing is trainable, or an option is not what
            it should be.

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

    It is None, among others, for gains and biases as normalization layers start with them, all 1 and all 0.

    Example:
        >>> start, end = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
        >>> weight_correlations(start, end)
        {'weight': None, 'bias': None}
    """
    pairs = _pairs(one, other, trainable_weights(one, name="one"))
    return {name: _pearson(left, right) for name, (left, right) in pairs.items()}


def _pairs(one: nn.Module, other: nn.Module, chosen: dict[str, Weight]) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
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
    return {name: (_flat(ours[name], mask), _flat(others[name], mask)) for name, mask in counted(chosen).items()}


def _flat(value: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    return numbers(value, mask).to(device="cpu", dtype=torch.float64)


def _pearson(left: torch.Tensor, right: torch.Tensor) -> float | None:
    # Equal values are found by comparison: less their rounded mean, they leave a remainder that would correlate.
    if not len(left) or left.min() == left.max() or right.min() == right.max():
        return None
    left, right = left - left.mean(), right - right.mean()
    value = float(left @ right / (torch.linalg.vector_norm(left) * torch.linalg.vector_norm(right)))
    return max(-1.0, min(1.0, value)) if math.isfinite(value) else None
