"""The streams of the retraining study: what arrives on which night, and what a model is measured on afterwards."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import warmstart as ws
from warmstart.basics import generator_for
from warmstart.data import Interpolation

RARE_SHARE, POISONED_SHARE, DELAY = 0.03, 0.05, 3
HALF_HOURS_A_WEEK = 336
# Weeks between the first weeks of two seeds of elec2, so that they differ by more than fresh weights.
WEEKS_BETWEEN_SEEDS = 10
LABEL, KEY = "label", "id"


@dataclass(frozen=True, eq=False)
class Stream:
    """Rows, and on which night they arrive.

    Attributes:
        inputs: Of all rows: a frame with columns, or an array of images, uint8 (rows, channels, height, width).
        labels: The true ones, int64 (rows,).
        given: Those that arrive; others in a poisoned arrival.
        arrivals: Positions of the rows of each night's arrival.
        tests: Positions of the rows on which the true score of a model of each night is measured; no row is trained on.
        following: Positions of the rows that arrive next; empty after the last night.
        delay: Nights by which labels arrive later than their rows, once there has been a history of as many nights.
        poisoned: Nights whose arrival has permuted labels.
        groups: Of rows that are not independent, whole numbers (rows,); None: all are.
    """

    inputs: Any
    labels: np.ndarray
    given: np.ndarray
    arrivals: tuple[np.ndarray, ...]
    tests: tuple[np.ndarray, ...]
    following: tuple[np.ndarray, ...]
    delay: int = 0
    poisoned: tuple[int, ...] = ()
    groups: np.ndarray | None = None

    @property
    def is_table(self) -> bool:
        """Whether the rows have columns."""
        return not isinstance(self.inputs, np.ndarray)

    def labelled_on(self, night: int) -> int:
        """Return the night on which the labels of a night's arrival come; a history of ``delay`` nights has them."""
        return night if night <= self.delay else night + self.delay

    def known_at(self, night: int) -> np.ndarray:
        """Return the positions of the rows whose labels have arrived by a night."""
        known = [rows for at, rows in enumerate(self.arrivals, 1) if self.labelled_on(at) <= night]
        return np.concatenate(known) if known else np.empty(0, np.int64)

    def rows(self, positions: np.ndarray) -> Any:
        """Return the inputs of some rows."""
        return self.inputs[positions] if isinstance(self.inputs, np.ndarray) else self.inputs.iloc[positions]

    def arriving(self, night: int) -> list[tuple[str, Any]]:
        """Return what is added on a night: ``("rows", ...)`` as given, then ``("labels", ...)`` of an earlier night."""
        positions = self.arrivals[night - 1]
        if not self.is_table:
            return [("rows", (self.rows(positions), self.given[positions]))]
        frame = self.rows(positions).assign(**{LABEL: self.given[positions].astype(str)})
        if not self.delay:
            return [("rows", frame)]
        found: list[tuple[str, Any]] = [("rows", frame if night <= self.delay else frame.assign(**{LABEL: None}))]
        if night > 2 * self.delay:
            earlier = self.arrivals[night - 1 - self.delay]
            late = self.rows(earlier)[[KEY]].assign(**{LABEL: self.given[earlier].astype(str)})
            found.append(("labels", late))
        return found


def _permutation(count: int, *purpose: str | int) -> np.ndarray:
    import torch

    return torch.randperm(count, generator=generator_for(*purpose)).numpy()


def _growing(inputs: Any, labels: np.ndarray, chosen: np.ndarray, size: int, nights: int, tests: np.ndarray) -> Stream:
    arrivals = tuple(chosen[size * night : size * (night + 1)] for night in range(nights))
    following = (*arrivals[1:], np.empty(0, np.int64))
    return Stream(inputs, labels, labels, arrivals, (tests,) * nights, following)


def poisoned(stream: Stream, seed: int, share: float = POISONED_SHARE) -> Stream:
    """Return the stream with the labels of a share of its arrivals permuted, never those of the first two nights."""
    nights = len(stream.arrivals)
    chosen = 3 + _permutation(nights - 2, "poisoned", seed)[: max(1, round(share * nights))]
    given = stream.given.copy()
    for night in chosen.tolist():
        rows = stream.arrivals[night - 1]
        given[rows] = given[rows[_permutation(len(rows), "poison", seed, night)]]
    return replace(stream, given=given, poisoned=tuple(sorted(chosen.tolist())))


@cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    train = ws.load(ws.DataSource("digits")).train
    return np.asarray(train.inputs).reshape(len(train), -1), np.asarray(train.labels)


def digits(seed: int, *, size: int = 60, nights: int = 20, rare: bool = False) -> Stream:
    """Return handwritten digits as a table of 64 pixels; rows that never arrive are the test set.

    Args:
        seed: Decides which rows arrive, and when.
        size: Rows of an arrival.
        nights: Number of arrivals.
        rare: Whether one class, drawn by the seed, has a share of 3 % in arrivals and test set.
    """
    import pandas as pd

    pixels, labels = _digits()
    order = _permutation(len(labels), "digits", seed)
    if rare:
        few = seed % 10
        is_rare = labels[order] == few
        count = round(RARE_SHARE * size * nights)
        others, rares = order[~is_rare], order[is_rare]
        arriving = np.concatenate([rares[:count], others[: size * nights - count]])
        arriving = arriving[_permutation(len(arriving), "rare", seed)]
        left = others[size * nights - count :]
        # As rare as in the arrivals.
        tests = np.concatenate([left, rares[count:][: round(len(left) * RARE_SHARE / (1 - RARE_SHARE))]])
    else:
        arriving, tests = order[: size * nights], order[size * nights :]
    frame = pd.DataFrame(pixels.astype(float), columns=[f"p{index:02}" for index in range(pixels.shape[1])])
    frame[KEY] = [str(index) for index in range(len(frame))]
    return _growing(frame, labels.astype(np.int64), arriving, size, nights, tests)


