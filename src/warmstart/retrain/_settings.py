"""The settings of a retraining project: the file ``project.toml`` in its folder."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from warmstart.basics import (
    InputError,
    as_float,
    check_at_least,
    check_in_range,
    checked_path,
    resolve_choices,
    shown,
    unknown_name,
)
from warmstart.store import atomic_file, read_regular

PROJECT_FILE = "project.toml"
TABLES = ("data", "learner", "model", "recipe", "stop", "penalty", "carry_over")
"""The tables beside ``[retrain]``; they are those of a study file."""
_SETTINGS = "retrain"
_MOST_ARRIVALS, _MOST_BYTES = 100_000, 10_000_000


@dataclass(frozen=True)
class RetrainSettings:
    """How a project is retrained and judged: the table ``[retrain]`` of ``project.toml``.

    Args:
        policy: ``auto`` (or ``auto:prefer=accuracy``), which tries cheaper starts beside cold ones, or the one strategy
            of all rounds, such as ``cold``, ``warm`` or ``shrink-perturb:shrink=0.6``. Parsed when a round starts.
        tolerance: Loss of score, in [0, 1), that a new model may have against the champion: of accuracy, or relative
            to the opponent's error where targets are values.
        class_tolerance: Loss of score within one class, in [0, 1), beyond which the class vetoes a promotion.
        holdout: Share of rows held out for judging, in (0, 0.5].
        window: Number of arrivals, at least 1, for which a held-out row judges before it is trained on.
        alpha: Error rate of each end of an interval, in (0, 0.5).
        audit_share: Share of the training cost, in [0, 1], that pays for cold starts beside a licensed strategy.
        seed: Of all randomness, at least 0.
        threads: PyTorch threads of training, 1 to 1,024. More than one is faster for large models alone, and the number
            decides the last bits of a model.

    Raises:
        InputError: If a value has the wrong type or is out of range.

    Example:
        >>> RetrainSettings(window=7).holdout
        0.1
        >>> RetrainSettings(tolerance=5)
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: tolerance must lie in [0, 1), got 5: it is a share, so write 0.05 for 5 %.
    """

    policy: str = "auto"
    tolerance: float = 0.01
    class_tolerance: float = 0.05
    holdout: float = 0.1
    window: int = 30
    alpha: float = 0.05
    audit_share: float = 0.2
    seed: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        """Check the settings."""
        resolve_choices(self)
        if not isinstance(self.policy, str) or not self.policy.strip():
            raise InputError(
                f"policy must be auto or the name of a strategy, got {shown(self.policy)!r}; "
                "`warmstart strategies` lists them."
            )
        _check_share("tolerance", self.tolerance, high_open=True)
        _check_share("class_tolerance", self.class_tolerance, high_open=True)
        _check_share("holdout", self.holdout, high=0.5, low_open=True)
        _check_share("alpha", self.alpha, high=0.5, low_open=True, high_open=True)
        _check_share("audit_share", self.audit_share)
        for name, low, most in (("window", 1, _MOST_ARRIVALS), ("seed", 0, 2**63 - 1), ("threads", 1, 1024)):
            if getattr(self, name) is None:
                raise InputError(f"{name} must be a whole number of at least {low}, got None.")
            check_at_least(name, getattr(self, name), low, most=most)


def _check_share(name: str, value: Any, *, high: float = 1, low_open: bool = False, high_open: bool = False) -> None:
    try:
        check_in_range(name, value, 0, high, low_open=low_open, high_open=high_open)
    except InputError as error:
        number = as_float(value)
        # The most likely slip: percent instead of a share.
        if number is None or not 1 <= number < 100 * high:
            raise
        hint = f"it is a share, so write {number / 100:g} for {number:g} %"
        raise InputError(f"{str(error).rstrip('.')}: {hint}.") from None


@dataclass(frozen=True)
class Project:
    """A project's folder with what its ``project.toml`` says.

    Args:
        directory: The folder.
        settings: The table ``[retrain]``.
        tables: The other tables by name, as a study file has them; names are in snake case.
    """

    directory: Path
    settings: RetrainSettings = RetrainSettings()
    tables: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def write_project(directory: str | Path, settings: RetrainSettings, tables: Mapping[str, Any]) -> Project:
    """Write a project's ``project.toml`` atomically; its folder is made.

    Args:
        directory: The project's folder.
        settings: All of them are written, also those at their defaults, so that a new default changes no project.
        tables: The other tables, see :data:`TABLES`; values that are None are left out.

    Raises:
        InputError: If a table is unknown, or a value cannot be written as TOML.
        StorageError: If the disk is full or the folder cannot be written; an earlier file is still there.
    """
    folder = checked_path("directory", directory)
    text = project_text(settings, tables)
    with atomic_file(folder / PROJECT_FILE) as draft:
        draft.write_text(text, encoding="utf-8")
    return Project(folder, settings, _known_tables(tables))


def project_text(settings: RetrainSettings, tables: Mapping[str, Any]) -> str:
    """Return what :func:`write_project` writes.

    Raises:
        InputError: If a table is unknown, or a value cannot be written as TOML.
    """
    try:
        return tomli_w.dumps({_SETTINGS: dataclasses.asdict(settings), **_known_tables(tables)})
    except TypeError as error:
        raise InputError(
            f"The tables of a project must hold texts, numbers, booleans, lists and tables ({shown(str(error))})."
        ) from error


def read_project(directory: str | Path) -> Project:
    """Return the project in a folder.

    Raises:
        InputError: If there is none, or its ``project.toml`` is no TOML, has an unknown key or a value out of range.
    """
    folder = checked_path("directory", directory)
    path = folder / PROJECT_FILE
    content = read_regular(path) if folder.is_dir() else None
    if content is None:
        raise InputError(
            f"{shown(folder)} must be the folder of a retraining project, but there is no {PROJECT_FILE} in it; "
            f"`warmstart retrain init {shown(folder)}` makes one."
        )
    try:
        if len(content) > _MOST_BYTES:
            raise ValueError(f"it has more than {_MOST_BYTES:,} bytes")
        tables = tomllib.loads(content.decode("utf-8-sig"))  # some editors begin files with a mark
    except (ValueError, RecursionError) as error:  # also of numbers with more digits than Python reads
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else shown(str(error), limit=200)
        raise InputError(f"{shown(path)} is not valid TOML: {reason.rstrip('.')}.") from error
    given = tables.pop(_SETTINGS, {})
    if not isinstance(given, dict):
        raise InputError(f"{_SETTINGS} of {shown(path)} must be a table of settings, got {shown(given)}.")
    known = [field.name for field in dataclasses.fields(RetrainSettings)]
    settings = {}
    for typed, value in given.items():
        name = typed.replace("-", "_")
        if name not in known:
            raise unknown_name("setting", typed, known, place=shown(path))
        settings[name] = value
    try:
        checked = RetrainSettings(**settings)
    except InputError as error:
        raise InputError(f"{shown(path)}: {_SETTINGS}.{error}") from None
    return Project(folder, checked, _known_tables(tables, place=shown(path)))


def _known_tables(tables: Mapping[str, Any], *, place: str = "") -> dict[str, Any]:
    """Return the tables by their names in snake case."""
    found = {}
    for typed, value in tables.items():
        name = typed.replace("-", "_")
        if name not in TABLES:
            raise unknown_name("table", typed, (_SETTINGS, *TABLES), place=place or "a project")
        if not isinstance(value, Mapping):
            raise InputError(f"{name} must be a table of options, got {shown(value)}.")
        if name in found:
            raise InputError(f"{name} must be given once, got it twice, as {name} and {name.replace('_', '-')}.")
        found[name] = {key: option for key, option in value.items() if option is not None}  # TOML has no None
    return found
