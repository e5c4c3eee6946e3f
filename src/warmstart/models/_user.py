"""A user's own model, named by where its function stands."""

import copy
import importlib
import inspect
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import is_lazy

from warmstart.basics import InputError, seeded_globals, shown, unknown_name

from ._architecture import Architecture


@dataclass(frozen=True)
class UserModel(Architecture):
    """A model that a function of the user returns.

    The function gets those of ``input_shape`` (a tuple) and ``classes`` (a number) that it names as parameters, and
    returns a freshly initialised ``nn.Module``. Whatever it draws from PyTorch's global generator is seeded.

    Args:
        target: ``module:function``; the module is imported, the current folder included in the search.

    Example:
        >>> from warmstart.basics import generator_for
        >>> model = UserModel("torch.nn:Identity").build((10,), 10, generator=generator_for(0))
        >>> type(model).__name__
        'Identity'
    """

    target: str

    def __post_init__(self) -> None:
        """Check the form of the target."""
        module, _, function = str(self.target).partition(":")
        if not function or not all(module.split(".")):
            raise InputError(
                f"model must be a known name or have the form module:function, got '{shown(self.target)}'."
            )

    def function(self) -> Callable[..., Any]:
        """Return the function that the target names.

        Raises:
            InputError: If there is none.
        """
        return _find(self.target)

    def build(self, input_shape: tuple[int, ...], classes: int, *, generator: torch.Generator) -> nn.Module:
        """Return the model; see :meth:`Architecture.build`.

        Raises:
            InputError: If the function cannot be found, needs other arguments, or does not return a module.
        """
        function = self.function()
        given = {"input_shape": input_shape, "classes": classes}
        arguments = _accepted(function, given, self.target)
        with seeded_globals(generator):
            model = _called(function, arguments, self.target)
            if not isinstance(model, nn.Module):
                raise InputError(f"model '{self.target}' must return a torch.nn.Module, got {type(model).__name__}.")
            _materialize(model, input_shape)
        return model


def _called(function: Callable[..., Any], arguments: dict[str, Any], target: str) -> Any:
    try:
        return function(**arguments)
    except (Exception, SystemExit) as error:
        raise InputError(f"model '{target}' cannot be built: {type(error).__name__}: {_reason(error)}.") from error


def _reason(error: BaseException) -> str:
    return shown(str(error), limit=400).rstrip(".") or "it says no more"


def _materialize(model: nn.Module, input_shape: tuple[int, ...]) -> None:
    """Let lazy layers take their shapes, so that strategies find parameters to work on.

    The shapes are found on a copy: layers that initialise themselves by their first batch must not do so from zeros.
    """
    lazy = {name: module for name, module in model.named_modules() if _is_lazy(module)}
    if not lazy:
        return
    copied = copy.deepcopy(model)
    met: dict[str, tuple[torch.Tensor, ...]] = {}
    for name in lazy:
        copied.get_submodule(name).register_forward_pre_hook(
            lambda _, inputs, name=name: met.setdefault(name, tuple(part.detach() for part in inputs)) and None,
            prepend=True,
        )
    # What the pass itself draws, as dropout does, must not move the draws of the parameters.
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        copied(torch.zeros(2, *input_shape))
    with torch.no_grad():
        for name, inputs in met.items():
            module: Any = lazy[name]
            module._infer_parameters(module, inputs, {})


def _is_lazy(module: nn.Module) -> bool:
    return isinstance(module, LazyModuleMixin) and any(is_lazy(p) for p in module._parameters.values() if p is not None)


def _find(target: str) -> Callable[..., Any]:
    name, _, function = target.partition(":")
    module = _import(name, target)
    if not callable(getattr(module, function, None)):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise unknown_name(f"function in module {name}", function, known[:20])
    return getattr(module, function)


def _import(name: str, target: str) -> Any:
    here = str(Path.cwd())
    # Installed commands do not search the current folder, where a user's model usually lies.
    sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:  # whatever the user's module does when it is imported
        raise InputError(f"model '{target}' cannot be imported: {type(error).__name__}: {_reason(error)}.") from error
    finally:
        with suppress(ValueError):  # the module has changed the path itself
            sys.path.remove(here)


def _accepted(function: Callable[..., Any], given: dict[str, Any], target: str) -> dict[str, Any]:
    """Return the given arguments that the function names."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError) as error:
        raise InputError(
            f"model '{target}' must be a function with the parameters input_shape and classes, or fewer, "
            "but it does not say which it has."
        ) from error
    fixed = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [name for name, value in parameters.items() if value.default is value.empty and value.kind not in fixed]
    if missing := [name for name in needed if name not in given]:
        raise InputError(
            f"model '{target}' may take the parameters input_shape and classes, but it also needs {', '.join(missing)}."
        )
    return {name: value for name, value in given.items() if name in parameters}
