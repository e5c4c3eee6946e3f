"""A model's layers, in order."""

from torch import nn

# Private in PyTorch, but the one common base of batch and instance normalization since version 1.1.
NORMALIZATIONS = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.LocalResponseNorm,
    nn.RMSNorm,
)


def layers_of(model: nn.Module) -> list[list[str]]:
    """Return the names of the parameters and buffers of every layer, in the order of ``model.named_modules()``.

    A layer is a module with parameters of its own; a normalization layer belongs to the layer before it, and one that
    comes first is a layer itself. Tied parameters belong to the first layer that has them, and so do frozen ones.

    Example:
        >>> layers_of(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 1)))
        [['0.weight', '0.bias', '1.weight', '1.bias', '1.running_mean', '1.running_var', '1.num_batches_tracked'],
         ['3.weight', '3.bias']]
    """
    layers: list[list[str]] = []
    met: set[int] = set()
    for name, module in model.named_modules():
        own = [(key, value) for key, value in module.named_parameters(name, recurse=False) if id(value) not in met]
        met |= {id(value) for _, value in own}
        names = [key for key, _ in [*own, *module.named_buffers(name, recurse=False)]]
        if own and not (layers and isinstance(module, NORMALIZATIONS)):
            layers.append(names)
        elif names and layers:
            layers[-1] += names
    return layers
