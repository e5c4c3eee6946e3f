"""The published numbers, each with its source and how it is known."""

from __future__ import annotations

import math
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from warmstart.basics import InputError, check_in_range, choice, resolve_choices

from .exhibits import Source

# A misplaced decimal point shows here; seconds and norms have no upper end.
_RANGES = {"accuracy": (0, 1), "train accuracy": (0, 1), "difference": (-1, 1), "relative difference": (-1, math.inf)}


class Known(StrEnum):
    """How a number is known, most reliable first.

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
        experiment: Id of its experiment; ``calibration`` for runs of the released code.
        by: Who published it; never ``US``.
        facets: Its setting as far as it is known, such as ``arm`` or ``samples``; a facet that is unknown, or does not
            distinguish it from similar numbers, is missing. The ends of a range are two numbers, with ``end`` "low" and
            "high".
        quantity: What it measures: "accuracy" and "train accuracy" in [0, 1], "difference" (accuracy less that of a
            cold start) in [-1, 1], "relative difference" (divided by the accuracy of the cold start), "seconds",
            "gradient norm", "batches" or "epochs".
        value: Value of one run, or mean over runs.
        deviation: Standard deviation over runs, at least 0, in the unit of the value; None: not published.
        known: How it is known.
        source: Table, figure or article that it is published in.

    Raises:
        InputError: If a value lies outside its range, or the source is empty.

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
        # What is measured here comes from stored results, never from a file.
        if self.by is Source.US:
            raise InputError(f"by must be '{Source.PAPER}' or '{Source.REPRODUCTION}', got '{self.by}'.")
        low, high = _RANGES.get(self.quantity, (0, math.inf))
        check_in_range(f"{self.quantity} of {self.experiment}", self.value, low, high, high_open=math.isinf(high))
        if self.deviation is not None:
            check_in_range(f"deviation of {self.experiment}", self.deviation, 0, math.inf, high_open=True)
        if not self.source.strip():
            raise InputError(f"source of {self.experiment} must say where the number stands, got an empty text.")
        # Numbers are cached and shared by all callers, so a change by one would reach the others.
        object.__setattr__(self, "facets", MappingProxyType(dict(self.facets)))


def published(
    experiment: str, quantity: str = "accuracy", *, by: Source | None = None, **facets: str | float
) -> list[Number]:
    """Return the published numbers of an experiment that have all the given facets, in the order of the file.

    Args:
        experiment: Id of the experiment.
        quantity: What the numbers measure.
        by: Who published them; None: anybody.
        facets: Facets that must be equal; all others may have any value.

    Returns:
        The numbers; empty if none is known.

    Raises:
        InputError: If ``by`` is unknown.

    Reference:
        Ash and Adams, "On Warm-Starting Neural Network Training", NeurIPS 2020; Kireev et al., "[Re] Warm-Starting
        Neural Network Training", ReScience C 2021.

    Example:
        >>> [n.value for n in published("table-1", by=Source.PAPER, data="cifar10", model="resnet18", optimizer="sgd")]
        [0.562, 0.517]
    """
    origins = tuple(Source) if by is None else (choice(Source, by, name="by"),)
    return [
        number
        for number in all_numbers()
        if (number.experiment, number.quantity) == (experiment, quantity)
        and number.by in origins
        and facets.items() <= number.facets.items()
    ]


def published_number(
    experiment: str, quantity: str = "accuracy", *, by: Source | None = None, **facets: str | float
) -> Number | None:
    """Return the only published number that :func:`published` finds, or None where none is known.

    Raises:
        InputError: If ``by`` is unknown, or there is more than one number; the facets in which they differ are named.

    Example:
        >>> number = published_number("online", "seconds", arm="cold")
        >>> number.value, number.source
        (520.0, 'Figure 2')
        >>> published_number("ewc", arm="warm") is None
        True
    """
    found = published(experiment, quantity, by=by, **facets)
    # A caller that forgot a facet would otherwise show whichever number comes first.
    if len(found) > 1:
        settings = [{"by": number.by, **number.facets} for number in found]
        names = dict.fromkeys(name for setting in settings for name in setting)
        differing = [name for name in names if len({setting.get(name) for setting in settings}) > 1]
        raise InputError(
            f"facets must single out one {quantity} of {experiment}, got {len(found)} that differ in "
            f"{', '.join(differing)}."
        )
    return found[0] if found else None


@cache
def all_numbers() -> tuple[Number, ...]:
    """Return every published number, in the order of the file."""
    return parse_numbers(files("warmstart.paper.kit").joinpath("published.toml").read_text(encoding="utf-8"))


def parse_numbers(text: str) -> tuple[Number, ...]:
    """Return the numbers of a TOML text, in its order; the comment in ``published.toml`` explains the format.

    Raises:
        InputError: If a number is not valid, or two have the same setting.

    Example:
        >>> parse_numbers("number = []")
        ()
    """
    numbers: list[Number] = []
    for entry in tomllib.loads(text)["number"]:
        deviation = entry.get("deviation")  # TOML distinguishes 1 from 1.0: a whole number is read as an int
        values = {"value": float(entry["value"]), "deviation": None if deviation is None else float(deviation)}
        numbers.append(Number(**{**entry, **values}))
    # A second number of the same setting would be a typing error in the file, and shown as if both were published.
    settings = Counter((n.experiment, n.by, n.quantity, frozenset(n.facets.items())) for n in numbers)
    for (experiment, by, quantity, facets), times in settings.items():
        if times > 1:
            raise InputError(
                f"Of each setting there must be one number, got {times} of {experiment}, {quantity}, by {by}: "
                f"{dict(sorted(facets))}."
            )
    return tuple(numbers)
