"""What an arm does otherwise than its study."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from typing import Any

from warmstart.basics import resolve_choices
from warmstart.penalties import Penalty
from warmstart.training import (
    Augmentation,
    CarryOver,
    ClassWeights,
    EarlyStopping,
    Normalization,
    OptimizerState,
    Recipe,
    Schedule,
    StoppingRule,
)
from warmstart.trial import TrainOn

_RECIPE = (
    "learning_rate",
    "batch_size",
    "step_shrink",
    "step_noise",
    "schedule",
    "warm_up",
    "clip_norm",
    "class_weights",
    "label_smoothing",
    "augmentation",
    "ema",
)
_FIRST = "first_"


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """Settings of one arm; None: as the study says.

    Args:
        train_on: What each round trains on.
        normalization: What becomes of running statistics.
        optimizer_state: What becomes of the optimizer's state.
        learning_rate: As of :class:`Recipe`, in all rounds.
        batch_size: Likewise.
        step_shrink: Likewise.
        step_noise: Likewise.
        schedule: Likewise.
        warm_up: Likewise.
        clip_norm: Likewise.
        class_weights: Likewise.
        label_smoothing: Likewise.
        augmentation: Likewise.
        ema: Likewise.
        first_learning_rate: In round 1; None: as in the others.
        first_batch_size: Likewise.
        first_epochs: So many epochs does round 1 take, whatever training accuracy it reaches; None: it ends as the
            others.
        penalty: Added to the loss, or makes for each round what is.
    """

    train_on: TrainOn | None = None
    normalization: Normalization | None = None
    optimizer_state: OptimizerState | None = None
    learning_rate: float | None = None
    batch_size: int | None = None
    step_shrink: float | None = None
    step_noise: float | None = None
    schedule: Schedule | None = None
    warm_up: float | None = None
    clip_norm: float | None = None
    class_weights: ClassWeights | None = None
    label_smoothing: float | None = None
    augmentation: tuple[Augmentation, ...] | None = None
    ema: float | None = None
    first_learning_rate: float | None = None
    first_batch_size: int | None = None
    first_epochs: int | None = None
    penalty: Penalty | None = None

    def __post_init__(self) -> None:
        """Check the options, those of recipe and stopping rule by making them."""
        resolve_choices(self)
        recipe = self.recipe(Recipe())
        self.first_recipe(recipe)
        if self.augmentation is not None:
            object.__setattr__(self, "augmentation", recipe.augmentation)  # members, from names
        self.first_stop(StoppingRule())

    def recipe(self, of_study: Recipe) -> Recipe:
        """Return how rounds train, given what the study says."""
        return replace(of_study, **self._given(_RECIPE))

    def first_recipe(self, of_others: Recipe) -> Recipe | None:
        """Return how round 1 trains, given how the others do; None: alike."""
        given = self._given(tuple(f"{_FIRST}{name}" for name in _RECIPE[:2]))
        return (
            replace(of_others, **{name.removeprefix(_FIRST): value for name, value in given.items()}) if given else None
        )

    def first_stop(self, of_others: StoppingRule) -> StoppingRule | None:
        """Return when round 1 is done, given when the others are; None: alike."""
        if self.first_epochs is None:
            return None
        return replace(
            of_others,
            train_accuracy=None,
            patience=None,
            max_epochs=self.first_epochs,
            # AUTO is off as well, and stays: written down, it would make another study of one that is stored.
            early_stopping=EarlyStopping.OFF if of_others.stops_early else of_others.early_stopping,
        )

    def carry_over(self, of_study: CarryOver) -> CarryOver:
        """Return what is carried over, given what the study says."""
        return replace(of_study, **self._given(("normalization", "optimizer_state")))

    def given_to_learner(self) -> str:
        """Return the first setting that only a built-in learner has; empty: none is given."""
        given = self._given(tuple(field.name for field in dataclasses.fields(Overrides) if field.name != "train_on"))
        return next(iter(given), "")

    def _given(self, names: tuple[str, ...]) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if value is not None}


# Names of the overrides that are plain values.
OVERRIDES = tuple(field.name for field in dataclasses.fields(Overrides) if field.name != "penalty")
