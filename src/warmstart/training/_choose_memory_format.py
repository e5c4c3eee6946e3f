"""The memory format that a model trains fastest in, found by trying a step."""

import torch
from torch import nn

from warmstart.penalties import Penalty

from ._data import TensorData, batches
from ._evaluate import temporary_mode
from ._flops import flops_per_sample
from ._loss import CROSS_ENTROPY, Loss
from ._memory_format import (
    kept_memory_format,
    prefers_channels_last,
    set_memory_format_,
    with_channels_first,
    with_channels_last,
)


def choose_memory_format(
    model: nn.Module,
    data: TensorData,
    batch_size: int,
    penalty: Penalty | None,
    *,
    loss: Loss = CROSS_ENTROPY,
) -> tuple[float | None, bool]:
    """Return the operations of a step per sample, and whether images should have their channels last in memory.

    Args:
        model: Left as it is.
        data: The model's, on its device.
        batch_size: Samples per step at most.
        penalty: Added to the loss.
        loss: The loss.

    Returns:
        None for the operations where they were not counted.
    """
    if not data.is_image or not prefers_channels_last(model):
        return None, False  # nothing to try, and counting alone can wait for the end of training
    inputs, labels = data.typed_for(model).batch(batches(torch.arange(len(data), device=data.device), batch_size)[0])
    # A model that calls .view on what a convolution returns fails with channels last.
    for channels_last in (True, False):
        in_format = with_channels_last if channels_last else with_channels_first
        with kept_memory_format(model), temporary_mode(model, training=True):
            set_memory_format_(model, channels_last=channels_last)
            flops = flops_per_sample(model, in_format(inputs), labels, penalty, loss=loss)
        if flops is not None:
            return flops, channels_last
    return None, False
