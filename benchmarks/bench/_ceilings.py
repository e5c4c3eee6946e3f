"""What the machine can do at best: matrix products, copies, and a model's own layers with nothing around them."""

from collections.abc import Callable

import torch
from torch import nn

from ._turns import repeated

_MILLION = 2**20


class Ceilings:
    """The machine's rates, measured together as one way that takes its turn.

    Args:
        quick: Whether to take small matrices and blocks of memory.
    """

    def __init__(self, *, quick: bool) -> None:
        self._rates = {
            "products, float32": _products(512 if quick else 2048, torch.float32),
            # Small: processors without instructions for bfloat16 take a hundred times as long.
            "products, bfloat16": _products(256 if quick else 512, torch.bfloat16),
            "copy, large": _copies((32 if quick else 256) * _MILLION, repeats=3),
            "copy, a batch": _copies(3 * _MILLION // 2, repeats=100),
        }
        self.names = tuple(self._rates)

    def __call__(self) -> dict[str, float]:
        """Return operations a second of matrix products, and bytes read and written a second of copies."""
        return {name: rate() for name, rate in self._rates.items()}


def _products(size: int, kind: torch.dtype) -> Callable[[], float]:
    one, other = torch.ones(size, size, dtype=kind), torch.ones(size, size, dtype=kind)
    out = torch.empty(size, size, dtype=kind)
    return _rate(lambda: torch.mm(one, other, out=out), 2 * size**3, repeats=1)


def _copies(size: int, *, repeats: int) -> Callable[[], float]:
    source, target = torch.ones(size, dtype=torch.uint8), torch.zeros(size, dtype=torch.uint8)
    return _rate(lambda: target.copy_(source), 2 * size, repeats=repeats)


def _rate(call: Callable[[], object], work: int, *, repeats: int) -> Callable[[], float]:
    def measure() -> float:
        return repeats * work / repeated(call, repeats)

    return measure


class LayersAlone:
    """A model's convolutions and linear layers, forward and backward, on the tensors that they meet in training.

    The bound of what training can reach with these kernels: no normalization, no activations, no optimizer.

    Args:
        model: In training mode, laid out as for training.
        inputs: A batch.
    """

    def __init__(self, model: nn.Module, inputs: torch.Tensor) -> None:
        self._calls: list[tuple[nn.Module, torch.Tensor, torch.Tensor]] = []
        layers = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
        hooks = [layer.register_forward_hook(self._note) for layer in layers]
        model(inputs)
        for hook in hooks:
            hook.remove()
        # The first layer's inputs are data, which nobody wants a gradient of.
        for _, given, _ in self._calls[1:]:
            given.requires_grad_()

    def _note(self, module: nn.Module, given: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        # ReLU works in place on some of the outputs, so that the values may be later ones; the shapes are what counts.
        self._calls.append((module, given[0].detach().clone(), torch.ones_like(output)))

    def forward_backward(self) -> None:
        """Pass every layer's inputs through it, and gradients back to its weights and inputs."""
        for module, given, gradient in self._calls:
            wanted = [*module.parameters(), *([given] if given.requires_grad else [])]
            torch.autograd.grad(module(given), wanted, gradient)
