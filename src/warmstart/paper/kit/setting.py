"""The setting that experiments run in: the paper's, or a smaller one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from warmstart.basics import InputError, check_at_least, check_in_range, resolve_choices, shown
from warmstart.data import DataSource
from warmstart.models import Architecture, ResNet18
from warmstart.specs import MODEL, to_spec
from warmstart.studies import MANY_SEEDS, MOST_SEEDS
from warmstart.training import StoppingRule

# Samples that the paper fits to: two thirds of CIFAR's 50,000.
PAPER_FIT = 33_333
PAPER_EPOCHS = 350
# The released code's ResNet-18 has 16 channels in its first stage, where the usual one has 64.
RELEASED_WIDTH = 16
SMALLEST_ARRIVAL = 200
FEWEST_EPOCHS = 5
THIN_BELOW, ENDS_BELOW = 0.1, 0.05
# Both are digits in colour, 32 x 32 pixels and ten classes, so that studies can be declared alike.
SVHN, STAND_IN = "svhn", "mnist-m"

# Confidence of an interval, unless several comparisons have to share the chance of a false alarm.
CONFIDENCE = 0.95

Value = TypeVar("Value")


@dataclass(frozen=True)
class Setting:
    """How the paper's experiments run here.

    Args:
        scale: Share of the training data, in (0, 1]; 1 is the paper's setting. Arrivals shrink in proportion, though
            not below 200 samples, and so does the limit on a round's epochs. Below 0.1, grids of options keep their
            ends and their middle; below 0.05, where models are not trained to the end, their ends, and rounds take
            at most 5 epochs.
        seeds: Number of seeds (0 to N-1), at least 1, shared by all strategies; the paper's 5.
        directory: Directory of the data sets; None: as for :class:`DataSource`.
        data: A data set that replaces all the paper's; None: the paper's.
        model: A model that replaces the paper's ResNet-18; None: ResNet-18 of ``width``.
        width: Width of ResNet-18; None: the released code's 16, and 8 at a scale below 0.05.
        max_epochs: Limit on the epochs of a round; None: 350, in proportion, and 5 at a scale below 0.05.
        digits: The paper's house numbers, "svhn", or their stand-in where they are not available, "mnist-m".
        samples: Training samples of each data set, by name, each at least 1; 50,000 where missing.

    Raises:
        InputError: If an option is out of its range.
    """

    scale: float = 1.0
    seeds: int = 5
    directory: str | None = None
    data: str | None = None
    model: Architecture | None = None
    width: int | None = None
    max_epochs: int | None = None
    digits: str = SVHN
    samples: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
        check_in_range("scale", self.scale, 0, 1, low_open=True)
        check_at_least("seeds", self.seeds, 1, most=MOST_SEEDS, why=MANY_SEEDS)
        check_at_least("max_epochs", self.max_epochs, 1)
        if self.width is not None:
            ResNet18(width=self.width)  # its error names the allowed range
        DataSource("digits" if self.data is None else self.data, self.directory)
        if self.digits not in (SVHN, STAND_IN):
            raise InputError(f"digits must be '{SVHN}' or '{STAND_IN}', got {self.digits!r}.")
        if not isinstance(self.samples, Mapping):
            raise InputError(f"samples must be a mapping of names to numbers, got {shown(self.samples)}.")
        for name, count in self.samples.items():
            check_at_least(f"samples of {name}", count, 1)

    def source(self, name: str) -> DataSource:
        """Return the data set that replaces the paper's ``name``, or that one, reduced to scale."""
        full = self.full_source(name)
        subset = None if self.scale == 1 else max(round(self.scale * self._samples(full)), 1)
        return DataSource(full.name, full.directory, subset)

    def data_sets(self, *names: str) -> tuple[str, ...]:
        """Return the names of the paper's data sets, or of the one that replaces all of them."""
        return names if self.data is None else (self.data,)

    def full_source(self, name: str) -> DataSource:
        """Return the data set that replaces the paper's ``name``, or that one, at full size."""
        return DataSource(self.data or name, self.directory)

    def _samples(self, source: DataSource) -> int:
        # Studies are listed before any data set has been read: until then it is taken to be as large as CIFAR.
        return self.samples.get(source.name, 50_000)

    def fitted(self, name: str) -> int:
        """Return how many samples of a data set are fitted to: all but the third that is held out."""
        return int(self.scale * self._samples(self.full_source(name)) * 2 / 3)

    def arrival_size(self, name: str) -> int:
        """Return the size of an arrival: the paper's 1,000, in proportion to the data."""
        fitted = self.fitted(name)
        # At least three arrivals, however few the data: claims compare early rounds with late ones.
        size = min(max(round(1_000 * fitted / PAPER_FIT), SMALLEST_ARRIVAL), max(-(-fitted // 3), 2))
        # Claims are judged after the last arrival, so it must not be a handful of samples: where less than a quarter
        # of an arrival would remain, the others take it up.
        is_sliver = 0 < fitted % size < size / 4
        return -(-fitted // (fitted // size)) if is_sliver else size

    @property
    def is_papers(self) -> bool:
        """Whether results can be charted with published ones: all of the paper's data, its model and its limit."""
        # Seeds do not count: fewer of them widen the interval, without moving what it is an interval of.
        same_model = self.model is None and self.resnet_width == RELEASED_WIDTH
        return self.scale == 1 and self.data is None and same_model and self.epochs == PAPER_EPOCHS

    @property
    def network(self) -> str:
        """Spec of the paper's ResNet-18, or of the model that replaces it."""
        if self.model is None:
            return "resnet18"
        return to_spec(MODEL, self.model)

    @property
    def resnet(self) -> Architecture:
        """The paper's ResNet-18, or the model that replaces it."""
        return self.model or ResNet18(width=self.resnet_width)

    @property
    def resnet_width(self) -> int:
        """Width of ResNet-18."""
        # Below ENDS_BELOW nothing is trained to the end: it is a dry run, and a narrower network makes it a fast one.
        return self.width or (RELEASED_WIDTH if self.scale >= ENDS_BELOW else 8)

    @property
    def epochs(self) -> int:
        """Limit on the epochs of a round."""
        # In proportion to the data, an epoch being shorter as well: cost falls with the square of the scale.
        in_proportion = math.ceil(PAPER_EPOCHS * self.scale) if self.scale >= ENDS_BELOW else 0
        return self.max_epochs or max(in_proportion, FEWEST_EPOCHS)

    def stop(self, *, patience: int | None = None) -> StoppingRule:
        """Return the paper's stopping rule: 99 % training accuracy or, with patience, a plateau of it."""
        return StoppingRule(train_accuracy=0.99, patience=patience, max_epochs=self.epochs)

    def grid(self, values: Sequence[Value]) -> list[Value]:
        """Return the values of an option; at a small scale the ends and the middle, at a smaller one the ends."""
        if self.scale >= THIN_BELOW:
            return list(values)
        # The ends stay, because claims are about the smallest and the largest value.
        kept = {0, len(values) - 1} | (set() if self.scale < ENDS_BELOW else {len(values) // 2})
        return [value for index, value in enumerate(values) if index in kept]

    def every(self, epochs: int) -> int:
        """Return a number of the paper's epochs in proportion to the limit, at least 1."""
        return max(round(epochs * self.epochs / PAPER_EPOCHS), 1)

    @property
    def confidence(self) -> float:
        """Confidence of the intervals that verdicts rest on."""
        return CONFIDENCE

    @property
    def words(self) -> str:
        """The setting in words, shown with all numbers."""
        share = "all training data" if self.scale == 1 else f"{100 * self.scale:g} % of the training data"
        stand_in = f"{self.data} in place of the paper's data, " if self.data else ""
        network = self.network if self.model else f"ResNet-18 of width {self.resnet_width}"
        seeds = "1 seed" if self.seeds == 1 else f"{self.seeds} seeds"
        thin = ", options, queries and pairs of data sets thinned" if self.scale < THIN_BELOW else ""
        digits = f", {STAND_IN} in place of {SVHN}" if self.digits == STAND_IN and not self.data else ""
        return f"{stand_in}{share}, {network}, {seeds}, at most {self.epochs} epochs a round{thin}{digits}"
