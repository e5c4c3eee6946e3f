"""The setting that experiments run in: the paper's, a share of it, or one that fits a desk."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass, replace
from typing import TypeVar

from warmstart.basics import InputError, check_at_least, check_in_range, resolve_choices, shown
from warmstart.data import DataSource, Interpolation
from warmstart.models import Architecture, ConvNet, ResNet18
from warmstart.specs import MODEL, to_spec
from warmstart.studies import MANY_SEEDS, MOST_SEEDS
from warmstart.training import OptimizerKind, Precision, Recipe, StoppingRule
from warmstart.trial import EvaluateOn, EvaluationSettings

PAPER_SEEDS = 5
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

# Images of this size train several times as fast as those of 32x32 pixels.
DESK_IMAGES = "16"
# With the paper's 1e-3, a small network on a few thousand images does not reach 99 % training accuracy.
DESK_RATE = 0.1
# Confidence of an interval, unless several comparisons have to share the chance of a false alarm; and of each of two
# looks at the same results (Pocock, "Group sequential methods in the design and analysis of clinical trials",
# Biometrika 64, 1977), which find a difference where there is none in 5 of 100 experiments, both together.
CONFIDENCE, OF_TWO_LOOKS = 0.95, 1 - 0.0294

Value = TypeVar("Value")


@dataclass(frozen=True)
class Desk:
    """How an experiment runs in the desk setting: on two cores in minutes, with an effect that shows.

    Args:
        network: In place of the paper's ResNet-18.
        samples: Training samples, at least 1; all are fitted to, and the official test set evaluates.
        seeds: Number of seeds; twice as many where a claim is still open and ``auto_seeds`` is on.
        max_epochs: Limit on the epochs of a round.
        arrivals: Number of arrivals of a stream in equal parts.
    """

    network: Architecture = ConvNet()
    samples: int = 6_000
    seeds: int = 6
    max_epochs: int = 60
    arrivals: int = 6


@dataclass(frozen=True)
class Setting:
    """How the paper's experiments run here.

    Args:
        scale: Share of the training data, in (0, 1]; 1 is the paper's setting. Arrivals shrink in proportion, though
            not below 200 samples, and so does the limit on a round's epochs. Below 0.1, grids of options keep their
            ends and their middle; below 0.05, where models are not trained to the end, their ends, and rounds take
            at most 5 epochs.
        seeds: Number of seeds (0 to N-1), at least 1, shared by all strategies; None: the paper's 5, in the desk
            setting as many as each experiment's :class:`Desk` says.
        directory: Directory of the data sets; None: as for :class:`DataSource`.
        data: A data set that replaces all the paper's; None: the paper's.
        model: A model that replaces the paper's ResNet-18; None: ResNet-18 of ``width``.
        width: Width of ResNet-18; None: the released code's 16, and 8 at a scale below 0.05.
        max_epochs: Limit on the epochs of a round; None: 350, in proportion, and 5 at a scale below 0.05; in the desk
            setting as each experiment's :class:`Desk` says.
        digits: The paper's house numbers, "svhn", or their stand-in where they are not available, "mnist-m".
        samples: Training samples of each data set, by name, each at least 1; 50,000 where missing.
        desk: Small networks on a few thousand images, as the experiment's :class:`Desk` says, in place of a scale.
        image_size: Images are resized to it, by area, as in :class:`DataSource`; None: as they are, 16 in the desk
            setting.
        precision: Arithmetic of training; None: float32, in the desk setting ``auto``.
        auto_seeds: Whether experiments of which a claim is still open run with twice the seeds; each of the two looks
            then has a confidence of 97.06 %. Only in the desk setting.
        second_look: Ids of the experiments that have come to twice the seeds.
        experiment: Id of the experiment, once it is known; no part of what is stored, nor is its plan.
        plan: The experiment's.

    Raises:
        InputError: If an option is out of its range, or does not go with another one.
    """

    scale: float = 1.0
    seeds: int | None = None
    directory: str | None = None
    data: str | None = None
    model: Architecture | None = None
    width: int | None = None
    max_epochs: int | None = None
    digits: str = SVHN
    samples: Mapping[str, int] = field(default_factory=dict)
    desk: bool = False
    image_size: str | None = None
    precision: Precision | None = None
    auto_seeds: bool = False
    second_look: tuple[str, ...] = ()
    experiment: str | None = None
    plan: Desk = Desk()

    def __post_init__(self) -> None:
        """Check the options."""
        resolve_choices(self)
        check_in_range("scale", self.scale, 0, 1, low_open=True)
        if self.desk and self.scale != 1:
            raise InputError(
                f"scale must be left out in the desk setting, which has sizes of its own, got {self.scale:g}."
            )
        if self.auto_seeds and (not self.desk or self.seeds is not None):
            raise InputError(
                "seeds auto needs the desk setting (--setting desk), whose experiments say how many to begin with."
            )
        if self.seeds is None and not self.desk:
            object.__setattr__(self, "seeds", PAPER_SEEDS)
        check_at_least("seeds", self.seeds, 1, most=MOST_SEEDS, why=MANY_SEEDS)
        check_at_least("max_epochs", self.max_epochs, 1)
        if self.width is not None:
            ResNet18(width=self.width)  # its error names the allowed range
        DataSource("digits" if self.data is None else self.data, self.directory, image_size=self.image_size)
        if self.digits not in (SVHN, STAND_IN):
            raise InputError(f"digits must be '{SVHN}' or '{STAND_IN}', got {self.digits!r}.")
        if not isinstance(self.samples, Mapping):
            raise InputError(f"samples must be a mapping of names to numbers, got {shown(self.samples)}.")
        for name, count in self.samples.items():
            check_at_least(f"samples of {name}", count, 1)

    def for_plan(self, id: str, plan: Desk) -> Setting:
        """Return the setting of one experiment."""
        # What was asked for on the command line goes before the experiment's own choice.
        if self.model is not None:
            plan = replace(plan, network=self.model)
        if self.desk and self.width is not None:
            network = plan.network
            if not is_dataclass(network) or not hasattr(network, "width"):
                raise InputError(f"width must be left out for a model without one, got {self.width}.")
            plan = replace(plan, network=replace(network, width=self.width))
        seeds = self.seeds or plan.seeds * (2 if id in self.second_look else 1)
        return replace(
            self, experiment=id, plan=replace(plan, seeds=seeds, max_epochs=self.max_epochs or plan.max_epochs)
        )

    @property
    def seed_count(self) -> int:
        """Number of seeds."""
        return self.seeds or self.plan.seeds

    @property
    def confidence(self) -> float:
        """Confidence of the intervals that decide."""
        return OF_TWO_LOOKS if self.auto_seeds else CONFIDENCE

    def source(self, name: str, samples: int | None = None) -> DataSource:
        """Return the data set that replaces the paper's ``name``, or that one, reduced to scale.

        Args:
            name: The paper's data set.
            samples: Of the desk setting; None: as many as the experiment has.
        """
        full = self.full_source(name)
        if self.desk:
            size = min(samples or self.plan.samples, self._samples(full))
            return replace(full, subset=None if size == self._samples(full) else size)
        subset = None if self.scale == 1 else max(round(self.scale * self._samples(full)), 1)
        return replace(full, subset=subset)

    @property
    def evaluation(self) -> EvaluationSettings:
        """The paper's holdout; in the desk setting the official test set, which data of one's own may lack."""
        return EvaluationSettings(EvaluateOn.TEST if self.desk and self.data is None else EvaluateOn.HOLDOUT)

    def data_sets(self, *names: str) -> tuple[str, ...]:
        """Return the names of the paper's data sets, or of the one that replaces all of them."""
        return names if self.data is None else (self.data,)

    def full_source(self, name: str) -> DataSource:
        """Return the data set that replaces the paper's ``name``, or that one, at full size."""
        size = self.image_size or (DESK_IMAGES if self.desk and self.data is None else None)
        source = DataSource(self.data or name, self.directory)
        return source if size is None else replace(source, image_size=size, interpolation=Interpolation.AREA)

    def _samples(self, source: DataSource) -> int:
        # Studies are listed before any data set has been read: until then it is taken to be as large as CIFAR.
        return self.samples.get(source.name, 50_000)

    def fitted(self, name: str, samples: int | None = None) -> int:
        """Return how many samples of a data set are fitted to: all but the third that is held out."""
        if self.desk:
            size = min(samples or self.plan.samples, self._samples(self.full_source(name)))
            return size if self.evaluation.evaluate is EvaluateOn.TEST else int(size * 2 / 3)
        return int(self.scale * self._samples(self.full_source(name)) * 2 / 3)

    def arrival_size(self, name: str) -> int:
        """Return the size of an arrival: the paper's 1,000, in proportion to the data."""
        fitted = self.fitted(name)
        if self.desk:
            return -(-fitted // self.plan.arrivals)
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
        same_data = self.scale == 1 and self.data is None and self.image_size is None and not self.desk
        return same_data and same_model and self.epochs == PAPER_EPOCHS

    @property
    def network(self) -> str:
        """Spec of the paper's ResNet-18, or of the model that replaces it."""
        if self.desk:
            return to_spec(MODEL, self.plan.network)
        return "resnet18" if self.model is None else to_spec(MODEL, self.model)

    @property
    def resnet(self) -> Architecture:
        """The paper's ResNet-18, or the model that replaces it."""
        return self.plan.network if self.desk else self.model or ResNet18(width=self.resnet_width)

    @property
    def resnet_width(self) -> int:
        """Width of ResNet-18."""
        # Below ENDS_BELOW nothing is trained to the end: it is a dry run, and a narrower network makes it a fast one.
        return self.width or (RELEASED_WIDTH if self.scale >= ENDS_BELOW else 8)

    @property
    def epochs(self) -> int:
        """Limit on the epochs of a round."""
        if self.desk:
            return self.plan.max_epochs
        # In proportion to the data, an epoch being shorter as well: cost falls with the square of the scale.
        in_proportion = math.ceil(PAPER_EPOCHS * self.scale) if self.scale >= ENDS_BELOW else 0
        return self.max_epochs or max(in_proportion, FEWEST_EPOCHS)

    def stop(self, *, patience: int | None = None, min_delta: float = 0.0) -> StoppingRule:
        """Return the paper's stopping rule: 99 % training accuracy or, with patience, a plateau of it."""
        return StoppingRule(train_accuracy=0.99, patience=patience, max_epochs=self.epochs, min_delta=min_delta)

    def recipe(self, optimizer: OptimizerKind = OptimizerKind.ADAM) -> Recipe:
        """Return the paper's recipe: learning rate 1e-3 and batches of 128; in the desk setting SGD has 0.1."""
        rate = DESK_RATE if self.desk and optimizer is OptimizerKind.SGD else 1e-3
        precision = self.precision or (Precision.AUTO if self.desk else Precision.FP32)
        return Recipe(optimizer, rate, precision=precision)

    def grid(self, values: Sequence[Value], *, desk: Sequence[Value] | None = None) -> list[Value]:
        """Return the values of an option; at a small scale the ends and the middle, at a smaller one the ends.

        Args:
            values: The paper's.
            desk: Those of the desk setting; None: the paper's.
        """
        if self.desk:
            return list(values if desk is None else desk)
        if self.scale >= THIN_BELOW:
            return list(values)
        # The ends stay, because claims are about the smallest and the largest value.
        kept = {0, len(values) - 1} | (set() if self.scale < ENDS_BELOW else {len(values) // 2})
        return [value for index, value in enumerate(values) if index in kept]

    def every(self, epochs: int) -> int:
        """Return a number of the paper's epochs in proportion to the limit, at least 1."""
        return max(round(epochs * self.epochs / PAPER_EPOCHS), 1)

    @property
    def words(self) -> str:
        """The setting in words, shown with all numbers."""
        stand_in = f"{self.data} in place of the paper's data, " if self.data else ""
        digits = f", {STAND_IN} in place of {SVHN}" if self.digits == STAND_IN and not self.data else ""
        if self.desk:
            return f"desk setting: {stand_in}{self._desk_words}{digits}"
        share = "all training data" if self.scale == 1 else f"{100 * self.scale:g} % of the training data"
        network = self.network if self.model else f"ResNet-18 of width {self.resnet_width}"
        resized = "" if self.image_size is None else f", images of {self.image_size} pixels"
        seeds = "1 seed" if self.seed_count == 1 else f"{self.seed_count} seeds"
        thin = ", options, queries and pairs of data sets thinned" if self.scale < THIN_BELOW else ""
        return f"{stand_in}{share}{resized}, {network}, {seeds}, at most {self.epochs} epochs a round{thin}{digits}"

    @property
    def _desk_words(self) -> str:
        size = self.full_source("cifar10").image_size
        images = "images as they are" if size is None else f"images of {size} pixels"
        of_test = "official test set" if self.data is None else "a third held out"
        if self.experiment is None:
            return f"small networks on {images}, {of_test}"
        looks = ", of two looks" if self.auto_seeds else ""
        return (
            f"{self.network} on {self.plan.samples:,} {images}, {of_test}, {self.seed_count} seeds{looks}, at most "
            f"{self.epochs} epochs a round"
        )
