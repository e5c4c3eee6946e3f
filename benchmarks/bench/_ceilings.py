"""What the machine can do at best: matrix products, copies, and a model's own layers with nothing around them."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from ._turns import repeated

_MILLION = 2**20


_KINDS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_EMULATED = 5e9
"""Operations per second; slower processors have no instructions for the kind of number."""


class Ceilings:
    """The machine's rates, measured together as one way that takes its turn.

    No kernel is the fastest everywhere: MKL's product of float32 reaches half of oneDNN's on some processors, and in
    bfloat16 convolutions outrun products. The ceiling of a precision is the best of several kernels in that turn.

    Args:
        quick: Whether to take small matrices and blocks of memory.
        copies: Whether to measure copies, too.
    """

    def __init__(self, *, quick: bool, copies: bool = True) -> None:
        self._kernels = {kind: _kernels(dtype, quick=quick) for kind, dtype in _KINDS.items()}
        self._copies = {
            "copy, large": _copies((32 if quick else 256) * _MILLION, repeats=3),
            "copy, a batch": _copies(3 * _MILLION // 2, repeats=100),
        } if copies else {}  # fmt: skip
        kernels = [f"{kind}, {name}" for kind, rates in self._kernels.items() for name in rates]
        self.names = (*(f"products, {kind}" for kind in _KINDS), *kernels, *self._copies)

    def __call__(self) -> dict[str, float]:
        """Return operations per second of the best kernel and of each, and bytes read and written per second."""
        found: dict[str, float] = {}
        for kind, rates in self._kernels.items():
            each = {f"{kind}, {name}": rate() for name, rate in rates.items()}
            found |= {f"products, {kind}": max(each.values()), **each}
        return found | {name: rate() for name, rate in self._copies.items()}


def _kernels(kind: torch.dtype, *, quick: bool) -> dict[str, Callable[[], float]]:
    """Return kernels that multiply matrices, or do nothing else inside, by name."""
    smallest = {"matrix product, 256": _products(256, kind, repeats=20)}
    if quick or smallest["matrix product, 256"]() < _EMULATED:
        return smallest  # the others would take minutes
    repeats = {512: 10, 1024: 3, 2048: 1}  # a hundredth of a second at least
    found = smallest | {f"matrix product, {size}": _products(size, kind, repeats=n) for size, n in repeats.items()}
    if kind is torch.float32 and torch.backends.mkldnn.is_available():
        found["linear layer of oneDNN, 1024"] = _linear(1024)
    shapes = {"1x1, 256 channels": (8, 256, 16, 1), "3x3, 64 channels": (32, 64, 32, 3),
              "3x3, 128 channels": (16, 128, 16, 3), "3x3, 256 channels": (8, 256, 16, 3)}  # fmt: skip
    return found | {f"convolution {name}": _convolution(*shape, kind) for name, shape in shapes.items()}


def _products(size: int, kind: torch.dtype, *, repeats: int = 1) -> Callable[[], float]:
    one, other = torch.ones(size, size, dtype=kind), torch.ones(size, size, dtype=kind)
    out = torch.empty(size, size, dtype=kind)
    return _rate(lambda: torch.mm(one, other, out=out), 2 * size**3, repeats=repeats)


def _linear(size: int) -> Callable[[], float]:
    """Return the rate of a float32 product on tensors in oneDNN's own layout, which oneDNN alone can compute."""
    inputs, weight = torch.ones(size, size).to_mkldnn(), torch.ones(size, size)
    return _rate(lambda: F.linear(inputs, weight), 2 * size**3, repeats=3)


def _convolution(batch: int, channels: int, side: int, kernel: int, kind: torch.dtype) -> Callable[[], float]:
    last = torch.channels_last
    inputs = torch.ones(batch, channels, side, side, dtype=kind).to(memory_format=last)
    weight = torch.ones(channels, channels, kernel, kernel, dtype=kind).to(memory_format=last)
    work = 2 * batch * side**2 * (channels * kernel) ** 2
    return _rate(lambda: F.conv2d(inputs, weight, padding=kernel // 2), work, repeats=4)


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
