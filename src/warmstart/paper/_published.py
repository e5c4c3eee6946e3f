"""The published numbers, each with where it stands and how it is known."""

from __future__ import annotations

import math
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from warmstart.basics import InputError, check_in_range, choice, resolve_choices

from ._exhibits import Source

_RANGES = {"accuracy": (0, 1), "train accuracy": (0, 1), "difference": (-1, 1)}


class Known(StrEnum):
    """How a number is known, the surest first.

    ``TABLE``: printed in a table. ``TEXT``: printed in the article. ``TRANSCRIPTION``: a third party's copy. ``CODE``:
    measured with the released code. ``FIGURE``: read off by eye, accuracy to about 1 point, time to about 10 %.
    """

    TABLE = "table"
    TEXT = "text"
    TRANSCRIPTION = "transcription"
    CODE = "code"
    FIGURE = "figure"


@dataclass(frozen=True)
class Number:
    """One published number.

    Args:
        experiment: Id of the experiment it belongs to; ``calibration`` for the released code, run.
        by: Who published it; never ``US``.
        facets: Its setting as far as it is known, such as ``arm`` or ``samples``; a name that is missing is not known,
            or does not tell it from its neighbours. Of a range both ends are numbers, with ``end`` "low" or "high".
        quantity: What it measures: "accuracy" and "train accuracy" in [0, 1], "difference" (accuracy less that of a
            cold start) in [-1, 1], "seconds", "gradient norm", "batches" or "epochs".
        value: Of one run, or the mean over runs.
        deviation: Standard deviation over runs, at least 0, in the unit of the value; None: not published.
        known: How it is known.
        source: The table, figure or article where it stands.

    Raises:
        InputError: If the experiment is unknown, or a value lies outside its range.

    Example:
        >>> Number("online", "paper", {"arm": "warm"}, "accuracy", 0.63, None, "figure", "Figure 2").known
        <Known.FIGURE: 'figure'>
    """

    experiment: str
    by: Source
    facets: Mapping[str, str | float]
    quantity: str
    value: float
    deviation: float | None
    known: Known
    source: str

    def __post_init__(self) -> None:
        """Check the number."""
        resolve_choices(self)
        if self.by is Source.US:
            raise InputError(f"by must be '{Source.PAPER}' or '{Source.REPRODUCTION}', got '{self.by}'.")
        low, high = _RANGES.get(self.quantity, (0, math.inf))
        check_in_range(f"{self.quantity} of {self.experiment}", self.value, low, high, high_open=math.isinf(high))
        if self.deviation is not None:
            check_in_range(f"deviation of {self.experiment}", self.deviation, 0, math.inf, high_open=True)
        # Numbers are read once and handed out many times.
        object.__setattr__(self, "facets", MappingProxyType(dict(self.facets)))


def published(
    experiment: str, quantity: str = "accuracy", *, by: Source | None = None, **facets: str | float
) -> list[Number]:
    """Return the published numbers of an experiment that have all the given facets, in the order of the file.

    Args:
        experiment: Its id.
        quantity: What the numbers measure.
        by: Who published them; None: whoever did.
        facets: Each must be equal; facets of a number that are not asked for may be anything.

    Returns:
        The numbers; none where none is known.

    Raises:
        InputError: If ``by`` is unknown.

    Reference:
        Ash and Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020; Kireev et al., "[Re] Warm-Starting
        Neural Network Training", ReScience C 2021.

    Example:
        >>> [n.value for n in published("table-1", by=Source.PAPER, data="cifar10", model="resnet18", optimizer="sgd")]
        [0.562, 0.517]
    """
    whose = tuple(Source) if by is None else (choice(Source, by, name="by"),)
    there = [n for n in _all_numbers() if n.experiment == experiment and n.quantity == quantity and n.by in whose]
    return [number for number in there if facets.items() <= number.facets.items()]


def the_published(
    experiment: str, quantity: str = "accuracy", *, by: Source | None = None, **facets: str | float
) -> Number | None:
    """Return the one published number that :func:`published` finds, or None where none is known.

    Raises:
        InputError: As there, or if there is more than one; it names the facets that tell them apart.

    Example:
        >>> number = the_published("online", "seconds", arm="cold")
        >>> number.value, number.source
        (520.0, 'Figure 2')
        >>> the_published("ewc", arm="warm") is None
        True
    """
    found = published(experiment, quantity, by=by, **facets)
    if len(found) > 1:
        told_apart_by = ", ".join(_told_apart_by(found))
        raise InputError(
            f"facets must single out one {quantity} of {experiment}, got {len(found)} that differ in {told_apart_by}."
        )
    return found[0] if found else None


def _told_apart_by(numbers: list[Number]) -> list[str]:
    settings = [{"by": number.by, **number.facets} for number in numbers]
    names = dict.fromkeys(name for setting in settings for name in setting)
    return [name for name in names if len({setting.get(name) for setting in settings}) > 1]


@cache
def _all_numbers() -> tuple[Number, ...]:
    return parse_numbers(files("warmstart.paper").joinpath("published.toml").read_text(encoding="utf-8"))


def parse_numbers(text: str) -> tuple[Number, ...]:
    """Return the numbers of a TOML text, in its order; the head of ``published.toml`` explains the format.

    Raises:
        InputError: If a number is not valid, or a setting has two.

    Example:
        >>> parse_numbers("number = []")
        ()
    """
    numbers = tuple(_number(entry) for entry in tomllib.loads(text)["number"])
    _check_distinct(numbers)
    return numbers


def _number(entry: dict[str, Any]) -> Number:
    value, deviation = entry["value"], entry.get("deviation")
    return Number(**{**entry, "value": float(value), "deviation": None if deviation is None else float(deviation)})


def _check_distinct(numbers: Iterable[Number]) -> None:
    settings = Counter((n.experiment, n.by, n.quantity, frozenset(n.facets.items())) for n in numbers)
    for (experiment, by, quantity, facets), times in settings.items():
        if times > 1:
            raise InputError(
                f"Of each setting there must be one number, got {times} of {experiment}, {quantity}, by {by}: "
                f"{dict(sorted(facets))}."
            )
