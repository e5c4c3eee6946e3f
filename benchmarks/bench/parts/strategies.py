"""What every strategy costs, beside a plain copy of the same parameters."""

import copy
import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any

import torch
from torch import nn

from bench._exported import kinds_of
from bench._part import Part, Setting
from bench._pictures import CLASSES, SHAPE
from bench._tables import Table
from bench._turns import clocked, ratio, spreads, take_turns
from bench._words import ratio_text, time_text
from warmstart import strategies
from warmstart.basics import generator_for
from warmstart.models import ResNet18
from warmstart.specs import format_spec, kebab, options_of
from warmstart.strategies import RoundContext, ShrinkPerturb, Strategy

_COPY, _COPY_IN_PLACE = "copy.deepcopy", "copy_"


def _measure(setting: Setting) -> dict[str, Any]:
    previous, fresh, first, another = (_drawn(seed, setting) for seed in range(4))
    context = RoundContext(first=lambda: first, generator=generator_for("strategy"), another=lambda: another)
    pure: dict[str, Callable[[], object]] = {
        label: lambda strategy=strategy: strategy(previous, fresh, context) for label, strategy in exported()
    }
    target = copy.deepcopy(previous)
    in_place = {name: _called(function, target, fresh) for name, function in exported_in_place()}
    copies = {_COPY: lambda: copy.deepcopy(previous), _COPY_IN_PLACE: lambda: _copy_(target, previous)}
    found = take_turns([clocked(name, call) for name, call in {**copies, **pure, **in_place}.items()], setting.repeats)
    return {
        "parameters": sum(parameter.numel() for parameter in previous.parameters()),
        "seconds": spreads(found),
        "pure": {name: ratio(found, name, _COPY) for name in pure},
        "in_place": {name: ratio(found, name, _COPY_IN_PLACE) for name in in_place},
    }


def _drawn(seed: int, setting: Setting) -> nn.Module:
    return ResNet18(width=setting.some(64, 8)).build(SHAPE, CLASSES, generator=generator_for(seed))


def exported() -> Iterator[tuple[str, Strategy]]:
    """Yield every exported strategy with its defaults, and with each of its named choices in turn, under its label."""
    for kind in kinds_of(strategies, Strategy):
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
    seconds, parameters = measured["seconds"], measured["parameters"]

    def rows(names: Mapping[str, Any], plain: str) -> list[list[str]]:
        own = [
            [name, time_text(seconds[name]), _each(seconds[name], parameters), ratio_text(names[name])]
            for name in names
        ]
        return [[f"`{plain}`", time_text(seconds[plain]), _each(seconds[plain], parameters), "1"], *own]

    header = ("what", "time", "of each parameter", "ratio to the copy")
    return [
        Table(f"Strategies on {parameters / 1e6:.1f} M parameters", header, rows(measured["pure"], _COPY)),
        Table("In place", header, rows(measured["in_place"], _COPY_IN_PLACE)),
    ]


def _each(seconds: Mapping[str, float], parameters: int) -> str:
    return f"{1e9 * seconds['median'] / parameters:.2f} ns"


PART = Part(
    name="strategies",
    title="Strategies",
    prose="""
Every exported strategy, with its defaults and with each of its named choices, makes the start of a round from two
ResNet-18 of width 64. A strategy returns a new model, so it is compared with `copy.deepcopy` of the same model; what
works in place is compared with `copy_` into memory that is there already; `renew_` applies shrink-perturb. The fresh
model, and further ones that a strategy draws, are made before the clock starts: they cost the same whatever is done
with them.
""",
    measure=_measure,
    tables=_tables,
)
