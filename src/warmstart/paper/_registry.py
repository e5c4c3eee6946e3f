"""The experiments there are."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from functools import cache

from warmstart.basics import unknown_name

from . import experiments
from ._experiment import Experiment

ALL = "all"


@cache
def known_experiments() -> dict[str, Experiment]:
    """Return the experiments by id, in their order.

    Example:
        >>> list(known_experiments())[:3]
        ['two-phase', 'table-1', 'online']
    """
    names = [module.name for module in pkgutil.iter_modules(experiments.__path__) if not module.name.startswith("_")]
    modules = [importlib.import_module(f"{experiments.__name__}.{name}") for name in names]
    found = sorted((module.EXPERIMENT for module in modules), key=lambda experiment: experiment.number)
    return {experiment.id: experiment for experiment in found}


def chosen_experiments(ids: Sequence[str]) -> list[Experiment]:
    """Return the experiments with these ids, in their order; ``all`` stands for all of them.

    Raises:
        InputError: If an id is unknown.
    """
    known = known_experiments()
    unknown = next((id for id in ids if id not in known and id != ALL), None)
    if unknown is not None:  # an empty text is unknown as well
        raise unknown_name("experiment", unknown, [*known, ALL])
    return [experiment for id, experiment in known.items() if id in ids or ALL in ids]
