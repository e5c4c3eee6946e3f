"""Norms of weights."""

import torch
from torch import Tensor, nn

from warmstart.basics import Weight, check_model, check_trainable, sharing_memory, weights_of


def weight_norm(model: nn.Module) -> float:
    """Return the L2 norm of all trainable weights together: ||theta|| = sqrt(sum of |theta_i|^2).

    Weights are what the model computes with: where one is a function of other parameters, as under weight norm or
    spectral norm, the weight counts and not those.

    Args:
        model: Frozen weights and buffers do not count; tied ones count once, also those that only share memory, such
            as views. It may be wrapped.

    Returns:
        At least 0, summed in float64; not finite where a weight is not.

    Raises:
        InputError: If no parameter is trainable, or one has no values yet.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> _ = nn.init.constant_(layer.weight, 3.0), nn.init.constant_(layer.bias, -4.0)
        >>> weight_norm(layer)
        5.0
    """
    weights = trainable_weights(model)
    return joint_norm([numbers(weights[name].value(), mask) for name, mask in counted(weights).items()])


def weight_norms(model: nn.Module) -> dict[str, float]:
    """Return the L2 norm of each trainable weight by its name; see :func:`weight_norm`.

    Of weights that share memory, each later one counts with what the earlier ones leave of it, if anything.

    Example:
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(1, 1))
        >>> with torch.no_grad():
        ...     _ = [each.fill_(value) for each, value in zip(layer.parameters(), (-4.0, 3.0, 1.0))]
        >>> weight_norms(layer)
        {'bias': 4.0, 'weight': 3.0}
    """
    weights = trainable_weights(model)
    return {name: joint_norm([numbers(weights[name].value(), mask)]) for name, mask in counted(weights).items()}


def trainable_weights(model: nn.Module, *, name: str = "model") -> dict[str, Weight]:
    """Return the trainable weights by name, tied ones once, under their first name.

    Args:
        model: May be wrapped.
        name: Name of the argument, for an error.

    Raises:
        InputError: If nothing is trainable.
    """
    check_model(name, model)
    check_trainable(model)
    return {key: weight for key, weight in weights_of(model).items() if weight.is_trainable}


def counted(weights: dict[str, Weight]) -> dict[str, Tensor | None]:
    """Return a mask of the entries that count of each weight, or None for all: memory that several share counts once.

    Weights of which nothing counts are left out.
    """
    plain = {name: real(weight.value()) for name, weight in weights.items() if weight.is_plain}
    marks: dict[int, Tensor] = {}
    for group in sharing_memory(plain.values()):
        marks |= dict.fromkeys(map(id, group), torch.zeros(group[0].untyped_storage().nbytes(), dtype=torch.bool))
    found: dict[str, Tensor | None] = {}
    for name in weights:
        done = marks.get(id(plain.get(name)))
        if done is None:
            found[name] = None
            continue
        value = plain[name]
        size = value.element_size()
        # Entries are marked by their first byte: weights that share memory may differ in type.
        own = done.as_strided(value.shape, [size * step for step in value.stride()], size * value.storage_offset())
        if not own.all():
            found[name] = ~own
        own.fill_(True)
    return found


def numbers(value: Tensor, mask: Tensor | None) -> Tensor:
    """Return the entries of a weight that count, flat; of complex ones both parts. Sum over them in float64."""
    parts = real(value)
    return (parts if mask is None else parts[mask.to(parts.device)]).flatten()


def real(value: Tensor) -> Tensor:
    """Return a tensor with complex entries as pairs of real ones; a sharded tensor is gathered."""
    whole = getattr(value, "full_tensor", None)
    value = value if whole is None else whole()
    return torch.view_as_real(value.resolve_conj()) if value.is_complex() else value


def joint_norm(tensors: list[Tensor]) -> float:
    """Return the L2 norm of all entries of all tensors, in float64.

    Example:
        >>> joint_norm([torch.tensor([2.0, 1.0]), torch.tensor([[-2.0]])])
        3.0
    """
    # The norm of the norms is that of all entries, without copying them together. One-byte types have no arithmetic.
    wide = (real(tensor.detach()) for tensor in tensors)
    wide = (tensor.float() if tensor.element_size() == 1 else tensor for tensor in wide)
    norms = [torch.linalg.vector_norm(tensor, dtype=torch.float64).cpu() for tensor in wide]
    return float(torch.linalg.vector_norm(torch.stack(norms)))
