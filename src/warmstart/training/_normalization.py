"""Running statistics of normalization layers."""

import copy
from collections.abc import Iterable, Iterator

import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from warmstart.basics import check_at_least, seeded_globals

from ._batches import Batch, Data, check_repeatable, device_of, loaded
from ._data import TensorData, batches
from ._evaluate import Evaluation, evaluate
from ._parallel import unwrapped
from ._precision import Precision, arithmetic


def _with_statistics(model: nn.Module) -> Iterator[nn.modules.batchnorm._NormBase]:
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._NormBase) and module.track_running_stats:
            yield module


def reset_statistics_(model: nn.Module) -> nn.Module:
    """Set every layer's running mean to 0 and variance to 1, in place, and return the model.

    Example:
        >>> norm = nn.BatchNorm1d(1)
        >>> _ = norm(torch.tensor([[1.0], [3.0]]))
        >>> reset_statistics_(norm).running_mean
        tensor([0.])
    """
    for module in _with_statistics(model):
        module.reset_running_stats()
    return model


def recalibrate_(
    model: nn.Module,
    data: Data,
    *,
    generator: torch.Generator,
    samples: int = 4096,
    batch_size: int = 128,
) -> nn.Module:
    """Estimate running statistics anew for the weights as they are, in place, and return the model.

    Running statistics are averages over the last few dozen steps. After a round that was shorter than that, or right
    after weights were shrunk, they describe weights that are gone, and accuracy in evaluation mode collapses although
    the model is good. Here they become the plain mean over batches passed through the final weights.

    Args:
        model: Without layers that keep running statistics it is left alone.
        data: Training data; evaluation data would leak.
        generator: Draws which samples, and decides dropout, which stays on as in training.
        samples: How many of them at most, at least 1; of a loader, whole batches until there are so many.
        batch_size: As in training, since the statistics meant are those of training batches. A loader has its own.

    Example:
        >>> norm = nn.BatchNorm1d(1)
        >>> data = TensorData(torch.tensor([[1.0], [3.0]]), torch.tensor([0, 1]), scale=1.0, offset=0.0)
        >>> recalibrate_(norm, data, generator=torch.Generator().manual_seed(0)).running_mean
        tensor([2.])
    """
    check_at_least("samples", samples, 1)
    check_repeatable(data)
    # Instance normalization that tracks statistics is left as training left it: update_bn does not know it.
    if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in _with_statistics(model)):
        drawn = _drawn(model, data, generator, samples, batch_size)
        with seeded_globals(generator), arithmetic(Precision.FP32, device_of(model)):
            update_bn(drawn, model)
    return model


def _drawn(
    model: nn.Module, data: Data, generator: torch.Generator, samples: int, batch_size: int
) -> Iterable[torch.Tensor]:
    """Return the inputs of ``samples`` random samples in batches; of a loader, those of its first batches."""
    if not isinstance(data, TensorData):
        return _first(loaded(data, model), samples)
    order = torch.randperm(len(data), generator=generator)[:samples].to(data.device)
    return (data.batch(part)[0] for part in batches(order, batch_size))


def _first(parts: Iterable[Batch], samples: int) -> Iterator[torch.Tensor]:
    count = 0
    for inputs, labels in parts:
        yield inputs
        count += len(labels)
        if count >= samples:
            return


def evaluate_recalibrated(model: nn.Module, data: Data) -> Evaluation:
    """Evaluate as a round's end does: on a copy whose running statistics are estimated anew from ``data``.

    Between epochs the statistics lag behind the weights, and evaluation would measure the lag.
    """
    copied = copy.deepcopy(unwrapped(model))
    return evaluate(recalibrate_(copied, data, generator=torch.Generator().manual_seed(0)), data)
