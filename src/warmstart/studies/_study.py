"""A study: what is compared, on what, how."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from warmstart.basics import InputError, check_at_least, resolve_choices, shown, unknown_name
from warmstart.data import DataSource
from warmstart.diagnostics import Measurement
from warmstart.models import Architecture, ResNet18
from warmstart.penalties import Penalty
from warmstart.specs import (
    build_named,
    build_options,
    convert,
    format_spec,
    known_measurements,
    known_penalties,
    known_streams,
    model_from_table,
    model_to_table,
    name_of,
    split_spec,
    stored_options,
)
from warmstart.strategies import Cold, ShrinkPerturb, Strategy, Warm
from warmstart.streams import Growing, Stream
from warmstart.training import CarryOver, Recipe, StoppingRule
from warmstart.trial import EvaluationSettings, TrainOn, Trial

from ._arm import Arm, parse_arm

MOST_SEEDS = 100_000
MANY_SEEDS = "all trials are planned before the first one starts, so use several studies for more"


@dataclass(frozen=True)
class Study:
    """Strategies compared on a stream of arriving data, paired by seed.

    Args:
        arms: The strategies compared, plain or each as an :class:`Arm` with settings of its own.
        data: Where the data come from.
        evaluation: LayerEnd samples evaluate.
        architecture: Builds the models.
        stream: How the data arrive.
        recipe: How a round trains.
        stop: When a round is done.
        carry_over: What else survives a round.
        train_on: What a round trains on.
        source: Other data of the same shape of input, on which a round is trained before the stream begins (transfer);
            its holdout is evaluated on then. None: there is no such round.
        penalty: Added to the loss of all arms that have none of their own, or makes for each round what is.
        measurements: What is measured besides accuracy and cost.
        seeds: How many trials each arm plays, from 1 to 100,000; they have the seeds 0, 1, ...

    Raises:
        InputError: If arms are missing or equal, or seeds is out of its range, or an arm's recipe is not allowed.

    Example:
        >>> [arm.label for arm in Study().arms]
        ['cold', 'warm', 'shrink-perturb']
    """

    arms: Sequence[Arm | Strategy] = (Cold(), Warm(), ShrinkPerturb())
    data: DataSource = DataSource()
    evaluation: EvaluationSettings = EvaluationSettings()
    architecture: Architecture = ResNet18()
    stream: Stream = Growing()
    recipe: Recipe = Recipe()
    stop: StoppingRule = StoppingRule()
    carry_over: CarryOver = CarryOver()
    train_on: TrainOn = TrainOn.SEEN
    source: DataSource | None = None
    penalty: Penalty | None = None
    measurements: Sequence[Measurement] = ()
    seeds: int = 8

    def __post_init__(self) -> None:
        """Check the options, and make every arm an Arm."""
        resolve_choices(self)
        for name in ("arms", "measurements"):
            if isinstance(several := getattr(self, name), Iterable) and not isinstance(several, str):
                object.__setattr__(self, name, tuple(several))
        _check_parts(self)
        arms = tuple(arm if isinstance(arm, Arm) else Arm(arm) for arm in self.arms)
        object.__setattr__(self, "arms", arms)
        check_at_least("seeds", self.seeds, 1, most=MOST_SEEDS, why=MANY_SEEDS)
        self._check_distinct()

    def arm(self, label: str) -> Arm:
        """Return the arm with this label."""
        return self._labelled[label]

    @property
    def labels(self) -> tuple[str, ...]:
        """The arms' labels, in order."""
        return tuple(self._labelled)

    @cached_property
    def _labelled(self) -> dict[str, Arm]:
        # A label is found by trying which options can be left out: too long to do it for each of thousands of trials.
        return {arm.label: arm for arm in self.arms if isinstance(arm, Arm)}

    def trial(self, label: str, seed: int) -> Trial:
        """Return the settings of one trial."""
        return self._trial(self.arm(label), seed)

    def _trial(self, arm: Arm, seed: int) -> Trial:
        recipe = arm.recipe(self.recipe)
        return Trial(
            architecture=self.architecture,
            stream=self.stream,
            strategy=arm.strategy,
            train_on=arm.train_on or self.train_on,
            carry_over=arm.carry_over(self.carry_over),
            recipe=recipe,
            stop=self.stop,
            first_recipe=arm.first_recipe(recipe),
            first_stop=arm.first_stop(self.stop),
            penalty=arm.penalty or self.penalty,
            measurements=tuple(self.measurements),
            seed=seed,
        )

    def _check_distinct(self) -> None:
        """Raise unless there is an arm, and no two do the same."""
        arms = [arm for arm in self.arms if isinstance(arm, Arm)]
        if not arms:
            raise InputError("strategies must name at least one strategy, got none.")
        trials = [self._trial(arm, 0) for arm in arms]
        if twice := next((arm.label for arm, what in zip(arms, trials, strict=True) if trials.count(what) > 1), None):
            raise InputError(f"strategies must differ from each other, got '{twice}' more than once.")


_PARTS = {
    "data": DataSource,
    "evaluation": EvaluationSettings,
    "recipe": Recipe,
    "stop": StoppingRule,
    "carry_over": CarryOver,
}
_KEYS = ("strategies", "seeds", "train_on", "model", "stream", "source", "penalty", "measurements", *_PARTS)


