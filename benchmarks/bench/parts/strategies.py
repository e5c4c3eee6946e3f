"""What renewing a model between rounds costs, by every strategy, beside a plain copy of the same parameters."""

import copy
import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any

import torch
from torch import nn

from bench._part import Gate, Part, Table
from bench._pictures import CLASSES, SHAPE
from bench._turns import Setting, ratio, spreads, take_turns
from bench._words import ratio_text, time_text
from warmstart import strategies
from warmstart.basics import generator_for
from warmstart.models import ResNet18
from warmstart.specs import format_spec, kebab, options_of
from warmstart.strategies import RoundContext, ShrinkPerturb, Strategy

_COPIES = {"pure": "copy.deepcopy", "in_place": "copy_"}


def _measure(setting: Setting) -> dict[str, Any]:
    previous, fresh, first, another = (_drawn(seed, setting) for seed in range(4))
    context = RoundContext(first=lambda: first, generator=generator_for("strategy"), another=lambda: another)
    pure: dict[str, Callable[[], object]] = {
        label: lambda strategy=strategy: strategy(previous, fresh, context) for label, strategy in exported()
    }
    target = copy.deepcopy(previous)
    in_place = {name: _called(function, target, fresh) for name, function in exported_in_place()}
    copies = {"copy.deepcopy": lambda: copy.deepcopy(previous), "copy_": lambda: _copy_(target, previous)}
    calls = {**copies, **pure, **in_place}
    found = take_turns({name: lambda call=call: call for name, call in calls.items()}, setting)
    return {
        "parameters": sum(parameter.numel() for parameter in previous.parameters()),
        "seconds": spreads(found),
        "pure": {name: ratio(found, name, _COPIES["pure"]) for name in pure},
        "in_place": {name: ratio(found, name, _COPIES["in_place"]) for name in in_place},
    }


def _drawn(seed: int, setting: Setting) -> nn.Module:
    return ResNet18(width=setting.some(64, 8)).build(SHAPE, CLASSES, generator=generator_for(seed))


def exported() -> Iterator[tuple[str, Strategy]]:
    """Yield every exported strategy with its defaults, and with each of its named choices in turn, under its label."""
    kinds: list[Any] = [
        kind for kind in vars(strategies).values() if inspect.isclass(kind) and issubclass(kind, Strategy)
    ]
    for kind in (kind for kind in kinds if not inspect.isabstract(kind)):
        yield _label(kind()), kind()
        for field in dataclasses.fields(kind):
            for choice in type(field.default) if isinstance(field.default, StrEnum) else ():
                if choice != field.default:
                    yield _label(kind(**{field.name: choice})), kind(**{field.name: choice})


def _label(strategy: Strategy) -> str:
    own, usual = options_of(strategy), options_of(type(strategy)())
    return format_spec(kebab(type(strategy).__name__), {key: own[key] for key in own if own[key] != usual.get(key)})


def exported_in_place() -> Iterator[tuple[str, Callable[..., object]]]:
    """Yield every exported function that changes a model in place."""
    for name, value in vars(strategies).items():
        if inspect.isfunction(value) and name.endswith("_") and not name.startswith("_"):
            yield name, value


def _called(function: Callable[..., object], model: nn.Module, fresh: nn.Module) -> Callable[[], object]:
    # A factor of 1 costs what another does, and does not drive the parameters into denormal numbers turn by turn.
    known = {"model": model, "fresh": fresh, "factor": 1.0, "strategy": ShrinkPerturb(), "make_model": lambda: fresh}
    known |= {"seed": 0, "round": 2}
    wanted = [p.name for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    return lambda: function(**{name: known[name] for name in wanted})


def _copy_(target: nn.Module, source: nn.Module) -> None:
    with torch.no_grad():
        for one, other in zip(target.parameters(), source.parameters(), strict=True):
            one.copy_(other)


def _tables(measured: Mapping[str, Any]) -> list[Table]:
    parameters = measured["parameters"]

    def row(name: str, shown: str, ratio: str) -> list[str]:
        found = measured["seconds"][name]
        return [shown, time_text(found), f"{1e9 * found['median'] / parameters:.2f} ns", ratio]

    def table(title: str, kind: str) -> Table:
        plain = row(_COPIES[kind], f"`{_COPIES[kind]}`", "1")
        rows = [row(name, name, ratio_text(found)) for name, found in measured[kind].items()]
        return Table(title, ("what", "time", "of each parameter", "ratio to the copy"), [plain, *rows])

    return [table(f"Strategies on {parameters / 1e6:.1f} M parameters", "pure"), table("In place", "in_place")]


def _gates(measured: Mapping[str, Any]) -> dict[str, Gate]:
    return {f"{name} : {_COPIES[kind]}": Gate(found) for kind in _COPIES for name, found in measured[kind].items()}


PART = Part("strategies", _measure, _tables, _gates)
