"""Running statistics of normalization layers."""

import torch
from torch import nn

from warmstart.basics import (
    InputError,
    canonical_tensors,
    check_at_least,
    check_generator,
    check_model,
    check_not_inference,
    copy_model,
    seeded_globals,
    undisturbed,
    unwrapped,
    weights_of,
)

from ._batches import Data, check_repeatable, device_of, loaded
from ._data import TensorData, batches, check_batch_size
from ._evaluate import is_training, mean_score_and_loss, temporary_mode
from ._loss import Loss, explained
from ._parallel import Shard
from ._precision import Precision, arithmetic

_NormBase = nn.modules.batchnorm._NormBase
_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def _trained_statistics(model: nn.Module) -> list[_NormBase]:
    """Return the layers with running statistics that training updates."""
    # A layer in evaluation mode within a model in training mode was put there on purpose: it is frozen, as in a
    # pretrained network. Of a model in evaluation mode as a whole, the frozen layers are those that train none of their
    # parameters while others are trained.
    root, as_a_whole = unwrapped(model), is_training(model)
    others_train = any(parameter.requires_grad for parameter in root.parameters())
    found: list[_NormBase] = []
    for module in root.modules():
        if isinstance(module, torch.jit.ScriptModule) and "BatchNorm" in getattr(module, "original_name", ""):
            raise InputError(
                "model must be a plain module for its running statistics to be changed, but it was compiled to "
                "TorchScript: change them before torch.jit, or keep them (normalization=keep)."
            )
        # Without statistics, set to None by hand, a layer takes those of each batch, whatever its flag says.
        if not isinstance(module, _NormBase) or not module.track_running_stats or module.running_mean is None:
            continue
        own = list(module.parameters(recurse=False))
        has_frozen = bool(own) and not any(parameter.requires_grad for parameter in own)
        if not (not module.training if as_a_whole else has_frozen and others_train):
            found.append(module)
    return found


def reset_statistics_(model: nn.Module) -> nn.Module:
    """Set every layer's running mean to 0 and variance to 1, in place, and return the model.

    Frozen layers, see :func:`recalibrate_`, keep theirs.

    Example:
        >>> norm = nn.BatchNorm1d(1)
        >>> _ = norm(torch.tensor([[1.0], [3.0]]))
        >>> reset_statistics_(norm).running_mean
        tensor([0.])
    """
    check_model("model", model)
    for module in _trained_statistics(model):
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

    Running statistics are averages over the last few dozen steps. After a shorter round, or right after weights were
    shrunk, they describe weights that no longer exist, and accuracy in evaluation mode collapses although the model is
    good. Here they become the plain mean over batches passed through the final weights.

    Frozen layers keep their statistics: those in evaluation mode within a model in training mode, and in a model that
    is in evaluation mode as a whole those whose own parameters are frozen while others are not. Every other buffer,
    every mode and every attribute of the model stays as it is, and if a pass fails, so do the statistics.

    Args:
        model: Without layers that keep running statistics nothing is done.
        data: Training data, at least one sample; evaluation data would leak.
        generator: A CPU generator; draws the samples, and decides dropout, which stays on as in training.
        samples: Number of samples at most, at least 1; of a loader, whole batches until there are so many.
        batch_size: As in training, since statistics of training batches are wanted. A loader has its own.

    Raises:
        InputError: If there is no sample, or the model does not take the data.

    Example:
        >>> norm = nn.BatchNorm1d(1)
        >>> data = TensorData(torch.tensor([[1.0], [3.0]]), torch.tensor([0, 1]), scale=1.0, offset=0.0)
        >>> recalibrate_(norm, data, generator=torch.Generator().manual_seed(0)).running_mean
        tensor([2.])
    """
    check_model("model", model)
    weights_of(model)  # names a parameter without values, as of a lazy layer
    check_generator("generator", generator)
    check_at_least("samples", 0 if samples is None else samples, 1)
    check_batch_size(batch_size)
    check_repeatable(data)
    # Instance normalization that tracks statistics is left as training left it: its statistics are those of images.
    layers = [module for module in _trained_statistics(model) if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    if not layers:
        return model
    check_not_inference(canonical_tensors(model))
    inner = unwrapped(model)  # statistics need neither a compiled pass nor one that waits for other processes
    if isinstance(data, TensorData):
        order = torch.randperm(len(data), generator=generator, device="cpu")[:samples].to(data.device)
        typed = data.typed_for(model)
        drawn = (typed.batch(part)[0] for part in batches(order, batch_size) if len(part))
    else:
        drawn = (inputs for inputs, _ in loaded(data, model))
    with undisturbed(model), seeded_globals(generator), temporary_mode(model, training=True), torch.no_grad():
        for module in layers:
            module.train()
            module.reset_running_stats()
            module.momentum = None  # the plain mean over batches
        count = 0
        for inputs in drawn:
            with arithmetic(Precision.FP32, device_of(model)), explained(inputs):
                inner(inputs)
            count += len(inputs)
            if count >= samples:
                break  # before the loader is asked for another batch
        if not count:
            raise InputError("data must hold at least one sample to recalibrate on, got 0.")
        found = [[getattr(module, name).clone() for name in _STATISTICS] for module in layers]
    with torch.no_grad():
        for module, values in zip(layers, found, strict=True):
            if values[-1]:  # else the layer did not run, and keeps what it had
                for name, value in zip(_STATISTICS, values, strict=True):
                    getattr(module, name).copy_(value)
    Shard.of_model(model).broadcast_buffers_(model)
    return model


def recalibrated_score_and_loss(
    model: nn.Module, data: Data, loss: Loss, *, on: Data | None = None
) -> tuple[float, float]:
    """Return mean score and mean loss as at a round's end: with running statistics recalibrated, in a copy.

    Args:
        model: Left as it is.
        data: Training data, on which the statistics are estimated.
        loss: The loss.
        on: What is evaluated; None: the training data.
    """
    # Between epochs the statistics lag behind the weights, and evaluation would measure the lag.
    inner = unwrapped(model)
    if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in inner.modules()):
        inner = copy_model(inner)
        recalibrate_(inner, data, generator=torch.Generator().manual_seed(0))
    return mean_score_and_loss(inner, data if on is None else on, loss)
