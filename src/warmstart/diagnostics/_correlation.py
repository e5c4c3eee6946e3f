"""How much of one model's weights is left in another's."""

import math

import torch
from torch import nn

from warmstart.basics import check_alike
from warmstart.strategies import Scope, weights_in

from ._weights import trainable


def weight_correlation(one: nn.Module, other: nn.Module, *, scope: Scope = Scope.WEIGHTS) -> float | None:
    """Return the Pearson correlation between the trainable weights of two models of one shape.

    r = sum (a_i - mean a) (b_i - mean b) / (||a - mean a|| ||b - mean b||), with i over all weights together

    With the model at the end of a round and the one that the round started from, it says how far training has moved:
    1 if the weights were at most rescaled and shifted as a whole, about 0 if nothing is left.

    By default kernels and matrices count. With all parameters (``Scope.ALL``) the gains of normalization layers, which
    lie near 1 in every model where the weights lie near 0, decide the value: of two independent ResNets it is 0.75.

    Args:
        one: Its trainable parameters count, tied ones once. Buffers do not.
        scope: Which of them.
        other: The parameters of the same names; whether they are trainable does not matter. Dtype, device and memory
            layout may differ from the first model's.

    Returns:
        In [-1, 1], computed in float64. None where it is not defined: if the weights of either model are all
        equal, or one of them is not finite, or there are none in ``scope``.

    Raises:
        InputError: If the models differ in a parameter's name or shape, or nothing is trainable.

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
    chosen = set(weights_in(one, scope))
    pairs = [pair for name, pair in _pairs(one, other).items() if name in chosen]
    if not pairs:
        return None
    return _pearson(torch.cat([left for left, _ in pairs]), torch.cat([right for _, right in pairs]))


def weight_correlations(one: nn.Module, other: nn.Module) -> dict[str, float | None]:
    """Return the Pearson correlation of each trainable parameter by its name; see :func:`weight_correlation`.

    It is None, among others, for gains and biases as normalization layers start with them, all 1 and all 0.

    Example:
        >>> start, end = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
        >>> weight_correlations(start, end)
        {'weight': None, 'bias': None}
    """
    return {name: _pearson(left, right) for name, (left, right) in _pairs(one, other).items()}


def _pairs(one: nn.Module, other: nn.Module) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Return the trainable weights of ``one`` beside those of ``other``, as flat float64 tensors on the CPU."""
    # Tied parameters may carry one name here and another there, so every alias counts.
    ours, others = (dict(model.named_parameters(remove_duplicate=False)) for model in (one, other))
    check_alike(ours, others)
    check_alike(others, ours, missing="The models differ: parameter '{name}' is missing in the first one.")
    return {name: (_flat(parameter), _flat(others[name])) for name, parameter in trainable(one).items()}


def _flat(parameter: nn.Parameter) -> torch.Tensor:
    return parameter.detach().to(device="cpu", dtype=torch.float64).flatten()


def _pearson(left: torch.Tensor, right: torch.Tensor) -> float | None:
    # Equal values are found by comparison: less their rounded mean, they leave a remainder that would correlate.
    if not len(left) or left.min() == left.max() or right.min() == right.max():
        return None
    left, right = left - left.mean(), right - right.mean()
    value = float(left @ right / (torch.linalg.vector_norm(left) * torch.linalg.vector_norm(right)))
    return max(-1.0, min(1.0, value)) if math.isfinite(value) else None
