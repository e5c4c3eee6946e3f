"""Forward passes that leave no trace in the model."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.func import functional_call


def forward_aside(model: nn.Module, inputs: Tensor) -> Tensor:
    """Return ``model(inputs)`` with its graph, in the model's present mode, and leave its buffers as they are.

    The pass works on copies of the buffers, so that BatchNorm in training mode normalizes by this batch but does not
    add it to its running statistics.
    """
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    return functional_call(model, buffers, (inputs,))


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Put the model into evaluation mode, and each module back into its own mode afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, was_training in modes:
            module.training = was_training
