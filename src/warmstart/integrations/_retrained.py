"""Estimators of scikit-learn that keep what they have seen: every ``partial_fit`` is a round on all of it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch

from warmstart.basics import InputError, copy_model, require, shown
from warmstart.learners import Classifier, Regressor, TensorLearner
from warmstart.models import Architecture
from warmstart.specs import MODEL, STRATEGY, from_spec
from warmstart.strategies import Strategy
from warmstart.training import Recipe, StoppingRule, TensorData, predict
from warmstart.trial import RoundPlan, RoundState, Trial, TrialData, run_round

# This module is imported when one of its estimators is first used: it is here that scikit-learn may be missing.
_PURPOSE = "An estimator of scikit-learn"
if TYPE_CHECKING:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
else:
    _base = require("sklearn.base", extra="data", purpose=_PURPOSE)
    BaseEstimator, ClassifierMixin, RegressorMixin = _base.BaseEstimator, _base.ClassifierMixin, _base.RegressorMixin

_SEEDS = 2**31


class _Retrained(BaseEstimator):
    """What both estimators share."""

    def __init__(
        self,
        strategy: Strategy | str = "warm",
        *,
        model: Architecture | str = "mlp",
        recipe: Recipe | Mapping[str, Any] | None = None,
        stop: StoppingRule | Mapping[str, Any] | None = None,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.strategy = strategy
        self.model = model
        self.recipe = recipe
        self.stop = stop
        self.random_state = random_state

    def _learner(self, kind: type[TensorLearner]) -> TensorLearner:
        model = from_spec(MODEL, self.model) if isinstance(self.model, str) else self.model
        recipe = self.recipe if isinstance(self.recipe, Recipe) else Recipe(**(self.recipe or {}))
        stop = self.stop
        if not isinstance(stop, StoppingRule):
            # As for tables of a study: to fit until 99 % would memorize their noise.
            stop = StoppingRule(**{"early_stopping": "on", **(stop or {})})
        return kind(model, recipe, stop)

    def _checked(self, X: Any, y: Any, *, is_first: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return samples (n, features) of float64, and targets (n,)."""
        validation = require("sklearn.utils.validation", extra="data", purpose=_PURPOSE)
        least = 2 if is_first else 1
        inputs = validation.validate_data(self, X, reset=is_first, dtype=np.float64, ensure_min_samples=least)
        targets = validation.column_or_1d(y, warn=True)
        validation.assert_all_finite(targets)
        validation.check_consistent_length(inputs, targets)
        return inputs, targets

    def _begin(self) -> None:
        """Forget all rounds."""
        check_random_state = require("sklearn.utils", extra="data", purpose=_PURPOSE).check_random_state
        seed = self.random_state
        self.seed_ = int(seed if isinstance(seed, int | np.integer) else check_random_state(seed).randint(_SEEDS))
        self.X_, self.y_ = np.empty((0, 0)), np.empty(0)
        self.history_: tuple[dict[str, Any], ...] = ()
        self._state = RoundState()

    def _round(self, kind: type[TensorLearner], inputs: np.ndarray, targets: np.ndarray, classes: int = 0) -> None:
        """Train on all samples so far and these."""
        strategy = from_spec(STRATEGY, self.strategy) if isinstance(self.strategy, str) else self.strategy
        learner, before, number = self._learner(kind), len(self.X_), len(self.history_) + 1
        seen = np.concatenate([self.X_, inputs]) if before else inputs
        labels = np.concatenate([self.y_, targets]) if before else targets
        pool = TensorData(seen, labels)
        pool = pool.of_classes(classes) if classes else pool
        first = self.history_[0]["samples"] if self.history_ else len(seen)
        (scaled,) = learner.prepared([pool], pool.take(torch.arange(first)))
        everything = torch.arange(len(seen))
        old = scaled.take(everything[:before]) if before else None
        plan = RoundPlan(TrialData(scaled, scaled, classes), everything[before:], everything[:before], old, len(seen))
        trial = Trial(learner, strategy=strategy, seed=self.seed_)
        result = run_round(trial, plan, self._state, number)
        if result.round_state.model is None:
            raise InputError(
                "recipe must let training converge, but the first round diverged: lower its learning_rate."
            )
        if result.stop_reason == "diverged":
            warnings.warn(f"Round {number} diverged: the model of the round before predicts.", stacklevel=3)
        self.X_, self.y_, self._state = seen, labels, result.round_state
        row = {"round": number, "samples": len(seen), "steps": int(result.counts["steps"]), "seconds": result.seconds}
        self.history_ += ({**row, "stop_reason": str(result.stop_reason)},)
        self._scale = {name: getattr(scaled, name) for name in ("scale", "offset", "limit")}
        self._target_scale, self._target_offset = scaled.target_scale, scaled.target_offset

    @property
    def model_(self) -> torch.nn.Module:
        """The model of the last round, on inputs as it was trained on."""
        require("sklearn.utils.validation", extra="data", purpose=_PURPOSE).check_is_fitted(self, "history_")
        assert self._state.model is not None, "a first round without a model raises"
        return self._state.model

    def _outputs(self, X: Any) -> torch.Tensor:
        model = self.model_
        validation = require("sklearn.utils.validation", extra="data", purpose=_PURPOSE)
        inputs = validation.validate_data(self, X, reset=False, dtype=np.float64)
        data = TensorData(inputs, np.zeros(len(inputs), dtype=np.int64))
        limit = self._scale["limit"]
        # In float64: the last bits of float32 depend on how many samples are predicted together.
        return predict(
            copy_model(model).double(), data.scaled(self._scale["scale"], self._scale["offset"], limit=limit)
        )


