"""The tensors of a model that a strategy may change, as the model computes with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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

    For most modules it is a parameter. Where it is a function of other parameters (reparametrized: weight norm,
    spectral norm, pruning), changing those does not change the weight in the same way; here the weight counts.

    Args:
        name: Without what wrappers and parametrizations add: ``0.weight`` even if the parameter is called
            ``0.parametrizations.weight.original0``.
        module: The module that computes with it.
        key: Its attribute of the module.
        sources: The parameters that it is computed from.
        product: Name of the product of which it is a factor, such as a LoRA update; None if it stands alone; empty if
            it belongs to an adapter of another kind, whose combination with the base weight is unknown.
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
        """Whether it is a parameter itself, rather than a function of parameters."""
        return type(self) is Weight

    def value(self) -> Tensor:
        """Return the tensor without a graph; that of a plain parameter shares its memory."""
        (parameter,) = self.sources
        return parameter.detach()

    @property
    def buffers(self) -> tuple[Tensor, ...]:
        """What it is computed from besides parameters, such as the base that an orthogonal weight rotates."""
        return ()

    def assignments(self, value: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return which parameters must take which values for the weight to become ``value``; nothing is changed.

        Raises:
            InputError: If the weight cannot take that value, for example because it is normalized.
        """
        return [(self.sources[0], value)]

    def refresh_(self) -> None:
        """Recompute what the module caches of the weight, after its parameters have changed."""


class _Parametrized(Weight):
    """A weight under ``torch.nn.utils.parametrize``."""

    @property
    def _maps(self) -> Any:
        parametrizations: Any = self.module.parametrizations
        return parametrizations[self.key]

    @property
    def buffers(self) -> tuple[Tensor, ...]:
        return tuple(self._maps.buffers())

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
            # Its own right inverse would give a weight of 0 a direction of 0, and the next pass 0 / 0.
            return _length_and_direction(value, self.sources[1], getattr(maps[0], "dim", 0), self.sources)
        cause: Exception | None = None
        try:
            with undisturbed(self._maps), torch.no_grad():
                self._maps.eval()
                found = value
                for each in reversed(maps):
                    # As parametrize does it: a map without an inverse is taken for the identity.
                    found = each.right_inverse(found) if hasattr(each, "right_inverse") else found
                originals = [part.clone() for part in (found if isinstance(found, tuple | list) else [found])]
            # In a second context, since an inverse may work by changing a buffer, which is now restored.
            with undisturbed(self._maps), torch.no_grad():
                self._maps.eval()
                again = maps[0](*originals)
                for each in maps[1:]:
                    again = each(again)
        except Exception as error:  # a map may be anybody's code, and raise anything
            fits, cause, originals = False, error, []
        else:
            fits = again.shape == value.shape and len(originals) == len(self.sources)
            # Going there and back is a few operations, each of which rounds; the largest value sets the scale.
            eps = 64 * torch.finfo(again.dtype).eps if fits else 0.0
            largest = float(value.abs().max()) if fits and value.numel() else 0.0
            fits = fits and torch.allclose(again, value, rtol=eps, atol=eps * largest)
        if not fits:
            raise InputError(
                f"model must have weights that can take any value, but '{self.name}' is reparametrized by {kinds}, "
                "which undoes the change: leave it out with include=, or remove it with "
                "torch.nn.utils.parametrize.remove_parametrizations."
            ) from cause
        return list(zip(self.sources, originals, strict=True))


class _WeightNorm(Weight):
    """A weight under ``torch.nn.utils.weight_norm``, the older form: ``weight_g`` and ``weight_v``."""

    def value(self) -> Tensor:
        return _pre_hook(self).compute_weight(self.module).detach()

    def assignments(self, value: Tensor) -> list[tuple[Tensor, Tensor]]:
        return _length_and_direction(value, self.sources[1], _pre_hook(self).dim, self.sources)

    def refresh_(self) -> None:
        setattr(self.module, self.key, _pre_hook(self).compute_weight(self.module))


def _length_and_direction(
    value: Tensor, direction: Tensor, dim: int, targets: tuple[nn.Parameter, ...]
) -> list[tuple[Tensor, Tensor]]:
    """Return the length and the direction that weight norm must hold for the weight to become ``value``."""
    import torch

    length = torch.norm_except_dim(value, 2, dim)
    # What becomes 0 has no direction of its own: it keeps the one it had, since 0 / 0 would be NaN.
    return list(zip(targets, (length, torch.where(length == 0, direction.detach(), value)), strict=True))


class _SpectralNorm(Weight):
    """A weight under ``torch.nn.utils.spectral_norm``, the older form."""

    @property
    def buffers(self) -> tuple[Tensor, ...]:
        return tuple(getattr(self.module, f"{self.key}_{part}") for part in "uv")

    def value(self) -> Tensor:
        # A power iteration would change the module's estimate of the largest singular value.
        return _pre_hook(self).compute_weight(self.module, do_power_iteration=False).detach()

    def assignments(self, value: Tensor) -> list[tuple[Tensor, Tensor]]:
        raise InputError(
            f"model must have weights that can take any value, but '{self.name}' is under spectral norm, which undoes "
            "the change: leave it out with include=, or remove it with torch.nn.utils.remove_spectral_norm."
        )


def _pre_hook(weight: Weight) -> Any:
    """Return the hook that computes a weight before every pass, as the older reparametrizations do."""
    hooks = weight.module._forward_pre_hooks.values()
    return next(hook for hook in hooks if getattr(hook, "name", None) == weight.key)


