"""A model's layers, in order."""

from typing import Any

import torch
from torch import nn

from warmstart.basics import (
    InputError,
    Weight,
    aliases_of,
    check_model,
    described,
    float_type,
    logits_of,
    undisturbed,
    unknown_name,
    unwrapped,
    weights_of,
)

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
    comes first is a layer itself. Tied parameters belong to the first layer that has them, and so do frozen ones. What
    a parametrization holds belongs to the module whose weight it makes. The last layer that runs comes last, also
    where it is defined earlier; see :func:`head_of`.

    Example:
        >>> layers_of(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 1)))
        [['0.weight', '0.bias', '1.weight', '1.bias', '1.running_mean', '1.running_var', '1.num_batches_tracked'],
         ['3.weight', '3.bias']]
    """
    check_model("model", model)
    model = unwrapped(model)
    layers: list[list[str]] = []
    owners: list[str] = []
    met: set[int] = set()
    for name, module in model.named_modules():
        own = [(key, value) for key, value in module.named_parameters(name, recurse=False) if id(value) not in met]
        met |= {id(value) for _, value in own}
        names = [key for key, _ in [*own, *module.named_buffers(name, recurse=False)]]
        owner, is_parametrization, _ = f".{name}".partition(".parametrizations.")
        if is_parametrization and layers and owner == owners[-1]:
            layers[-1] += names
        elif own and not (layers and isinstance(module, NORMALIZATIONS)):
            layers.append(names)
            owners.append(owner)
        elif names and layers:
            layers[-1] += names
    # Models may define their head before the body that feeds it.
    last = last_layer_that_runs(model)
    if last is not None and f".{last}" in owners[:-1]:
        layers.append(layers.pop(owners.index(f".{last}")))
    return layers


def head_of(model: nn.Module, *, name: str | None = None) -> set[str]:
    """Return the names of the weights of a model's head.

    The head is the last layer that runs, which need not be the last one defined. It is found, in this order: by the
    ``name``; by what the model says itself (``get_output_embeddings`` of Hugging Face's models, ``get_classifier`` of
    timm's); from a symbolic trace, or, where the model cannot be traced, from a pass of zeros; else as the last layer
    defined. A head whose weights are all tied to an earlier layer is those weights; of one that has others of its own,
    the tied ones belong to the earlier layer.

    Args:
        model: Left as it is.
        name: Of the module that is the head, such as ``classifier``.

    Raises:
        InputError: If there is no module of that name with parameters.

    Example:
        >>> sorted(head_of(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))))
        ['2.bias', '2.weight']
    """
    check_model("model", model)
    if name is not None and not isinstance(name, str):
        raise InputError(f"head must be the name of a module, got {described(name)}.")
    model = unwrapped(model)
    weights, aliases = weights_of(model), aliases_of(model)
    if name is not None:
        inside = [alias for alias in aliases if f"{alias}.".startswith(f"{name}.")]
        if not inside:
            known = [key for key, module in model.named_modules() if key and any(True for _ in module.parameters())]
            raise unknown_name("head", name, known)
        return _first_names(inside, weights, aliases)
    last = last_layer_that_runs(model)
    if last is None:
        layers = layers_of(model)
        return set(layers[-1]) if layers else set()
    inside = [alias for alias in aliases if f"{alias}.".startswith(f"{last}." if last else "")]
    return {alias for alias in inside if alias in weights} or _first_names(inside, weights, aliases)


def _first_names(inside: list[str], weights: dict[str, Weight], aliases: dict[str, Weight]) -> set[str]:
    """Return the names under which tied weights are known."""
    sources = {id(source) for alias in inside for source in aliases[alias].sources}
    return {name for name, weight in weights.items() if sources & set(map(id, weight.sources))}


def last_layer_that_runs(model: nn.Module) -> str | None:
    """Return the name of the last module with parameters, normalization left aside, that a forward pass calls.

    None where that cannot be found without data.
    """
    names = {id(module): name for name, module in model.named_modules()}
    # What the model's library says holds; a trace may end in a helper of its own.
    for method in ("get_output_embeddings", "get_classifier"):
        if callable(getattr(model, method, None)):
            try:
                found: Any = getattr(model, method)()
            except Exception:
                continue  # an abstract method, or one with arguments: it says nothing
            if id(found) in names and any(True for _ in found.parameters()):
                return names[id(found)]
    return _last_traced(model) or _last_in_pass_of_zeros(model)


def _is_layer(module: nn.Module) -> bool:
    """Return whether a module computes with parameters of its own, and not by way of others."""
    is_parametrized = hasattr(module, "parametrizations")
    has_own = any(True for _ in module.parameters(recurse=False)) or is_parametrized
    has_parts = any(True for _ in module.children()) and not is_parametrized and not isinstance(module, _WHOLE)
    return has_own and not has_parts and not isinstance(module, NORMALIZATIONS)


_WHOLE = (nn.MultiheadAttention, nn.RNNBase)
"""Layers that hold others."""


class _Tracer(torch.fx.Tracer):
    """Traces down to the layers, and never into them."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return _is_layer(m) or super().is_leaf_module(m, module_qualified_name)


