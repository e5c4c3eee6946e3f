"""The tensors of a model that a strategy may change, as the model computes with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._errors import InputError
from ._undisturbed import undisturbed
from ._wrappers import canonical_names, unwrapped

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Weight:
    """One tensor that a model computes with, and how to change it.

    For most modules that is a parameter. Where the weight is a function of other parameters (reparametrized: weight
    norm, spectral norm, pruning), changing those is not changing the weight: here the weight is what counts.

    Args:
        name: Without what wrappers and parametrizations add; ``0.weight`` also where the parameter proper is
            ``0.parametrizations.weight.original0``.
        module: The module that computes with it.
        key: Its attribute there.
        sources: The parameters that it is made of, by the attribute that holds each.
        product: Name of the product of which it is a factor, as each of the two of a LoRA update is; None: it counts by
            itself; empty: it belongs to an adapter of another kind, of which it is not known what it multiplies.
    """

    name: str
    module: nn.Module
    key: str
    sources: tuple[nn.Parameter, ...]
    product: str | None = None

    @property
    def is_trainable(self) -> bool:
        """Whether any of its parameters is trained."""
        return any(parameter.requires_grad for parameter in self.sources)

    @property
    def is_plain(self) -> bool:
        """Whether it is a parameter itself."""
        return True

    def value(self) -> Tensor:
        """Return the tensor, without a graph; of a plain parameter it shares the memory."""
        (parameter,) = self.sources
        return parameter.detach()

    def assignments(self, value: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return which parameters have to take which values for the weight to become ``value``; nothing is changed.

        Raises:
            InputError: If the weight cannot take that value, as one that is normalized.
        """
        return [(self.sources[0], value)]

    def refresh_(self) -> None:
        """Make what the module stores of the weight besides its parameters agree with them."""


class _Parametrized(Weight):
    """A weight under ``torch.nn.utils.parametrize``."""

    @property
    def is_plain(self) -> bool:
        return False

    @property
    def _maps(self) -> Any:
        parametrizations: Any = self.module.parametrizations
        return parametrizations[self.key]

    def value(self) -> Tensor:
        import torch

        # In evaluation mode, where spectral norm takes no step of its power iteration.
        with undisturbed(self._maps), torch.no_grad():
            self._maps.eval()
            return self._maps().clone()

    def assignments(self, value: Tensor) -> list[tuple[Tensor, Tensor]]:
        import torch

        maps = list(self._maps)
        kinds = ", ".join(type(each).__name__.lstrip("_") for each in maps)
        if kinds == "WeightNorm":
            axis = getattr(maps[0], "dim", 0)
            return _length_and_direction(value, self.sources[1], axis, self.sources)
        try:
            with undisturbed(self._maps), torch.no_grad():
                self._maps.eval()
                found = value
                for each in reversed(maps):
                    found = each.right_inverse(found) if hasattr(each, "right_inverse") else found
                originals = [part.clone() for part in (found if isinstance(found, tuple | list) else [found])]
            # Anew, for an inverse may work by changing a buffer that is now what it was.
            with undisturbed(self._maps), torch.no_grad():
                self._maps.eval()
                again = maps[0](*originals)
                for each in maps[1:]:
                    again = each(again)
        except Exception as error:
            raise self._refusal(kinds) from error
        if again.shape != value.shape or not _agree(again, value) or len(originals) != len(self.sources):
            raise self._refusal(kinds)
        return list(zip(self.sources, originals, strict=True))

    def _refusal(self, kinds: str) -> InputError:
        return InputError(
            f"model must have weights that can take any value, but '{self.name}' is reparametrized by {kinds}, which "
            "undoes the change: leave it out with include=, or remove it with "
            "torch.nn.utils.parametrize.remove_parametrizations."
        )