class _Pruned(Weight):
    """A weight under ``torch.nn.utils.prune``: pruned entries stay 0, but their hidden values change, too."""

    def value(self) -> Tensor:
        return (self.sources[0] * getattr(self.module, f"{self.key}_mask")).detach()

    def refresh_(self) -> None:
        # With its graph, as the hook sets it before every pass.
        setattr(self.module, self.key, self.sources[0] * getattr(self.module, f"{self.key}_mask"))


def weights_of(model: nn.Module, *, name: str = "model") -> dict[str, Weight]:
    """Return every weight of a model by name, tied ones once, under their first name.

    Names and weights are those of the model inside wrappers, parametrizations and PEFT's LoRA layers.

    Args:
        model: Any.
        name: What an error calls the model.

    Raises:
        InputError: If a parameter has no values yet, because it is lazy or on the meta device.

    Example:
        >>> from torch import nn
        >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 3))
        >>> {name: tuple(weight.value().shape) for name, weight in weights_of(layer).items()}
        {'bias': (3,), 'weight': (3, 2)}
    """
    from torch.nn.parameter import is_lazy

    found: list[Weight] = []
    met: set[int] = set()
    for weight in _weights(unwrapped(model)):
        if all(id(source) in met for source in weight.sources):
            continue
        met.update(map(id, weight.sources))
        if any(is_lazy(source) for source in weight.sources):
            raise InputError(
                f"{name} must have parameters of known shape, but '{weight.name}' belongs to a lazy layer: run the "
                "model on a batch first."
            )
        if any(source.is_meta for source in weight.sources):
            raise InputError(
                f"{name} must have parameters with values, but '{weight.name}' is on the meta device: materialize it "
                "with model.to_empty(device=...) and initialize it."
            )
        found.append(weight)
    names = canonical_names([weight.name for weight in found])
    return {names[weight.name]: weight for weight in found}


def aliases_of(model: nn.Module) -> dict[str, Weight]:
    """Return every weight under each of its names: another model may use another one of them for a tied weight."""
    found = list(_weights(unwrapped(model)))
    names = canonical_names([weight.name for weight in found])
    return {names[weight.name]: weight for weight in found}


def check_has_values(name: str, model: nn.Module) -> None:
    """Raise if a parameter of a model has no values yet, as in lazy layers and on the meta device.

    Example:
        >>> from torch import nn
        >>> check_has_values("fresh", nn.LazyLinear(2))
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: fresh must have parameters of known shape, but 'weight' belongs to ...
    """
    from torch.nn.parameter import is_lazy

    if any(is_lazy(parameter) or parameter.is_meta for parameter in model.parameters()):
        weights_of(model, name=name)  # says which, and what to do


def check_not_inference(tensors: Mapping[str, Tensor]) -> None:
    """Raise if a tensor was made in inference mode, where it can be changed alone.

    Raises:
        InputError: Naming the first.
    """
    import torch

    for name, tensor in tensors.items():
        if tensor.is_inference() and not torch.is_inference_mode_enabled():
            raise InputError(
                f"model must not be made in inference mode, which forbids changing its '{name}': build it under "
                "torch.no_grad() instead."
            )


def check_trainable(model: nn.Module, *, purpose: str = "") -> None:
    """Raise if no parameter of a model is trainable; ``purpose`` says what one is needed for, as in "for a penalty".

    Example:
        >>> from torch import nn
        >>> check_trainable(nn.Linear(1, 1).requires_grad_(False))
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: model must have at least one trainable parameter, got none.
    """
    # Without one, what was asked for would silently do nothing.
    if not any(parameter.requires_grad for parameter in model.parameters()):
        what = f" {purpose}" if purpose else ""
        raise InputError(f"model must have at least one trainable parameter{what}, got none.")


# The attributes of PEFT's and loralib's layers that hold the factors of an update.
_FACTORS = {
    *("lora_A", "lora_B", "lora_embedding_A", "lora_embedding_B"),
    *("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"),
}


def _weights(model: nn.Module) -> Iterator[Weight]:
    """Yield every weight of a model without wrappers, tied ones once for each attribute that holds them."""
    from torch.nn.utils import parametrize
    from torch.nn.utils.prune import BasePruningMethod
    from torch.nn.utils.spectral_norm import SpectralNorm
    from torch.nn.utils.weight_norm import WeightNorm

    # Attributes of PEFT's other adapters, which multiply or rotate in ways of their own. Found by the name of their
    # base class, since PEFT need not be installed.
    tuners = [each for each in model.modules() if any(k.__name__ == "BaseTunerLayer" for k in type(each).__mro__)]
    unknown = {str(name) for tuner in tuners for name in getattr(tuner, "adapter_layer_names", ())} - _FACTORS
    for prefix, module in model.named_modules():
        if ".parametrizations." in f".{prefix}.":
            continue  # part of the weight that it computes, even if it has parameters of its own
        own: dict[str, Any] = dict(module._parameters)
        dotted = f"{prefix}." if prefix else ""
        composed: list[Weight] = []
        for hook in module._forward_pre_hooks.values():
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
                # One original unless the right inverse of the last map returns several, as weight norm's does.
                numbered = [f"original{index}" for index in range(0 if maps.is_tensor else maps.ntensors)]
                sources = tuple(getattr(maps, name) for name in numbered or ["original"])
                composed.append(_Parametrized(dotted + key, module, key, sources))
        for key, parameter in own.items():
            if parameter is not None:
                # A bias is added and not multiplied. The factors of one product differ only in the part that becomes *.
                path = [*prefix.split("."), key] if key != "bias" else []
                product = ".".join("*" if part in _FACTORS else part for part in path) if _FACTORS & set(path) else None
                yield Weight(dotted + key, module, key, (parameter,), "" if unknown & set(path) else product)
        yield from composed
