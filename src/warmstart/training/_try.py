"""A step that is tried before a model is trained."""

import torch
from torch import nn

from warmstart.penalties import Penalty

from ._data import TensorData, batches
from ._evaluate import mode
from ._flops import flops_per_sample
from ._layout import lay_out_, layout_kept, wants_channels_last, with_channels_first, with_channels_last


def tried_step(
    model: nn.Module, data: TensorData, batch_size: int, penalty: Penalty | None
) -> tuple[float | None, bool]:
    """Return how many operations a step takes for each sample, and whether images are to have their channels last.

    They are to have them last where that is fastest and the model can train so; one that calls ``.view`` on what a
    convolution returns cannot. Where nobody would want them last, nothing is tried and nothing counted.

    Args:
        model: Left as it is.
        data: The model's, on its device.
        batch_size: Samples of a step at most.
        penalty: Added to the loss.

    Returns:
        None for the operations where they cannot be counted.
    """
    if not data.is_image or not wants_channels_last(model):
        return None, False
    inputs, labels = data.typed_for(model).batch(batches(torch.arange(len(data), device=data.device), batch_size)[0])
    for channels_last in (True, False):
        lay = with_channels_last if channels_last else with_channels_first
        with layout_kept(model), mode(model, training=True):
            lay_out_(model, channels_last=channels_last)
            flops = flops_per_sample(model, lay(inputs), labels, penalty)
        if flops is not None:
            return flops, channels_last
    return None, False
