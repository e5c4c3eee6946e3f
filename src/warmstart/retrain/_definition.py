"""What a project is made with, checked before anything is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from warmstart.basics import InputError, shown, unknown_name
from warmstart.data import DataSource, Targets
from warmstart.specs import data_from_table, split_spec
from warmstart.studies import study_from_dict

from ._policy import FixedPolicy, Policy, PolicyState
from ._settings import Project, RetrainSettings

_NOT_OF_PROJECTS = ("name", "directory", "subset", "test")


def checked_definition(
    settings: RetrainSettings | Mapping[str, Any], tables: Mapping[str, Any]
) -> tuple[RetrainSettings, dict[str, Any]]:
    """Return settings and tables; raise unless rounds could be trained with them.

    Raises:
        InputError: If a name is unknown, or a value not allowed.
    """
    if not isinstance(settings, RetrainSettings):
        known = [field.name for field in dataclasses.fields(RetrainSettings)]
        for name in settings:
            if name not in known:
                raise unknown_name("setting", name, known)
        settings = RetrainSettings(**_numbers(settings))
    for name, table in tables.items():
        if not isinstance(table, Mapping):
            raise InputError(f"{name} must be a table of options, or left out of a project, got {shown(table)}.")
    given = {name.replace("-", "_"): dict(table) for name, table in tables.items()}
    data = {name.replace("-", "_"): value for name, value in given.get("data", {}).items()}
    for name in _NOT_OF_PROJECTS:
        if name in data:
            raise InputError(f"{name} must be left out of a project, whose data are added as they arrive.")
    data_from_table({"name": "arrivals.parquet", **data}, key="data")
    if data:
        given["data"] = data
    first_policy(settings)
    try:
        study_from_dict({"strategies": [_fixed(settings.policy)], **{k: v for k, v in given.items() if k != "data"}})
    except InputError as error:
        # The one strategy is the policy, which has a name more.
        head, mark, rest = str(error).partition("Known: ")
        if not head.startswith("Unknown strategy"):
            raise
        raise InputError(f"{head.replace('strategy', 'policy', 1)}{mark}auto, {rest}") from error
    return settings, given


def _numbers(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings, some of which may be texts as they were typed, with their types."""
    kinds = {field.name: type(field.default) for field in dataclasses.fields(RetrainSettings)}
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found[name] = value
        if isinstance(value, str) and kinds[name] in (int, float):
            try:
                found[name] = kinds[name](value)
            except ValueError:
                what = "a whole number" if kinds[name] is int else "a number"
                raise InputError(f"{name} must be {what}, got {value}.") from None
    return found


def _fixed(policy: str) -> str:
    """Return a strategy that a policy may start with."""
    return "warm" if policy.partition(":")[0] == "auto" else policy


def source_of(project: Project) -> DataSource:
    """Return how a project's arrivals are read; its name stands for any file."""
    return data_from_table({"name": "arrivals.parquet", **project.tables.get("data", {})}, key="data")


def targets_of(project: Project) -> Targets:
    """Return what the project's learner reads of labels."""
    tables = {name: table for name, table in project.tables.items() if name != "data"}
    return study_from_dict({"strategies": ["cold"], **tables}).targets


ARMS = ("warm", "shrink-perturb:shrink=0.8", "shrink-perturb:shrink=0.6", "shrink-perturb:shrink=0.4", "cold")
"""Of the policy ``auto``, the cheapest first."""


def first_policy(settings: RetrainSettings, *, arms: tuple[str, ...] = ARMS) -> Policy:
    """Return the policy of a project before its first round.

    Args:
        settings: Of the project.
        arms: Of ``auto``, by cost; a model without tensors has nothing to shrink.

    Raises:
        InputError: If the policy is none.

    Example:
        >>> first_policy(RetrainSettings(policy="warm")).plan(number=2).arm
        'warm'
        >>> first_policy(RetrainSettings(policy="auto:prefer=speed"))
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: Unknown preference 'speed'. Known: cost, accuracy.
    """
    name, options = split_spec(settings.policy)
    if name != "auto":
        return FixedPolicy(settings.policy, audits=False)
    prefer = options.pop("prefer", "cost")
    if options:
        raise unknown_name("option of auto", next(iter(options)), ("prefer",))
    return replace(PolicyState.initial(arms, audit_share=settings.audit_share), prefer=prefer)
