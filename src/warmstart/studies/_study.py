"""A study: what is compared, on what, how."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

from warmstart.analysis import AutoSeeds, read_seeds
from warmstart.basics import InputError, check_at_least, resolve_choices, shown, unknown_name
from warmstart.data import (
    IN_MEMORY,
    Dataset,
    DataSource,
    OwnDataset,
    Targets,
    arrives_in_order,
    is_table,
    split_parts,
)
from warmstart.diagnostics import Measurement
from warmstart.learners import Classifier, Learner, TensorLearner, adapted
from warmstart.models import MLP, Architecture, ResNet18
from warmstart.penalties import Penalty
from warmstart.specs import (
    LEARNER,
    MEASUREMENT,
    MODEL,
    PENALTY,
    STREAM,
    Kind,
    build_options,
    convert,
    data_from_table,
    data_to_table,
    from_spec,
    from_table,
    split_data,
    split_outside,
    stored_options,
    to_spec,
    to_table,
)
from warmstart.strategies import Cold, ShrinkPerturb, Strategy, Warm
from warmstart.streams import Growing, Stream, TimeOrdered
from warmstart.training import CarryOver, Recipe, StoppingRule
from warmstart.trial import EvaluateOn, EvaluationSettings, TrainOn, Trial

from ._arm import Arm, parse_arm

MOST_SEEDS = 100_000
MANY_SEEDS = "all trials are planned before the first one starts, so use several studies for more"


@dataclass(frozen=True, eq=False)
class Held:
    """Data in memory, with the name that a study describes them by."""

    value: Any
    name: str


@dataclass(frozen=True)
class Study:
    """Strategies compared on a stream of arriving data, paired by seed.

    Wherever an object has a name - strategy, data, model, stream, penalty, measurement - its spec may stand for it,
    such as ``"mlp:layers=3"``, or ``"mine.rules:Half"`` for your own.

    Args:
        arms: The strategies compared, plain or each as an :class:`Arm` with settings of its own.
        data: Where the data come from, or the data themselves: anything that :func:`as_dataset` takes. These are then
            kept in ``dataset``, and ``data`` describes them by a name.
        evaluation: Which samples evaluate; by default a holdout, or the file of test samples where one is given.
        architecture: Builds the models of a built-in learner. By default ResNet-18 for images, and :class:`MLP` for all
            other data.
        stream: How the data arrive. Where it is not given, data with an order arrive in that order
            (:class:`TimeOrdered`).
        recipe: How a round of a built-in learner trains.
        stop: When a round of a built-in learner is done.
        carry_over: What else survives a round of a built-in learner.
        train_on: What a round trains on.
        source: Other data of the same shape of input, on which a round is trained before the stream begins (transfer);
            its holdout is evaluated on then. None: there is no such round.
        penalty: Added to the loss of every strategy that has none of its own.
        measurements: What is measured besides score and cost.
        seeds: Number of seeds (0 to N-1), shared by all strategies, from 1 to 100,000; or as many as it takes to tell,
            at most 40: auto[:max=40][:width=1.0], see :class:`AutoSeeds`.
        learner: What builds, trains and evaluates the models: :class:`Classifier`, :class:`Regressor`, or any object
            with these three methods. Settings of a built-in one may be given here or as the study's own.
        dataset: The data, if they are in memory, read as ``data`` says, such as by its ``label`` or ``scale``. It is no
            part of what is stored or compared: a study that was read from a file has none.

    Raises:
        InputError: If arms are missing or equal, seeds is out of its range, an arm's recipe is not allowed, a name
            leads nowhere, or an object cannot be named in a study file.

    Example:
        >>> Study().labels
        ('cold', 'warm', 'shrink-perturb')
        >>> Study(["cold", "warm:batch-size=64"], architecture="mlp:layers=3").architecture.layers
        3
    """

    arms: Sequence[Arm | Strategy | str] = (Cold(), Warm(), ShrinkPerturb())
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
    seeds: int | AutoSeeds = 8
    learner: Learner = Classifier()
    dataset: Any = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Check the options, make every arm an Arm, and names the objects that they lead to."""
        resolve_choices(self)
        if isinstance(self.data, os.PathLike):
            object.__setattr__(self, "data", os.fspath(self.data))
        if not isinstance(self.data, (DataSource, str, type(None))):
            split_parts(self.data, IN_MEMORY)  # says what it is instead, if it is none of this
            if self.dataset is not None:
                raise InputError(f"data must be given once, got {type(self.data).__name__} besides dataset.")
            object.__setattr__(self, "dataset", self.data)
            own_name = self.data.name if isinstance(self.data, (Dataset, OwnDataset)) else IN_MEMORY
            object.__setattr__(self, "data", DataSource(own_name))
        for name, read in _NAMED.items():
            if isinstance(value := getattr(self, name, None), str):
                object.__setattr__(self, name, read(value))
        for name, read in (("arms", parse_arm), ("measurements", partial(from_spec, MEASUREMENT))):
            several = getattr(self, name)
            if isinstance(several, Iterable) and not isinstance(several, str):
                objects = tuple(read(one) if isinstance(one, str) else one for one in several)
                object.__setattr__(self, name, objects)
        _check_parts(self)
        if self.dataset is not None:
            held = self.dataset if isinstance(self.dataset, Held) else Held(self.dataset, self.data.name)
            # What the study is about has been replaced: these are not the data that it names now.
            object.__setattr__(self, "dataset", held if held.name == self.data.name else None)
        self._choose_model()
        if self.data.test is not None and self.evaluation is Study.evaluation:
            object.__setattr__(self, "evaluation", EvaluationSettings(EvaluateOn.TEST))
        # The default itself: passing one of the same kind requests a random order.
        if self.stream is Study.stream and arrives_in_order(self.data):
            object.__setattr__(self, "stream", TimeOrdered())
        self._share_with_learner()
        arms = tuple(Arm(arm) if isinstance(arm, Strategy) else arm for arm in self.arms)
        object.__setattr__(self, "arms", arms)
        if isinstance(self.seeds, AutoSeeds):
            if len(arms) == 1:
                raise InputError(
                    "seeds must be a number for a single strategy, which has no difference that could decide, "
                    f"got {self.seeds.spec}."
                )
        else:
            check_at_least("seeds", self.seeds, 1, most=MOST_SEEDS, why=MANY_SEEDS)
        self._check_distinct()
        # Now, not after hours of training: every object must have a name and options that a study file can hold.
        study_to_dict(self)

    def arm(self, label: str) -> Arm:
        """Return the arm with this label."""
        return self._labelled[label]

    @property
    def labels(self) -> tuple[str, ...]:
        """The arms' labels, in order."""
        return tuple(self._labelled)

    @property
    def max_seeds(self) -> int:
        """The number of seeds, or the most there may be where results decide."""
        return self.seeds.max if isinstance(self.seeds, AutoSeeds) else self.seeds

    @cached_property
    def _labelled(self) -> dict[str, Arm]:
        # A label is found by trying which options can be left out: too long to do it for each of thousands of trials.
        return {arm.label: arm for arm in self.arms if isinstance(arm, Arm)}

    def _choose_model(self) -> None:
        """Give a table a model that can read it, where none was chosen."""
        # The default object itself, not an equal one: choosing a ResNet explicitly is an error for a table.
        if self.architecture is not Study.architecture or not isinstance(self.learner, TensorLearner):
            return
        if self.learner.architecture == Study.architecture and is_table(self.data):
            object.__setattr__(self, "architecture", MLP())

    def _share_with_learner(self) -> None:
        """Make a built-in learner's settings the study's own, where arms override them, and leave the learner bare.

        What is given in both places must agree; a learner of the user's own has none of them.
        """
        for name in _OF_LEARNER:
            default = getattr(Study, name)
            own = getattr(self, name)
            if not isinstance(self.learner, TensorLearner):
                if own != default:
                    raise InputError(
                        f"{name} must be left out with a learner of your own, got {shown(own)}: it trains as it likes; "
                        f"make it an option of {type(self.learner).__name__}."
                    )
                continue
            of_learner, usual = getattr(self.learner, name), getattr(type(self.learner)(), name)
            if of_learner != usual and own not in (default, of_learner):
                raise InputError(
                    f"{name} must be given once, got {shown(own)} in the study and {shown(of_learner)} in its learner."
                )
            if own == default and of_learner != default:
                object.__setattr__(self, name, of_learner)
        if isinstance(self.learner, TensorLearner):
            bare = {name: getattr(type(self.learner)(), name) for name in _OF_LEARNER}
            # What the learner makes of it: a regressor has no accuracy as a target.
            object.__setattr__(self, "stop", replace(self.learner, stop=self.stop).stop)
            object.__setattr__(self, "learner", replace(self.learner, **bare))

    @property
    def full_learner(self) -> Learner:
        """The learner with the study's settings."""
        if not isinstance(self.learner, TensorLearner):
            return self.learner
        return replace(self.learner, **{name: getattr(self, name) for name in _OF_LEARNER})

    @property
    def targets(self) -> Targets:
        """What the learner reads of the data: classes, or values for a regressor."""
        is_regression = isinstance(self.learner, TensorLearner) and self.learner.objective.takes_floats
        return Targets.VALUES if is_regression else Targets.CLASSES

    def trial(self, label: str, seed: int) -> Trial:
        """Return the settings of one trial."""
        return self._trial(self.arm(label), seed)

    def _trial(self, arm: Arm, seed: int) -> Trial:
        learner, first = self.full_learner, None
        if isinstance(learner, TensorLearner):
            recipe, penalty = arm.recipe(self.recipe), arm.penalty or self.penalty
            learner = replace(learner, recipe=recipe, carry_over=arm.carry_over(self.carry_over), penalty=penalty)
            of_first = {"recipe": arm.first_recipe(recipe), "stop": arm.first_stop(self.stop)}
            if any(value is not None for value in of_first.values()):
                first = replace(learner, **{name: value for name, value in of_first.items() if value is not None})
        elif given := arm.given_to_learner():
            raise InputError(
                f"{given} must be left out of strategies with a learner of your own, which trains as it likes."
            )
        return Trial(
            learner=learner,
            stream=self.stream,
            strategy=arm.strategy,
            train_on=arm.train_on or self.train_on,
            first_learner=first,
            measurements=tuple(self.measurements),
            seed=seed,
        )

    def _check_distinct(self) -> None:
        """Raise unless there is an arm, and no two do the same."""
        arms = [arm for arm in self.arms if isinstance(arm, Arm)]
        if not arms:
            raise InputError("strategies must name at least one strategy, got none.")
        labels = [arm.label for arm in arms]
        # A class may say nothing about equality, or inherit what says too little: its options decide as well.
        settings = [(self._trial(arm, 0), stored_options(arm.strategy)) for arm in arms]
        for label, setting in zip(labels, settings, strict=True):
            if settings.count(setting) > 1 or labels.count(label) > 1:
                raise InputError(f"strategies must differ from each other, got '{label}' more than once.")