class RetrainedClassifier(ClassifierMixin, _Retrained):
    """A neural network that is retrained on all it has seen whenever data arrive, starting as a strategy says.

    ``fit`` is round 1. Each ``partial_fit`` is one round *on all samples seen so far*, which the estimator keeps, not
    only on those that it is given, as ``partial_fit`` of others is: the cost of a round grows with them. What a round
    starts from is up to the strategy; it ends by its stopping rule. Every model predicts, better or worse: whether a
    new one should is what :class:`RetrainingClassifier` decides.

    Columns are brought to mean 0 and variance 1 over the first arrival.

    Args:
        strategy: A strategy, or its name with options as on the command line, such as
            ``shrink-perturb:shrink=0.6``.
        model: An architecture, or its name with options, such as ``mlp:width=64``.
        recipe: How a round trains: a :class:`Recipe` or its options by name; None: the usual.
        stop: When a round is done: a :class:`StoppingRule` or its options by name. By default a part of the samples
            validates (early stopping).
        random_state: Decides all draws.

    Attributes:
        classes_: The classes, sorted.
        n_features_in_: Number of features.
        X_: All samples seen, in the order of arrival, (n, features).
        y_: Their indices into ``classes_`` (n,).
        history_: For each round its number, how many ``samples`` it trained on, ``steps``, ``seconds``,
            ``stop_reason``.
        seed_: What all draws depend on.

    Example:
        >>> from sklearn.datasets import make_blobs
        >>> inputs, labels = make_blobs(200, centers=2, random_state=0)
        >>> model = RetrainedClassifier("shrink-perturb", model="mlp:width=16", stop={"max_epochs": 5})
        >>> model.fit(inputs[:100], labels[:100]).partial_fit(inputs[100:], labels[100:]).history_[-1]["samples"]
        200
    """

    classes_: np.ndarray

    def fit(self, X: Any, y: Any) -> Self:
        """Forget everything, and run round 1.

        Args:
            X: Numbers (n, features).
            y: Labels (n,).

        Raises:
            InputError: If a parameter is out of range, or training diverges.
        """
        return self._learn(X, y, None, is_first=True)

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Run a round on all samples seen so far and these.

        Args:
            X: Numbers (n, features).
            y: Labels (n,), of ``classes_``.
            classes: In the first call, all classes that may arrive; None: those of this arrival.

        Raises:
            InputError: If a label is none of the classes; nothing has changed then.
        """
        return self._learn(X, y, classes, is_first=not hasattr(self, "history_"))

    def _learn(self, X: Any, y: Any, classes: Any, *, is_first: bool) -> Self:
        inputs, labels = self._checked(X, y, is_first=is_first)
        require("sklearn.utils.multiclass", extra="data", purpose=_PURPOSE).check_classification_targets(labels)
        known = np.unique(labels if classes is None else np.asarray(classes))
        if not is_first:
            if classes is not None and not np.array_equal(known, self.classes_):
                raise InputError(f"classes must be those of the first call, got {shown(known.tolist())}.")
            known = self.classes_
        if not np.isin(labels, known).all():
            new = np.setdiff1d(labels, known).tolist()
            raise InputError(f"y must have labels of classes only, got {shown(new)}: declare them in the first call.")
        if is_first:
            self._begin()
            self.classes_ = known
        self._round(Classifier, inputs, np.searchsorted(known, labels), len(known))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each sample."""
        columns = self._outputs(X).argmax(1)  # first: it says so where nothing was fitted yet
        return self.classes_[columns.numpy()]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, (n, classes), in the order of ``classes_``."""
        return self._outputs(X).softmax(1).numpy()


class RetrainedRegressor(RegressorMixin, _Retrained):
    """A neural network for values that is retrained on all it has seen; see :class:`RetrainedClassifier`.

    Columns and targets are brought to mean 0 and variance 1 over the first arrival.

    Args:
        strategy: As of :class:`RetrainedClassifier`, and so are all others.
        model: The architecture.
        recipe: How a round trains.
        stop: When a round is done.
        random_state: Decides all draws.

    Attributes:
        X_: All samples seen, (n, features).
        y_: Their targets (n,).
        history_: The rounds.

    Example:
        >>> from sklearn.datasets import make_regression
        >>> inputs, values = make_regression(100, 3, random_state=0)
        >>> model = RetrainedRegressor(stop={"max_epochs": 5}).fit(inputs[:50], values[:50])
        >>> model.partial_fit(inputs[50:], values[50:]).predict(inputs[:3]).shape
        (3,)
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Forget everything, and run round 1; see :meth:`RetrainedClassifier.fit`.

        Args:
            X: Numbers (n, features).
            y: Values (n,).

        Raises:
            InputError: If a parameter is out of range, or training diverges.
        """
        return self._learn(X, y, is_first=True)

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Run a round on all samples seen so far and these.

        Args:
            X: Numbers (n, features).
            y: Values (n,).
        """
        return self._learn(X, y, is_first=not hasattr(self, "history_"))

    def _learn(self, X: Any, y: Any, *, is_first: bool) -> Self:
        inputs, values = self._checked(X, y, is_first=is_first)
        values = values.astype(np.float64)
        if is_first:
            self._begin()
        self._round(Regressor, inputs, values)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the value of each sample."""
        outputs = self._outputs(X)[:, 0].numpy()
        return outputs * np.asarray(self._target_scale) + np.asarray(self._target_offset)