def _check_parts(study: Study) -> None:
    """Raise unless every part of a study is of its class; a name alone says nothing to Python."""
    single = {**_PARTS, "architecture": Architecture, "stream": Stream}
    optional = {"source": (DataSource,), "penalty": (Penalty,)}
    several = {"arms": (Arm, Strategy), "measurements": (Measurement,)}
    for name, kinds in {**{name: (kind,) for name, kind in single.items()}, **optional, **several}.items():
        value = getattr(study, name)
        if name in several:
            is_right = isinstance(value, tuple) and all(isinstance(one, kinds) for one in value)
        else:
            is_right = isinstance(value, kinds) or (value is None and name in optional)
        if not is_right:
            wanted = " or ".join(kind.__name__ for kind in kinds)
            form = f"a sequence of {wanted}" if name in several else f"of class {wanted}"
            raise InputError(f"{name} must be {form}, got {shown(value)}; study_from_dict takes names and numbers.")


def study_to_dict(study: Study) -> dict[str, Any]:
    """Return the complete study as nested plain values, fit for TOML and JSON."""
    return {
        "strategies": [arm.spec for arm in study.arms if isinstance(arm, Arm)],
        "seeds": study.seeds,
        "train_on": str(study.train_on),
        "model": model_to_table(study.architecture),
        "stream": {"name": name_of(known_streams(), study.stream), **stored_options(study.stream)},
        **{key: stored_options(getattr(study, key)) for key in _PARTS},
        **_extras(study),
    }


def _extras(study: Study) -> dict[str, Any]:
    """Return what few studies have."""
    extras: dict[str, Any] = {}
    if study.source is not None:
        extras["source"] = stored_options(study.source)
    if study.penalty is not None:
        extras["penalty"] = {"name": name_of(known_penalties(), study.penalty), **stored_options(study.penalty)}
    if study.measurements:
        extras["measurements"] = [
            format_spec(name_of(known_measurements(), measurement), stored_options(measurement))
            for measurement in study.measurements
        ]
    return extras


def study_from_dict(tables: Mapping[str, Any]) -> Study:
    """Return the study that nested plain values describe; what is missing has its default.

    Raises:
        InputError: If a key is unknown or a value not allowed.
    """
    tables = by_key(tables)
    parts: dict[str, Any] = {key: build_options(_PARTS[key], _table(tables, key), kind=key) for key in _PARTS}
    if "strategies" in tables:
        parts["arms"] = tuple(parse_arm(text) for text in _listed(tables["strategies"]))
    if "seeds" in tables:
        parts["seeds"] = convert(tables["seeds"], int, name="seeds")
    if "train_on" in tables:
        parts["train_on"] = convert(tables["train_on"], TrainOn, name="train_on")
    if "source" in tables:
        parts["source"] = build_options(DataSource, _table(tables, "source"), kind="source")
    if "penalty" in tables:
        parts["penalty"] = _named(tables, "penalty", known_penalties())
    if "measurements" in tables:
        parts["measurements"] = tuple(_probe(text) for text in _listed(tables["measurements"], "measurements"))
    stream = _named(tables, "stream", known_streams(), default="growing")
    return Study(architecture=model_from_table(_table(tables, "model")), stream=stream, **parts)


def by_key(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values by the keys of a study, which may be in kebab case, each given once.

    Raises:
        InputError: If a key is unknown, or is given in both spellings.
    """
    found: dict[str, Any] = {}
    for typed, value in tables.items():
        key = str(typed).replace("-", "_")
        if key not in _KEYS:
            raise unknown_name("key of a study", key, _KEYS)
        if key in found:
            raise InputError(
                f"{key} must be given once in a study, got it twice, as {key} and {key.replace('_', '-')}."
            )
        found[key] = value
    return found


def _probe(text: str) -> Measurement:
    name, options = split_spec(text)
    return build_named("measurement", known_measurements(), name, options)


def _listed(specs: Any, name: str = "strategies") -> list[str]:
    """Return specs from a list, or from one text with commas."""
    texts = specs.split(",") if isinstance(specs, str) else specs
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InputError(f"{name} must be a list of names with options, got {shown(specs)}.")
    return [text.strip() for text in texts if text.strip()]


def _table(tables: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = tables.get(key, {})
    if not isinstance(table, Mapping):
        raise InputError(f"{key} must be a table of options, got {shown(table)}.")
    return table


def _named(tables: Mapping[str, Any], key: str, known: Mapping[str, type], *, default: str = "") -> Any:
    options = dict(_table(tables, key))
    return build_named(key, known, str(options.pop("name", default)), options)


def study_identity(study: Study) -> dict[str, Any]:
    """Return what makes a study this one: all settings, but not the place of its data nor their limit of memory."""
    aside = {"directory": None, "max_bytes": DataSource().max_bytes}
    source = None if study.source is None else replace(study.source, **aside)
    return study_to_dict(replace(study, data=replace(study.data, **aside), source=source))


def study_digest(study: Study) -> str:
    """Return eight hexadecimal digits that change with the study's identity."""
    text = json.dumps(study_identity(study), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
