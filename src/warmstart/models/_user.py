"""A user's own model, built by a function given as module:function."""

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import is_lazy

from warmstart.basics import InputError, described, import_object, object_path, reason_of, seeded_globals, shown

from ._architecture import Architecture


@dataclass(frozen=True)
class UserModel(Architecture):
    """A model returned by a user's function.

    The function receives whichever of ``input_shape`` (a tuple) and ``classes`` (an integer) it has as parameters, and
    returns a freshly initialised ``nn.Module``. What it draws from PyTorch's global generator is seeded.

    Args:
        target: ``module:function``; the module is imported, with the current folder on the search path.
        options: Name and value of what else the function is to receive.

    Example:
        >>> from warmstart.basics import generator_for
        >>> model = UserModel("torch.nn:Identity").build((10,), 10, generator=generator_for(0))
        >>> type(model).__name__
        'Identity'
    """

    target: str
    options: tuple[tuple[str, Any], ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        """Check the form of the target."""
        object_path(self.target, "model")

    def function(self) -> Callable[..., Any]:
        """Return the function named by the target.

        Raises:
            InputError: If it cannot be imported.
        """
        found = import_object(self.target, "model")
        if not callable(found):
            raise InputError(f"model '{self.target}' must be a function, got {shown(described(found))}.")
        return found

    def build(self, input_shape: tuple[int, ...], classes: int, *, generator: torch.Generator) -> nn.Module:
        """Return the model; see :meth:`Architecture.build`.

        Raises:
            InputError: If the function cannot be found, needs other arguments, or does not return a module.
        """
        function = self.function()
        try:
            parameters = inspect.signature(function).parameters
        except (TypeError, ValueError) as error:  # some functions written in C have no signature
            raise InputError(
                f"model '{self.target}' must be a function with the parameters input_shape and classes, or fewer, "
                "but it does not say which it has."
            ) from error
        given: dict[str, Any] = {"input_shape": input_shape, "classes": classes, **dict(self.options)}
        starred = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        needed = [name for name, one in parameters.items() if one.default is one.empty and one.kind not in starred]
        if missing := [name for name in needed if name not in given]:
            raise InputError(
                f"model '{self.target}' may take the parameters input_shape and classes, but it also needs "
                f"{', '.join(missing)}."
            )
        with seeded_globals(generator):
            try:
                model = function(**{name: value for name, value in given.items() if name in parameters})
            except (Exception, SystemExit) as error:
                raise InputError(f"model '{self.target}' cannot be built: {reason_of(error)}.") from error
            if not isinstance(model, nn.Module):
                raise InputError(f"model '{self.target}' must return a torch.nn.Module, got {type(model).__name__}.")
            _materialize(model, input_shape)
        return model


def _materialize(model: nn.Module, input_shape: tuple[int, ...]) -> None:
    # Strategies work on parameters, so lazy layers must have theirs before the first batch.
    lazy: dict[str, Any] = {
        name: module
        for name, module in model.named_modules()
        if any(map(is_lazy, module.parameters(recurse=False))) and isinstance(module, LazyModuleMixin)
    }
    if not lazy:
        return
    # Shapes come from a pass through a copy: layers initialised by their first batch must not see one of zeros.
    copied = copy.deepcopy(model)
    inputs_of: dict[str, tuple[torch.Tensor, ...]] = {}
    for name in lazy:
        copied.get_submodule(name).register_forward_pre_hook(
            lambda _, inputs, name=name: inputs_of.setdefault(name, tuple(part.detach() for part in inputs)) and None,
            prepend=True,
        )
    # What the pass itself draws, for example in dropout, must not change the draws of the parameters.
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        try:
            copied(torch.zeros(2, *input_shape))
        except Exception as error:
            inputs_of.clear()
            try:  # an embedding in front takes whole numbers only
                copied(torch.zeros(2, *input_shape, dtype=torch.int64))
            except Exception:
                raise error from None
    with torch.no_grad():
        for name, inputs in inputs_of.items():
            lazy[name]._infer_parameters(lazy[name], inputs, {})
