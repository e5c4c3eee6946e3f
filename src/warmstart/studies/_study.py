"""A study: what is compared, on what, how."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from warmstart.basics import InputError, check_at_least, check_in_range, choice, settle_choices, unknown_name
from warmstart.data import DataSource
from warmstart.models import Architecture, ResNet18
from warmstart.strategies import Cold, ShrinkPerturb, Strategy, Warm
from warmstart.streams import Growing, Stream
from warmstart.training import CarryOver, Recipe, StopRule
from warmstart.trial import TrainOn, Trial

from ._arm import Arm, check_distinct, parse_arm
from ._names import build_named, known_streams, model_from_table, model_to_table, name_of
from ._options import build_options, convert, options_of


class EvaluateOn(StrEnum):
    """What models are evaluated on: a random ``HOLDOUT`` of the training data, or the official ``TEST`` set."""

    HOLDOUT = "holdout"
    TEST = "test"


@dataclass(frozen=True)
class EvaluationSettings:
    """Which samples evaluate.

    Args:
        evaluate: The holdout, or the official test set.
        holdout: Share of the training samples that is held out, drawn anew for every seed, in (0, 1).
    """

    evaluate: EvaluateOn = EvaluateOn.HOLDOUT
    holdout: float = 1 / 3

    def __post_init__(self) -> None:
        """Check the options."""
        settle_choices(self)
        check_in_range("holdout", self.holdout, 0, 1, low_open=True, high_open=True)


@dataclass(frozen=True)
class Study:
    """Strategies compared on a stream of arriving data, paired by seed.

    Args:
        arms: The strategies compared, plain or each as an :class:`Arm` with settings of its own.
        data: Where the data come from.
        evaluation: Which samples evaluate.
        architecture: Builds the models.
        stream: How the data arrive.
        recipe: How a round trains.
        stop: When a round is done.
        carry_over: What else survives a round.
        train_on: What a round trains on.
        seeds: How many trials each arm plays; they have the seeds 0, 1, ...

    Raises:
        InputError: If arms are missing or equal, or seeds is not at least 1.

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
    stop: StopRule = StopRule()
    carry_over: CarryOver = CarryOver()
    train_on: TrainOn = TrainOn.SEEN
    seeds: int = 8

    def __post_init__(self) -> None:
        """Check the options, and make every arm an Arm."""
        object.__setattr__(self, "train_on", choice(TrainOn, self.train_on, name="train_on"))
        arms = tuple(arm if isinstance(arm, Arm) else Arm(arm) for arm in self.arms)
        object.__setattr__(self, "arms", arms)
        check_distinct(arms, self.train_on, self.carry_over)
        check_at_least("seeds", self.seeds, 1)

    def arm(self, label: str) -> Arm:
        """Return the arm with this label."""
        return next(arm for arm in self.arms if isinstance(arm, Arm) and arm.label == label)

    @property
    def labels(self) -> tuple[str, ...]:
        """The arms' labels, in order."""
        return tuple(arm.label for arm in self.arms if isinstance(arm, Arm))

    def trial(self, label: str, seed: int) -> Trial:
        """Return the settings of one trial."""
        arm = self.arm(label)
        return Trial(
            architecture=self.architecture,
            stream=self.stream,
            strategy=arm.strategy,
            train_on=arm.train_on or self.train_on,
            carry_over=arm.carry_over(self.carry_over),
            recipe=self.recipe,
            stop=self.stop,
            seed=seed,
        )


_PARTS = {
    "data": DataSource,
    "evaluation": EvaluationSettings,
    "recipe": Recipe,
    "stop": StopRule,
    "carry_over": CarryOver,
}
_KEYS = ("strategies", "seeds", "train_on", "model", "stream", *_PARTS)


def study_to_dict(study: Study) -> dict[str, Any]:
    """Return the complete study as nested plain values, fit for TOML and JSON."""
    return {
        "strategies": [arm.spec for arm in study.arms if isinstance(arm, Arm)],
        "seeds": study.seeds,
        "train_on": str(study.train_on),
        "model": model_to_table(study.architecture),
        "stream": {"name": name_of(known_streams(), study.stream), **options_of(study.stream)},
        **{key: options_of(getattr(study, key)) for key in _PARTS},
    }


def study_from_dict(tables: Mapping[str, Any]) -> Study:
    """Return the study that nested plain values describe; what is missing has its default.

    Raises:
        InputError: If a key is unknown or a value not allowed.
    """
    tables = {key.replace("-", "_"): value for key, value in tables.items()}
    if unknown := next((key for key in tables if key not in _KEYS), None):
        raise unknown_name("key of a study", unknown, _KEYS)
    parts: dict[str, Any] = {key: build_options(_PARTS[key], _table(tables, key), kind=key) for key in _PARTS}
    if "strategies" in tables:
        parts["arms"] = tuple(parse_arm(text) for text in _listed(tables["strategies"]))
    if "seeds" in tables:
        parts["seeds"] = convert(tables["seeds"], int, name="seeds")
    if "train_on" in tables:
        parts["train_on"] = convert(tables["train_on"], TrainOn, name="train_on")
    return Study(architecture=model_from_table(_table(tables, "model")), stream=_stream(tables), **parts)


def _listed(strategies: Any) -> list[str]:
    """Return specs from a list, or from one text with commas."""
    texts = strategies.split(",") if isinstance(strategies, str) else strategies
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InputError(f"strategies must be a list of names with options, got {strategies}.")
    return [text.strip() for text in texts if text.strip()]


def _table(tables: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = tables.get(key, {})
    if not isinstance(table, Mapping):
        raise InputError(f"{key} must be a table of options, got {table}.")
    return table


def _stream(tables: Mapping[str, Any]) -> Stream:
    options = dict(_table(tables, "stream"))
    return build_named("stream", known_streams(), str(options.pop("name", "growing")), options)


def study_identity(study: Study) -> dict[str, Any]:
    """Return what makes a study this one: all settings, but not the place where its data lie."""
    return study_to_dict(replace(study, data=replace(study.data, directory=None)))


def study_digest(study: Study) -> str:
    """Return eight hexadecimal digits that change with the study's identity."""
    text = json.dumps(study_identity(study), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
