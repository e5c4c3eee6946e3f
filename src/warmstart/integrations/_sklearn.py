"""Estimators of scikit-learn around a retraining project: what arrives is added, trained on, and judged."""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
import warnings
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from warmstart.basics import InputError, checked_path, require, shown
from warmstart.data import is_frame
from warmstart.retrain import Champion, Retrainer
from warmstart.specs import MODEL, from_spec, shortest

# This module is imported when one of its estimators is first used: it is here that scikit-learn may be missing.
_PURPOSE = "An estimator of scikit-learn"
if TYPE_CHECKING:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
else:
    _base = require("sklearn.base", extra="data", purpose=_PURPOSE)
    BaseEstimator, ClassifierMixin, RegressorMixin = _base.BaseEstimator, _base.ClassifierMixin, _base.RegressorMixin

_PROJECT = "project.toml"
_SEEDS = 2**31


class _Retraining(BaseEstimator):
    """What both estimators share."""

    _learner = ""

    def __init__(
        self,
        directory: str | Path | None = None,
        *,
        policy: str = "auto",
        tolerance: float = 0.01,
        model: str | None = None,
        key: str | None = None,
        group: str | None = None,
        settings: Mapping[str, Any] | None = None,
        tables: Mapping[str, Any] | None = None,
        random_state: int | np.random.RandomState | None = 0,
    ) -> None:
        self.directory = directory
        self.policy = policy
        self.tolerance = tolerance
        self.model = model
        self.key = key
        self.group = group
        self.settings = settings
        self.tables = tables
        self.random_state = random_state

    def _definition(self) -> dict[str, dict[str, Any]]:
        """Return the tables of the project, as the parameters say."""
        settings = {"policy": self.policy, "tolerance": self.tolerance, **(self.settings or {})}
        tables = {"retrain": settings, **{name: dict(table) for name, table in (self.tables or {}).items()}}
        roles = {name: value for name, value in (("key", self.key), ("group", self.group)) if value is not None}
        # How many classes there are is y's to say here; for a file, warmstart would ask.
        many = {"many_classes": True} if self._learner == "classifier" else {}
        tables["data"] = {**many, **roles, **tables.get("data", {})}
        tables["learner"] = {"name": self._learner, **tables.get("learner", {})}
        if self.model is not None:
            model = from_spec(MODEL, self.model)
            tables["model"] = {"name": MODEL.name_of(model), **shortest(MODEL, model)}
        return {
            name: {key.replace("-", "_"): value for key, value in table.items()}
            for name, table in tables.items()
            if table
        }

    def _new_project(self) -> Retrainer:
        """Make a project in ``directory``, or in a temporary folder."""
        tables = self._definition()
        seed, salt = self.random_state, None
        if isinstance(seed, (int, np.integer)):
            seed, salt = int(seed), f"random_state {seed}"  # decides also which rows are held out
        else:
            seed = int(
                require("sklearn.utils", extra="data", purpose=_PURPOSE).check_random_state(seed).randint(_SEEDS)
            )
        if self.directory is None:
            folder = self._temporary_folder()
        else:
            folder = checked_path("directory", self.directory)
            if (folder / _PROJECT).exists():
                raise InputError(
                    f"directory must be new or empty for fit, which begins anew, but {shown(folder)} is a project: "
                    "partial_fit continues it."
                )
        settings = {"seed": seed, **tables.pop("retrain")}
        return Retrainer.create(folder, settings=settings, tables=tables, salt=salt)

    def _temporary_folder(self) -> Path:
        """Return a new folder, which is removed with this object or when it begins anew."""
        if (remove_former := vars(self).get("_removal")) is not None:
            remove_former()
        folder = Path(tempfile.mkdtemp(prefix="warmstart-"))
        self._removal = weakref.finalize(self, shutil.rmtree, str(folder), ignore_errors=True)
        return folder

    def _project(self) -> Retrainer:
        """Return the project of this object; else that in ``directory``, if parameters allow; else a new one."""
        if hasattr(self, "directory_"):
            return Retrainer(self.directory_)
        folder = None if self.directory is None else checked_path("directory", self.directory)
        if folder is None or not (folder / _PROJECT).exists():
            return self._new_project()
        found = Retrainer(folder)
        there = {"retrain": vars(found.project.settings), "learner": {"name": "classifier"}, **found.project.tables}
        usual = type(self)()._definition()
        for table, options in self._definition().items():
            known = {name.replace("-", "_"): value for name, value in there.get(table, {}).items()}
            for name, value in options.items():
                # What was left at its default says nothing.
                is_given = table == "learner" or value != usual.get(table, {}).get(name)
                if is_given and str(value) != str(known.get(name)):  # typed as an option, a number is a text
                    raise InputError(
                        f"directory contains a project with another {table}.{name} ({shown(known.get(name))} there, "
                        f"{shown(value)} requested): leave the parameter out, or choose another directory."
                    )
        return found

    def _checked(self, X: Any, y: Any, *, is_first: bool) -> tuple[Any, np.ndarray]:
        """Return samples and targets as a project takes them."""
        validation = require("sklearn.utils.validation", extra="data", purpose=_PURPOSE)
        inputs = self._inputs(X, is_first=is_first)
        targets = validation.column_or_1d(y, warn=True)
        validation.assert_all_finite(targets)
        validation.check_consistent_length(inputs, targets)
        return (X if is_frame(X) else inputs), targets

    def _inputs(self, X: Any, *, is_first: bool = False) -> Any:
        """Return samples without their keys: a frame as it is, all else as a checked array."""
        validation = require("sklearn.utils.validation", extra="data", purpose=_PURPOSE)
        if is_frame(X):
            names = [name for name in getattr(X, "column_names", getattr(X, "columns", ())) if name != self.key]
            features = X.select(names) if hasattr(X, "select") else X[names]
            # Before 1.9 scikit-learn does not find the names of a frame of Polars 2.
            named = features.head(0).to_arrow() if hasattr(features, "to_arrow") else features
            validation.validate_data(self, named, reset=is_first, skip_check_array=True)
            return features
        least = 2 if is_first else 1
        found = validation.validate_data(self, X, reset=is_first, allow_nd=True, ensure_min_samples=least)
        return found.astype(np.float64) if found.ndim == 2 else found  # whole numbers would count as tokens

    def _arrive(self, project: Retrainer, inputs: Any, targets: np.ndarray, *, new_classes: str = "refuse") -> None:
        """Add an arrival and run a round."""
        project.add((inputs, targets), new_classes=new_classes)
        self.directory_ = project.directory
        self.result_ = project.update()
        self.history_ = project.history()
        self.champion_ = self.result_.champion

    def _predicted(self, X: Any) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return outputs and the names of their classes, by the champion as it is now; others may have changed it."""
        require("sklearn.utils.validation", extra="data", purpose=_PURPOSE).check_is_fitted(self, "directory_")
        inputs, project = self._inputs(X), Retrainer(self.directory_)
        try:
            model: Champion = project.champion()
        except InputError:
            model = project.latest()
            warnings.warn(
                f"No model has passed the gate yet ({self.result_.reason}): the last one that was trained, in round "
                f"{model.round}, predicts.",
                stacklevel=3,
            )
        if is_frame(inputs) and model.encoding is None and not model.features:
            inputs = np.asarray(inputs, dtype=np.float64)  # trained on an array; scikit-learn has warned
        found = model.predict(inputs)
        return found.outputs, found.classes

    def __getstate__(self) -> dict[str, Any]:
        """Return the state; a temporary folder travels with the object, which alone has it."""
        found: Any = super().__getstate__()
        state = dict(found)
        if state.pop("_removal", None) is not None and "directory_" in state:
            packed = io.BytesIO()
            with tarfile.open(fileobj=packed, mode="w") as archive:
                archive.add(state["directory_"], arcname=".")
            state["_packed"] = packed.getvalue()
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Restore the state, with a temporary folder of its own."""
        state = dict(state)
        packed = state.pop("_packed", None)
        super().__setstate__(state)
        if packed is not None:
            self.directory_ = self._temporary_folder()
            with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
                archive.extractall(self.directory_, filter="data")


