"""The known experiments."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from functools import cache

from warmstart.basics import unknown_name

from . import experiments
from .kit.experiment import Experiment

ALL = "all"


@cache
def known_experiments() -> dict[str, Experiment]:
    """Return the experiments by id, in the order of their numbers.

    Example:
        >>> list(known_experiments())[:3]
        ['two-phase', 'table-1', 'online']
    """
    # Found by looking, so that a new experiment is one file and no edit elsewhere; imported on first use, since the
    # command line needs none of them for its help.
    names = [module.name for module in pkgutil.iter_modules(experiments.__path__)]
    modules = [importlib.import_module(f"{experiments.__name__}.{name}") for name in names]
    found = sorted((module.EXPERIMENT for module in modules), key=lambda experiment: experiment.number)
    return {experiment.id: experiment for experiment in found}


def chosen_experiments(ids: Sequence[str]) -> list[Experiment]:
    """Return the experiments with these ids, in the order of their numbers; ``all`` stands for all of them.

    Raises:
        InputError: If an id is unknown.
    """
    known = known_experiments()
    for id in ids:
        if id not in known and id != ALL:
            raise unknown_name("experiment", id, [*known, ALL])
    return [experiment for id, experiment in known.items() if id in ids or ALL in ids]