class _WeightNorm(Weight):
    """A weight under ``torch.nn.utils.weight_norm``, the older form: ``weight_g`` and ``weight_v``."""

    @property
    def is_plain(self) -> bool:
        return False

    @property
    def _hook(self) -> Any:
        return next(hook for hook in _pre_hooks(self.module) if getattr(hook, "name", None) == self.key)

    def value(self) -> Tensor:
        return self._hook.compute_weight(self.module).detach()

    def assignments(self, value: Tensor) -> list[tuple[Tensor, Tensor]]:
        return _length_and_direction(value, self.sources[1], self._hook.dim, self.sources)

    def refresh_(self) -> None:
        setattr(self.module, self.key, self._hook.compute_weight(self.module))


def _length_and_direction(
    value: Tensor, direction: Tensor, dim: int, targets: tuple[nn.Parameter, ...]
) -> list[tuple[Tensor, Tensor]]:
    """Return what weight norm has to hold for the weight to become ``value``: its length and its direction.

    What becomes 0 has no direction of its own: there it keeps the one it had, for 0 / 0 is no number.
    """
    import torch

    length = torch.norm_except_dim(value, 2, dim)
    return list(zip(targets, (length, torch.where(length == 0, direction.detach(), value)), strict=True))


class _SpectralNorm(Weight):
    """A weight under ``torch.nn.utils.spectral_norm``, the older form."""

    @property
    def is_plain(self) -> bool:
        return False

    def value(self) -> Tensor:
        hook = next(hook for hook in _pre_hooks(self.module) if getattr(hook, "name", None) == self.key)
        return hook.compute_weight(self.module, do_power_iteration=False).detach()

    def assignments(self, value: Tensor) -> list[tuple[Tensor, Tensor]]:
        raise InputError(
            f"model must have weights that can take any value, but '{self.name}' is under spectral norm, which undoes "
            "the change: leave it out with include=, or remove it with torch.nn.utils.remove_spectral_norm."
        )


class _Pruned(Weight):
    """A weight under ``torch.nn.utils.prune``: what was pruned stays so, and its hidden values are treated alike."""

    @property
    def _mask(self) -> Tensor:
        return getattr(self.module, f"{self.key}_mask")

    @property
    def is_plain(self) -> bool:
        return False

    def value(self) -> Tensor:
        return (self.sources[0] * self._mask).detach()

    def assignments(self, value: Tensor) -> list[tuple[Tensor, Tensor]]:
        return [(self.sources[0], value)]

    def refresh_(self) -> None:
        setattr(self.module, self.key, self.sources[0] * self._mask)


def _pre_hooks(module: nn.Module) -> list[Any]:
    return list(module._forward_pre_hooks.values())


def weights_of(model: nn.Module) -> dict[str, Weight]:
    """Return every weight of a model by its name, tied ones once, under their first name.

    Wrappers are looked through, and so are parametrizations and PEFT's LoRA layers.

    Raises:
        InputError: If a parameter has no values yet, as on the meta device and in lazy layers.

    Example:
        >>> from torch import nn
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 3))
        >>> {name: tuple(weight.value().shape) for name, weight in weights_of(layer).items()}
        {'bias': (3,), 'weight': (3, 2)}
    """
    found: list[Weight] = []
    met: set[int] = set()
    for weight in _weights(unwrapped(model)):
        if not all(id(source) in met for source in weight.sources):
            met.update(map(id, weight.sources))
            _check_has_values(weight)
            found.append(weight)
    names = canonical_names([weight.name for weight in found])
    return {names[weight.name]: weight for weight in found}


def aliases_of(model: nn.Module) -> dict[str, Weight]:
    """Return every weight under each of its names: tied weights may carry another one in another model."""
    found = list(_weights(unwrapped(model)))
    names = canonical_names([weight.name for weight in found])
    return {names[weight.name]: weight for weight in found}


def check_trainable(model: nn.Module, *, purpose: str = "") -> None:
    """Raise if no parameter of a model is trainable, because what was asked for would silently do nothing.

    Args:
        model: To be changed or measured.
        purpose: What a parameter is needed for, such as "for a penalty".

    Example:
        >>> from torch import nn
        >>> check_trainable(nn.Linear(1, 1).requires_grad_(False))
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: model must have at least one trainable parameter, got none.
    """
    if not any(parameter.requires_grad for parameter in model.parameters()):
        what = f" {purpose}" if purpose else ""
        raise InputError(f"model must have at least one trainable parameter{what}, got none.")


