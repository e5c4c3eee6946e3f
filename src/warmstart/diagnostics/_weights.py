"""How large a model's weights are."""

import torch
from torch import nn

from warmstart.basics import InputError


def weight_norm(model: nn.Module) -> float:
    """Return the L2 norm of all trainable parameters together: ||theta|| = sqrt(sum of theta_i^2).

    Args:
        model: Frozen parameters and buffers do not count, tied parameters count once.

    Returns:
        At least 0, summed in float64; not finite where a weight is not.

    Raises:
        InputError: If no parameter is trainable.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> _ = nn.init.constant_(layer.weight, 3.0), nn.init.constant_(layer.bias, -4.0)
        >>> weight_norm(layer)
        5.0
    """
    return joint_norm(list(trainable(model).values()))


def weight_norms(model: nn.Module) -> dict[str, float]:
    """Return the L2 norm of each trainable parameter by its name; see :func:`weight_norm`.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> _ = nn.init.constant_(layer.weight, 3.0), nn.init.constant_(layer.bias, -4.0)
        >>> weight_norms(layer)
        {'weight': 3.0, 'bias': 4.0}
    """
    return {name: joint_norm([parameter]) for name, parameter in trainable(model).items()}


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the trainable parameters by name, tied ones once.

    Raises:
        InputError: If there is none.
    """
    found = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if not found:
        raise InputError("model must have at least one trainable parameter, got none.")
    return found


def joint_norm(tensors: list[torch.Tensor] | list[nn.Parameter]) -> float:
    """Return the L2 norm of all entries of all tensors, in float64.

    Example:
        >>> joint_norm([torch.tensor([2.0, 1.0]), torch.tensor([[-2.0]])])
        3.0
    """
    # The norm of the norms is that of the whole, without a copy of it.
    norms = [torch.linalg.vector_norm(tensor.detach(), dtype=torch.float64) for tensor in tensors]
    return float(torch.linalg.vector_norm(torch.stack([norm.cpu() for norm in norms])))