def _last_traced(model: nn.Module) -> str | None:
    try:
        with undisturbed(model):
            nodes: list[Any] = list(_Tracer().trace(model).nodes)
    except Exception:  # whatever a forward does that proxies cannot
        return None
    # Of several outputs the logits count, as in training; what does not lead to them, such as an auxiliary head, does
    # not.
    result: Any = nodes[-1].args[0]
    if isinstance(result, dict):
        result = result.get("logits", next(iter(result.values()), None))
    if isinstance(result, tuple | list) and result:
        result = result[0]
    needed = {result} if isinstance(result, torch.fx.Node) else set()
    for node in reversed(nodes[:-1]):
        if node not in needed:
            continue
        needed.update(node.all_input_nodes)
        owner, _, name = str(node.target).rpartition(".")
        if node.op == "call_module" and any(map(_is_layer, model.get_submodule(str(node.target)).modules())):
            return str(node.target)
        if node.op == "get_attr" and owner:
            found = getattr(model.get_submodule(owner), name, None)
            if isinstance(found, nn.Parameter) and found.ndim >= 2:
                return owner
    return None


def _last_in_pass_of_zeros(model: nn.Module) -> str | None:
    """Return the layer whose weight is nearest to the logits in a pass of zeros, in a shape that some layer takes."""
    owners = {
        id(source): name.rpartition(".")[0]
        for name, weight in weights_of(model).items()
        for source in weight.sources
        if source.ndim >= 2 and not isinstance(weight.module, NORMALIZATIONS)
    }
    for inputs in _plausible_inputs(model):
        try:
            with undisturbed(model), torch.enable_grad(), torch.random.fork_rng(devices=[]):
                model.eval()
                for parameter in model.parameters():
                    parameter.requires_grad_(parameter.is_floating_point() or parameter.is_complex())
                found = _nearest(logits_of(model(inputs)).grad_fn, owners)
        except Exception:  # another shape is expected
            continue
        if found is not None:
            return found or None
    return None


def _nearest(start: Any, owners: dict[int, str]) -> str | None:
    """Return the owner of the parameter that the fewest operations separate from the beginning of a graph."""
    waiting, met = [start], {start}
    while waiting:
        following: list[Any] = []
        for node in waiting:  # grows while views are looked through, which are no step of their own
            parameter = getattr(node, "variable", None)
            if id(parameter) in owners:
                return owners[id(parameter)]
            for each, _ in node.next_functions:
                if each is not None and each not in met:
                    met.add(each)
                    is_view = type(each).__name__ in _VIEWS or hasattr(each, "variable")
                    (waiting if is_view else following).append(each)
        waiting = following
    return None


_VIEWS = {
    f"{name}Backward0" for name in ("T", "Permute", "Transpose", "View", "UnsafeView", "Expand", "Unsqueeze", "ToCopy")
}


def _plausible_inputs(model: nn.Module) -> list[torch.Tensor]:
    """Return inputs of zeros in shapes that some layer may take; which one comes first is not known."""
    found: list[torch.Tensor] = []
    for module in model.modules():
        weight = getattr(module, "weight", None)
        kind = getattr(module, "original_name", type(module).__name__)
        if isinstance(module, nn.RNNBase):
            found.append(torch.zeros(2, 8, module.input_size))
        elif not isinstance(weight, torch.Tensor):
            continue
        elif kind.startswith("Embedding"):
            found.append(torch.zeros(2, 8, dtype=torch.int64))
        elif weight.ndim == 4:
            channels = weight.shape[1] * int(getattr(module, "groups", 1))
            found += [torch.zeros(2, channels, size, size) for size in (32, 28, 8, 16, 64, 224)]
        elif weight.ndim == 3:
            channels = weight.shape[1] * int(getattr(module, "groups", 1))
            found += [torch.zeros(2, channels, length) for length in (16, 8, 32, 128)]
        elif weight.ndim == 2:
            found += [torch.zeros(2, weight.shape[1]), torch.zeros(2, 8, weight.shape[1])]
    device, dtype = next((parameter.device for parameter in model.parameters()), None), float_type(model)
    return [x.to(device, dtype if x.is_floating_point() else x.dtype) for x in found[:12]]