def _data_of(spec: str, *, key: str = "data") -> DataSource:
    """Return the data that a name, a path or a spec describes."""
    name, options = split_data(spec)
    return data_from_table({"name": name, **options}, key=key)


PARTS = {
    "evaluation": EvaluationSettings,
    "recipe": Recipe,
    "stop": StoppingRule,
    "carry_over": CarryOver,
}
KINDS_OF_KEYS: dict[str, Kind] = {"model": MODEL, "stream": STREAM, "penalty": PENALTY, "learner": LEARNER}
_DEFAULT_NAMES = {"model": "resnet18", "stream": "growing"}
# Settings of a built-in learner that a study has as its own, so that flags and arms can change them.
_OF_LEARNER = ("architecture", "recipe", "stop", "penalty", "carry_over")
# Keys of a study file that are not called as in Python.
_FIELDS = {"model": "architecture", "strategies": "arms"}
_KEYS = ("strategies", "seeds", "train_on", "model", "stream", "data", *PARTS)
_RARE_KEYS = ("source", "penalty", "measurements", "learner")
_NAMED: dict[str, Callable[[str], Any]] = {
    "data": _data_of,
    "source": partial(_data_of, key="source"),
    "seeds": read_seeds,
    **{_FIELDS.get(key, key): partial(from_spec, kind) for key, kind in KINDS_OF_KEYS.items()},
}