def late(stream: Stream) -> Stream:
    """Return the stream with labels that arrive three nights after their rows."""
    return replace(stream, delay=DELAY)


def elec2(seed: int, *, weeks: int, directory: Path) -> Stream:
    """Return electricity prices week by week; the true score of a night's model is that on the next two weeks."""
    import pandas as pd

    frame = pd.read_parquet(directory / "electricity" / "electricity.parquet")
    first, width = WEEKS_BETWEEN_SEEDS * seed, HALF_HOURS_A_WEEK
    chosen = frame.iloc[width * first : width * (first + weeks + 2)].reset_index(drop=True)
    if len(chosen) < width * (weeks + 2):
        raise SystemExit(f"There are not {weeks} weeks for seed {seed}: choose fewer weeks or seeds.")
    labels = chosen.pop(LABEL).to_numpy(np.int64)
    each = [np.arange(width * week, width * (week + 1)) for week in range(weeks + 2)]
    tests = tuple(np.concatenate(each[night : night + 2]) for night in range(1, weeks + 1))
    days = np.unique(chosen["date"], return_inverse=True)[1]
    return Stream(chosen, labels, labels, tuple(each[:weeks]), tests, tuple(each[1 : weeks + 1]), groups=days)


@cache
def _cifar10(directory: Path) -> tuple[np.ndarray, np.ndarray, int]:
    source = ws.DataSource("cifar10", str(directory), image_size="16", interpolation=Interpolation.AREA)
    data = ws.load(source, with_test=True)
    assert isinstance(data, ws.Dataset), "an official data set has labels"
    assert data.test is not None, "and a test set"
    parts = (data.train, data.test)
    images = np.concatenate([np.asarray(part.inputs) for part in parts])
    return images, np.concatenate([np.asarray(part.labels) for part in parts]), len(parts[0].labels)


def cifar10(seed: int, *, directory: Path, size: int = 400, nights: int = 20) -> Stream:
    """Return images of 16x16 pixels; the test set is the official one."""
    images, labels, train = _cifar10(directory)
    chosen = _permutation(train, "cifar10", seed)[: size * nights]
    used = np.concatenate([chosen, np.arange(train, len(labels))])
    tests = np.arange(size * nights, len(used))
    return _growing(images[used], labels[used].astype(np.int64), np.arange(size * nights), size, nights, tests)


def persistence(stream: Stream, first_night: int) -> float:
    """Return how often the label of the row before is right, over the rows that follow the nights from one on.

    It knows the label half an hour before, which no model of the night before does.
    """
    rows = np.concatenate([rows for rows in stream.following[first_night - 1 :] if len(rows)])
    return float((stream.labels[rows - 1] == stream.labels[rows]).mean())


@dataclass(frozen=True)
class Part:
    """A stream with the settings of its projects.

    Attributes:
        title: For the page.
        stream: Returns the stream of a seed.
        tables: Of ``project.toml``.
        settings: Of the table ``[retrain]``, beside policy and seed.
        seeds: How many there should be.
        nights: Number of arrivals.
    """

    title: str
    stream: Callable[[int], Stream]
    tables: Mapping[str, Any]
    settings: Mapping[str, Any]
    seeds: int
    nights: int


def parts(directory: Path, *, weeks: int, nights: int = 20, names: Sequence[str] = ()) -> dict[str, Part]:
    """Return the parts of the study by name, in the order in which they run.

    Args:
        directory: With the folders of cifar10 and electricity.
        weeks: Of elec2.
        nights: Of the others.
        names: Which; empty: all.
    """
    # Early stopping alone lets a round of few rows run to the limit: its loss falls by a hair for hundreds of epochs.
    stop = {"max_epochs": 100}
    model = {"name": "mlp", "width": 64}
    of_digits = {"data": {"label": LABEL, "key": KEY}, "model": model, "stop": stop}
    of_images = {"model": {"name": "convnet", "width": 16}, "stop": {"max_epochs": 100}}
    of_weeks = {"data": {"label": LABEL, "group": "date"}, "model": model, "stop": stop}
    default = {"tolerance": 0.01, "holdout": 0.1}
    # What 360 held-out rows can resolve.
    coarse = {"tolerance": 0.02, "holdout": 0.3}

    def plain(seed: int, **options: Any) -> Stream:
        return digits(seed, nights=nights, **options)

    found = {
        "digits": Part("digits", plain, of_digits, default, 8, nights),
        "digits-coarse": Part("digits, holdout 0.3, tolerance 0.02", plain, of_digits, coarse, 8, nights),
        "digits-rare": Part(
            "digits, one class at 3 %", lambda seed: plain(seed, rare=True), of_digits, coarse, 8, nights
        ),
        "digits-poisoned": Part(
            "digits, 5 % of the arrivals with permuted labels",
            lambda seed: poisoned(plain(seed), seed),
            of_digits,
            coarse,
            8,
            nights,
        ),
        "digits-late": Part(
            "digits, labels three nights late", lambda seed: late(plain(seed)), of_digits, coarse, 8, nights
        ),
        "cifar10": Part(
            "CIFAR-10", lambda seed: cifar10(seed, directory=directory, nights=nights), of_images, default, 4, nights
        ),
        "elec2": Part(
            "elec2 by week, grouped by day",
            lambda seed: elec2(seed, weeks=weeks, directory=directory),
            of_weeks,
            default,
            8,
            weeks,
        ),
    }
    return {name: part for name, part in found.items() if not names or name in names}
