"""As many seeds as a study needs to say something."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from warmstart.basics import InputError, Metric, check_at_least, check_in_range, shown, unknown_name
from warmstart.specs import convert_number, format_spec, split_spec
from warmstart.statistics import PairedDifference, interval_text, paired_difference

AUTO = "auto"
FEWEST_SEEDS = 7
"""Of fewer there is no sequential interval, so that nothing can be decided."""
_MOST = 1_000


@dataclass(frozen=True)
class AutoSeeds:
    """Adds seeds until the study can tell, looking after each with an interval that stays valid however often one does.

    A study ends after the first seeds 0 to N-1 of which the interval of every difference to the reference (score of
    the last round, paired by seed) is narrower than ``width`` or excludes zero. The reference is ``cold``, or the first
    strategy if none is labelled so. Which seeds count is decided in their order, never by their results, so a study
    ends with the same ones on any number of workers, interrupted or not. Pairs with a diverged side count as none.

    Args:
        max: Most seeds, from 7, the fewest that have such an interval, to 1,000.
        width: From one end of the interval to the other, above 0, in the metric's unit of differences: percentage
            points for an accuracy.

    Reference:
        :func:`warmstart.statistics.sequential_t_interval`.

    Example:
        >>> AutoSeeds(max=20, width=0.5).spec
        'auto:max=20:width=0.5'
    """

    max: int = 40
    width: float = 1.0

    def __post_init__(self) -> None:
        """Check the options."""
        check_at_least("max of seeds auto", self.max, FEWEST_SEEDS, most=_MOST)
        check_in_range("width of seeds auto", self.width, 0, math.inf, low_open=True, high_open=True)

    @property
    def spec(self) -> str:
        """The text that describes it, complete."""
        return format_spec(AUTO, {"max": self.max, "width": float(self.width)})


def read_seeds(value: Any) -> int | AutoSeeds:
    """Return the number of seeds, or the rule for it, that a value stands for: 8, or "auto:max=20:width=0.5".

    Raises:
        InputError: If it stands for neither; the range of a number is not checked.

    Example:
        >>> read_seeds("8"), read_seeds("auto:max=20")
        (8, AutoSeeds(max=20, width=1.0))
    """
    if isinstance(value, AutoSeeds):
        return value
    if not isinstance(value, str) or not value.startswith(AUTO):
        return convert_number(value, int, "seeds")
    name, options = split_spec(value)
    if name != AUTO:
        raise InputError(f"seeds must be a whole number or auto[:max=40][:width=1.0], got {shown(value)}.")
    kinds = {"max": int, "width": float}
    for option in options:
        if option not in kinds:
            raise unknown_name("option of seeds auto", option, kinds)
    given = {option: convert_number(text, kinds[option], f"{option} of seeds auto") for option, text in options.items()}
    return AutoSeeds(**given)


@dataclass(frozen=True)
class Look:
    """What a study's first seeds say.

    Args:
        seeds: How many they are.
        is_last: Whether no more are run.
        words: Why, in one line.
    """

    seeds: int
    is_last: bool
    words: str


def looks(
    auto: AutoSeeds,
    scores: Mapping[tuple[str, int], float | None],
    arms: Sequence[str],
    metric: Metric,
    *,
    after: int = 0,
) -> Iterator[Look]:
    """Yield a look at each number of seeds that have finished in all arms, up to the last one that is needed.

    Args:
        auto: When seeds are enough.
        scores: Of the last round by arm and seed, for all trials that have finished; None where it diverged.
        arms: Labels of the strategies.
        metric: Of the scores.
        after: Seeds that were looked at before.
    """
    count = 0
    while count < auto.max and all((arm, count) in scores for arm in arms):
        count += 1
        if count > after and count >= FEWEST_SEEDS:
            yield (look := _look(auto, scores, arms, metric, count))
            if look.is_last:
                return


def _look(
    auto: AutoSeeds, scores: Mapping[tuple[str, int], float | None], arms: Sequence[str], metric: Metric, count: int
) -> Look:
    reference = reference_arm(arms)
    columns = {arm: [scores[arm, seed] for seed in range(count)] for arm in arms}
    open_widths: dict[str, float] = {}
    differences: dict[str, PairedDifference] = {}
    for arm in arms:
        if arm != reference:
            differences[arm] = paired_difference(columns[arm], columns[reference], sequential=True)
            width = width_of(differences[arm], metric)
            if not differences[arm].detected and not width < auto.width:
                open_widths[arm] = width
    target = f"{auto.width:g} {metric.difference_unit}".rstrip()
    if not open_widths:
        words = f"the interval of every difference is narrower than {target} or excludes zero"
        return Look(count, True, f"{count} seeds are enough: {words}")
    is_last = count == auto.max
    arm = max(open_widths, key=lambda arm: open_widths[arm])
    interval = differences[arm].interval
    if interval is None:
        words = f"too few pairs of {arm} and {reference} have not diverged for an interval"
    else:
        low, high = (metric.factor * end for end in interval)
        digits = metric.digits(differences[arm].mean or 0.0, (interval[1] - interval[0]) / 2)
        ends = f"{interval_text(low, high, digits=digits)} {metric.difference_unit}".rstrip()
        words = f"interval of {arm} - {reference} {ends} is still wider than {auto.width:g}"
    if len(open_widths) > 1:
        words += f", as are {len(open_widths) - 1} more" if len(open_widths) > 2 else ", as is one more"
    return Look(count, is_last, f"{count} seeds done{', the most allowed' if is_last else ''}; {words}")


def width_of(difference: PairedDifference, metric: Metric) -> float:
    """Return the width of a difference's interval in the metric's unit of differences; infinite without one.

    Example:
        >>> from warmstart.basics import ACCURACY
        >>> width_of(PairedDifference(0.01, -0.01, 0.03, n=8, detected=False), ACCURACY)
        4.0
    """
    return (
        math.inf if difference.interval is None else metric.factor * (difference.interval[1] - difference.interval[0])
    )


def reference_arm(arms: Sequence[str]) -> str:
    """Return the arm that the others are compared with: ``cold``, else the first.

    Example:
        >>> reference_arm(["warm", "cold"]), reference_arm(["warm", "random"])
        ('cold', 'warm')
    """
    return "cold" if "cold" in arms else arms[0]