def _check_parts(study: Study) -> None:
    """Raise unless every part of a study is of its class."""
    adapted(study.learner)  # says what a learner lacks
    single = {**PARTS, "data": DataSource, "architecture": Architecture, "stream": Stream}
    optional = {"source": DataSource, "penalty": PENALTY.bases}
    several = {"arms": (Arm, Strategy), "measurements": (Measurement,)}
    for name, kinds in {**single, **optional, **several}.items():
        value = getattr(study, name)
        if name in several:
            is_right = isinstance(value, tuple) and all(isinstance(one, kinds) for one in value)
        else:
            is_right = isinstance(value, kinds) or (value is None and name in optional)
        if not is_right:
            wanted = " or ".join(kind.__name__ for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))
            form = f"a sequence of {wanted}, or of their names" if name in several else f"of class {wanted}"
            raise InputError(f"{name} must be {form}, got {shown(value)}; study_from_dict takes tables.")


def study_to_dict(study: Study) -> dict[str, Any]:
    """Return the complete study as nested plain values, fit for TOML and JSON."""
    is_built_in = isinstance(study.learner, TensorLearner)
    tables: dict[str, Any] = {
        "strategies": [arm.spec for arm in study.arms if isinstance(arm, Arm)],
        "seeds": study.seeds.spec if isinstance(study.seeds, AutoSeeds) else study.seeds,
        "train_on": str(study.train_on),
        **({"model": to_table(MODEL, study.architecture)} if is_built_in else {}),
        "stream": to_table(STREAM, study.stream),
        "data": data_to_table(study.data),
        **{key: stored_options(getattr(study, key)) for key in PARTS if is_built_in or key == "evaluation"},
    }
    # What few studies have is not stored without need, so that an older study is still the same study.
    if study.source is not None:
        tables["source"] = data_to_table(study.source)
    if study.penalty is not None:
        tables["penalty"] = to_table(PENALTY, study.penalty)
    if study.measurements:
        tables["measurements"] = [to_spec(MEASUREMENT, measurement) for measurement in study.measurements]
    if study.learner != Classifier():
        table = to_table(LEARNER, study.learner)
        # What a built-in learner shares with the study stands in the study's own tables.
        shared = _OF_LEARNER if is_built_in else ()
        tables["learner"] = {name: value for name, value in table.items() if name not in shared}
    return tables


