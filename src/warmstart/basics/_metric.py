"""What a score is called, what unit it has, and which direction is better."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ._errors import InputError, unknown_name

PERCENT = "%"


@dataclass(frozen=True)
class Metric:
    """The metric of a score: name, unit and direction. Tables, charts and verdicts take their words from it.

    Args:
        name: As it stands in a sentence, such as "accuracy" or "rmse".
        unit: Of the score, such as "dollars"; "%" for a share in [0, 1], which is shown times 100 and whose differences
            are "points"; empty: none.
        higher_is_better: The direction.

    Raises:
        InputError: If the name is empty.

    Example:
        >>> Metric("rmse", "°C", higher_is_better=False).text(1.25), ACCURACY.text(0.975)
        ('1.25 °C', '97.5 %')
        >>> ACCURACY.text(0.01, difference=True)
        '1.0 points'
    """

    name: str
    unit: str = ""
    higher_is_better: bool = True

    def __post_init__(self) -> None:
        """Check the options."""
        if not isinstance(self.name, str) or not self.name:
            raise InputError(f"name must be a text that is not empty, got {self.name!r}.")

    @property
    def factor(self) -> float:
        """What a score is multiplied by where it is shown: 100 for shares, else 1."""
        return 100.0 if self.unit == PERCENT else 1.0

    @property
    def difference_unit(self) -> str:
        """The unit of differences: percentage points for shares, else that of the scores."""
        return "points" if self.unit == PERCENT else self.unit

    def is_better(self, difference: float) -> bool:
        """Return whether a score minus another one says that the first is the better."""
        return difference > 0 if self.higher_is_better else difference < 0

    def digits(self, value: float, spread: float | None = None) -> int:
        """Return how many decimals a score, or a difference of two, is shown with.

        Args:
            value: The score.
            spread: What it is known to within, such as half an interval. One digit of it shows, two where it begins
                with 1 or 2; without it the score has three digits. A percentage has one decimal in any case.

        Example:
            >>> rmse = Metric("rmse", higher_is_better=False)
            >>> rmse.digits(1.2345), rmse.digits(1.2345, 0.04), rmse.digits(1.2345, 0.02), ACCURACY.digits(0.9, 0.002)
            (2, 2, 3, 1)
        """
        if self.unit == PERCENT:
            return 1
        significant = 2 - math.floor(math.log10(abs(value) or spread or 1.0))
        # An interval whose width is rounding noise must not ask for seventeen digits.
        shown = min(-math.floor(math.log10(spread / 3)), significant + 2) if spread else significant
        return max(0, shown)

    def text(self, value: float, *, spread: float | None = None, difference: bool = False) -> str:
        """Return a score, or a difference of two, with its unit and as many decimals as :meth:`digits` says."""
        number = f"{self.factor * value:,.{self.digits(value, spread)}f}"
        return f"{number} {self.difference_unit if difference else self.unit}".rstrip()


ACCURACY = Metric("accuracy", PERCENT)
"""Share of samples that are classified correctly."""

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "accuracy": ACCURACY,
        "balanced_accuracy": Metric("balanced accuracy", PERCENT),
        "loss": Metric("log loss", "nats", higher_is_better=False),
        "auc": Metric("AUC"),
        "rmse": Metric("rmse", higher_is_better=False),
        "mae": Metric("mae", higher_is_better=False),
        "r2": Metric("r2"),
        "churn": Metric("churn", PERCENT, higher_is_better=False),
        "negative_flips": Metric("negative flips", PERCENT, higher_is_better=False),
    }
)
"""The metrics that built-in learners and trials compute, by the names under which they are stored. Besides them stand
recalls, one per class; see :func:`recall_of`. A score on the next arrival has the score's own metric."""

_RECALL = "recall"


def recall_of(name: str) -> tuple[str, Metric]:
    """Return the key and the metric of one class's recall: the share of its samples that are classified as such.

    Args:
        name: Of the class.

    Example:
        >>> recall_of("yes")
        ('recall: yes', Metric(name='recall of yes', unit='%', higher_is_better=True))
    """
    return f"{_RECALL}: {name}", Metric(f"{_RECALL} of {name}", PERCENT)


def metric_named(name: str) -> tuple[str, Metric]:
    """Return the key and the metric that a text names.

    Args:
        name: A key of :data:`METRICS`, or a metric's own name, in any case and with "-", "_" or spaces between words;
            or ``recall:CLASS``, where the class is taken as it is written.

    Raises:
        InputError: If no metric of ours has this name. A user's own learner may compute one that has.

    Example:
        >>> metric_named("Balanced-Accuracy")[0], metric_named("log loss")[0], metric_named("recall:No show")[0]
        ('balanced_accuracy', 'loss', 'recall: No show')
    """
    words, _, rest = str(name).partition(":")
    key = "_".join(words.replace("-", " ").replace("_", " ").split()).lower()
    if key == _RECALL and rest.strip():
        return recall_of(rest.strip())
    for known, metric in METRICS.items():
        if not rest and key in (known, metric.name.lower().replace(" ", "_")):
            return known, metric
    raise unknown_name("metric", name, [*(known.replace("_", "-") for known in METRICS), f"{_RECALL}:CLASS"])