def _check_has_values(weight: Weight) -> None:
    from torch.nn.parameter import is_lazy

    if any(is_lazy(source) for source in weight.sources):
        raise InputError(
            f"model must have parameters of known shape, but '{weight.name}' belongs to a lazy layer: run the model on "
            "a batch once before."
        )
    if any(source.is_meta for source in weight.sources):
        raise InputError(
            f"model must have parameters with values, but '{weight.name}' is on the meta device: materialize it with "
            "model.to_empty(device=...) and initialize it."
        )


def _weights(model: nn.Module) -> Iterator[Weight]:
    from torch.nn.utils import parametrize
    from torch.nn.utils.prune import BasePruningMethod
    from torch.nn.utils.spectral_norm import SpectralNorm
    from torch.nn.utils.weight_norm import WeightNorm

    unknown = _other_adapters(model)
    for prefix, module in model.named_modules():
        if ".parametrizations." in f".{prefix}.":
            continue  # belongs to the weight that it makes, a map's own parameters too
        own: dict[str, Any] = dict(module._parameters)
        dotted = f"{prefix}." if prefix else ""
        composed: list[Weight] = []
        for hook in _pre_hooks(module):
            if isinstance(hook, WeightNorm):
                parts = own.pop(f"{hook.name}_g", None), own.pop(f"{hook.name}_v", None)
                if None in parts:
                    raise InputError(
                        f"model must have one kind of reparametrization for a weight, but '{dotted}{hook.name}' is "
                        "under weight norm and something else: remove one of them."
                    )
                composed.append(_WeightNorm(dotted + hook.name, module, hook.name, parts))
            elif isinstance(hook, SpectralNorm):
                parts = (own.pop(f"{hook.name}_orig"),)
                composed.append(_SpectralNorm(dotted + hook.name, module, hook.name, parts))
            elif isinstance(hook, BasePruningMethod):
                parts = (own.pop(f"{hook._tensor_name}_orig"),)
                composed.append(_Pruned(dotted + hook._tensor_name, module, hook._tensor_name, parts))
        if parametrize.is_parametrized(module):
            parametrizations: Any = module.parametrizations
            for key, maps in parametrizations.items():
                composed.append(_Parametrized(dotted + key, module, key, _originals(maps)))
        for key, parameter in own.items():
            if parameter is not None:
                path = [*prefix.split("."), key] if key != "bias" else []
                product = ".".join("*" if part in _FACTORS else part for part in path) if _FACTORS & set(path) else None
                yield Weight(dotted + key, module, key, (parameter,), "" if unknown & set(path) else product)
        yield from composed


def _originals(maps: Any) -> tuple[nn.Parameter, ...]:
    if not maps.is_tensor:
        return tuple(getattr(maps, f"original{index}") for index in range(maps.ntensors))
    return (maps.original,)


# The attributes of PEFT's and loralib's layers that hold the factors of an update.
_FACTORS = {
    *("lora_A", "lora_B", "lora_embedding_A", "lora_embedding_B"),
    *("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"),
}


def _other_adapters(model: nn.Module) -> set[str]:
    """Return the attributes that hold parameters of PEFT's layers of which it is not known how they combine."""
    names: set[str] = set()
    for module in model.modules():
        if any(kind.__name__ == "BaseTunerLayer" for kind in type(module).__mro__):
            names |= {str(name) for name in getattr(module, "adapter_layer_names", ())}
    return names - _FACTORS


def _agree(one: Tensor, other: Tensor) -> bool:
    """Return whether two tensors are equal but for the rounding of a few operations."""
    import torch

    tolerance = 64 * torch.finfo(one.dtype).eps
    return torch.allclose(one, other, rtol=tolerance, atol=tolerance * float(other.abs().max() if other.numel() else 0))