def study_from_dict(tables: Mapping[str, Any]) -> Study:
    """Return the study that nested plain values describe; what is missing has its default.

    Raises:
        InputError: If a key is unknown or a value not allowed; the message names it as it is typed in a study file.
    """
    parts: dict[str, Any] = {}
    # The data first: they decide how they arrive where no stream is named.
    for key, value in sorted(by_key(tables).items(), key=lambda item: item[0] != "data"):
        field = _FIELDS.get(key, key)
        if key in PARTS:
            if not isinstance(value, Mapping):
                raise InputError(f"{key} must be a table of options, got {shown(value)}.")
            parts[field] = build_options(PARTS[key], value, kind=key, prefix=f"{key}.")
        elif key in ("data", "source"):
            parts[field] = data_from_table(value, key=key)
        elif key in KINDS_OF_KEYS:
            default = _DEFAULT_NAMES.get(key, "")
            if key == "model" and is_table(parts.get("data", DataSource())):
                default = "mlp"  # a width alone is that of the default model
            if key == "stream" and arrives_in_order(parts.get("data", DataSource())):
                default = "time-ordered"
            parts[field] = from_table(KINDS_OF_KEYS[key], value, key=key, default=default)
        elif key in ("strategies", "measurements"):
            texts = split_outside(value, ",") if isinstance(value, str) else value
            if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
                raise InputError(f"{key} must be a list of names with options, got {shown(value)}.")
            parts[field] = tuple(text.strip() for text in texts if text.strip())
        else:
            parts[field] = read_seeds(value) if key == "seeds" else convert(value, TrainOn, name=key)
    if (learner := parts.get("learner")) is not None and not isinstance(learner, TensorLearner):
        # Also what is at its default: who types a setting expects it to be read.
        for key, table in by_key(tables).items():
            if _FIELDS.get(key, key) in _OF_LEARNER and table:
                option, value = next(iter(table.items())) if isinstance(table, Mapping) else ("name", table)
                raise InputError(
                    f"{key if option == 'name' else f'{key}.{option}'} must be left out with a learner of your own, "
                    f"got {shown(value)}: it trains as it likes; make it an option of {type(learner).__name__}."
                )
    return Study(**parts)


def by_key(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values by the keys of a study, which may be in kebab case, each given once.

    Raises:
        InputError: If a key is unknown, or is given in both spellings.
    """
    # A key without a field would be read and forgotten.
    known = (*_KEYS, *_RARE_KEYS)
    found: dict[str, Any] = {}
    for typed, value in tables.items():
        key = str(typed).replace("-", "_")
        if key not in known:
            raise unknown_name("key of a study", key, known)
        if key in found:
            raise InputError(
                f"{key} must be given once in a study, got it twice, as {key} and {key.replace('_', '-')}."
            )
        found[key] = value
    return found


def study_identity(study: Study) -> dict[str, Any]:
    """Return what makes a study this one: all settings, but not the place of its data nor their limit of memory."""
    aside = {"directory": None, "max_bytes": DataSource().max_bytes}
    source = None if study.source is None else replace(study.source, **aside)
    return study_to_dict(replace(study, data=replace(study.data, **aside), source=source))


def study_digest(study: Study) -> str:
    """Return eight hexadecimal digits that change with the study's identity."""
    text = json.dumps(study_identity(study), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