class RetrainingClassifier(ClassifierMixin, _Retraining):
    """A classifier that is retrained whenever data arrive, and never predicts with a worse model, for scikit-learn.

    ``fit`` begins a project with its first arrival; each ``partial_fit`` adds an arrival and runs a round, as
    :meth:`Retrainer.add` and :meth:`Retrainer.update` do: the new model predicts from then on only if held-out rows
    show that it is not worse. Before the first model has passed, as with few rows, the last one that was trained
    predicts, with a warning.

    Args:
        directory: Of the project. None: a temporary folder, which goes with this object; a pickle or a deep copy has
            its own. With a directory, ``fit`` needs a new or empty one, and ``partial_fit`` continues a project that is
            there, also one of another process; parameters that contradict its ``project.toml`` are refused.
        policy: As of :class:`RetrainSettings`.
        tolerance: As of :class:`RetrainSettings`.
        model: As on the command line, such as ``mlp:width=64`` or ``logistic``; None: the usual.
        key: Of frames, the column that identifies a row, for corrections, labels and deletions; it is no feature.
        group: Of frames, the column by which rows are held out together.
        settings: Others of :class:`RetrainSettings`, by name.
        tables: Others of ``project.toml``, by name: ``recipe``, ``stop``, ``data``, ``penalty``, ``carry_over``.
        random_state: Decides, if whole, what is drawn and which rows are held out.

    Attributes:
        classes_: The classes, sorted.
        n_features_in_: Number of features.
        directory_: The project's folder.
        champion_: Id of the model that passed the gate last; None: there is none yet.
        result_: What the last round has done.
        history_: All rounds, oldest first.

    Example:
        >>> from sklearn.datasets import make_blobs
        >>> inputs, labels = make_blobs(600, centers=2, random_state=0)
        >>> model = RetrainingClassifier(model="mlp:width=16", tables={"stop": {"max_epochs": 5}})
        >>> model.fit(inputs[:300], labels[:300]).partial_fit(inputs[300:], labels[300:]).result_.round
        2
        >>> model.predict(inputs[:3]).shape, len(model.history_)
        ((3,), 2)
    """

    _learner = "classifier"
    classes_: np.ndarray

    def fit(self, X: Any, y: Any) -> Self:
        """Begin a new project with its first arrival.

        Args:
            X: Numbers (n, features), images (n, channels, height, width), or a frame of pandas, polars or arrow.
            y: Labels (n,).

        Raises:
            InputError: If ``directory`` is a project already, or the samples cannot be learned from.
        """
        inputs, labels = self._checked(X, y, is_first=True)
        self._check_labels(labels)
        return self._learn(self._new_project(), inputs, labels, np.unique(labels), is_first=True)

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Add an arrival and run a round; samples that have arrived before change nothing.

        Args:
            X: As of :meth:`fit`.
            y: Labels (n,). A class that is new is refused, unless it was declared.
            classes: In the first call, all classes that may arrive; None: those of this arrival.

        Raises:
            InputError: If the arrival does not fit those before it; nothing of it is stored.
            LockedError: If another process changes the project.
        """
        is_first = not hasattr(self, "directory_")
        inputs, labels = self._checked(X, y, is_first=is_first)
        self._check_labels(labels)
        known = np.unique(labels) if classes is None else np.unique(np.asarray(classes))
        if not is_first:
            if classes is not None and not np.isin(known, self.classes_).all():
                raise InputError(f"classes must be those of the first call, got {shown(known.tolist())}.")
            known = self.classes_
        elif not np.isin(labels, known).all():
            raise InputError(f"classes must contain all labels, got {shown(known.tolist())}.")
        return self._learn(self._project(), inputs, labels, known, is_first=is_first and classes is None)

    def _check_labels(self, labels: np.ndarray) -> None:
        require("sklearn.utils.multiclass", extra="data", purpose=_PURPOSE).check_classification_targets(labels)

    def _learn(self, project: Retrainer, inputs: Any, labels: np.ndarray, known: np.ndarray, *, is_first: bool) -> Self:
        # Only what was declared may be new; what a first arrival has is known by that alone.
        is_declared = not is_first and np.isin(labels, known).all()
        texts = np.array([_text(label) for label in labels.tolist()], dtype=object)
        if "" in texts:
            raise InputError("y must contain no empty labels: a project would take them for labels that come later.")
        self._arrive(project, inputs, texts, new_classes="grow" if is_declared else "refuse")
        try:
            stored = project.latest().classes
        except InputError:
            stored = ()
        # Of a project that was begun elsewhere only the text of its labels is known.
        read = {"b": lambda text: text == "True", "i": int, "u": int, "f": float}.get(labels.dtype.kind, str)
        others = [read(one) for one in stored if one not in {_text(label) for label in known.tolist()}]
        self.classes_ = np.unique(np.concatenate([known, np.array(others, dtype=known.dtype)])) if others else known
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class of each sample."""
        columns = self.predict_proba(X).argmax(1)  # first: it says so where nothing was fitted yet
        return self.classes_[columns]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, (n, classes), in the order of ``classes_``.

        A class that the model does not know yet has probability 0.
        """
        outputs, names = self._predicted(X)
        columns = {_text(label): place for place, label in enumerate(self.classes_.tolist())}
        found = np.zeros((len(outputs), len(self.classes_)))
        found[:, [columns[name] for name in names]] = outputs
        return found


class RetrainingRegressor(RegressorMixin, _Retraining):
    """A regressor that is retrained whenever data arrive; see :class:`RetrainingClassifier`.

    Args:
        directory: As of :class:`RetrainingClassifier`, and so are all others.
        policy: Of the project.
        tolerance: Relative to the error of the model before.
        model: Of the project.
        key: Column of frames.
        group: Column of frames.
        settings: Others of the project.
        tables: Others of the project.
        random_state: Decides what is drawn.

    Example:
        >>> from sklearn.datasets import make_regression
        >>> inputs, values = make_regression(300, 3, random_state=0)
        >>> model = RetrainingRegressor(tables={"stop": {"max_epochs": 5}}).fit(inputs, values)
        >>> model.predict(inputs[:3]).shape
        (3,)
    """

    _learner = "regressor"

    def fit(self, X: Any, y: Any) -> Self:
        """Begin a new project with its first arrival; see :meth:`RetrainingClassifier.fit`.

        Args:
            X: Numbers (n, features), images (n, channels, height, width), or a frame of pandas, polars or arrow.
            y: Values (n,).

        Raises:
            InputError: If ``directory`` is a project already, or the samples cannot be learned from.
        """
        inputs, values = self._checked(X, y, is_first=True)
        self._arrive(self._new_project(), inputs, values.astype(np.float64))
        return self

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Add an arrival and run a round; samples that have arrived before change nothing.

        Args:
            X: As of :meth:`fit`.
            y: Values (n,).

        Raises:
            InputError: If the arrival does not fit those before it; nothing of it is stored.
            LockedError: If another process changes the project.
        """
        inputs, values = self._checked(X, y, is_first=not hasattr(self, "directory_"))
        self._arrive(self._project(), inputs, values.astype(np.float64))
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the value of each sample."""
        return self._predicted(X)[0]


def _text(label: Any) -> str:
    """Return a label as a project stores it: 1.0 is the 1 of a file."""
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)
