"""What of one model fits into another."""

import copy

from torch import nn

from warmstart.basics import InputError


def transplant(previous: nn.Module, fresh: nn.Module) -> nn.Module:
    """Return a copy of ``fresh`` with every parameter and buffer of ``previous`` of the same name and shape.

    Where two data sets have different classes, that is everything but a new head.

    Raises:
        InputError: If no parameter fits; a buffer alone, such as BatchNorm's count of batches, does not do.

    Example:
        >>> old, new = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4)), nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 5))
        >>> model = transplant(old, new)
        >>> bool((model[0].weight == old[0].weight).all()), bool((model[1].weight == new[1].weight).all())
        (True, True)
    """
    model = copy.deepcopy(fresh)
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    fitting = {name: value for name, value in previous.state_dict().items() if shapes.get(name) == value.shape}
    if not any(name in fitting for name, _ in model.named_parameters(remove_duplicate=False)):
        raise InputError("previous must share a parameter's name and shape with fresh, got none that does.")
    model.load_state_dict(fitting, strict=False)
    return model
