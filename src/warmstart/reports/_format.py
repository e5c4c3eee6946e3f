"""Numbers as a reader wants them: rounded to what matters, with a unit."""

from collections.abc import Callable, Mapping
from typing import Final

from warmstart.analysis import CostSummary, difference_words
from warmstart.basics import Metric
from warmstart.statistics import Estimate, PairedDifference, PairedRatio, times_text

NOTHING: Final = "-"


def score_text(metric: Metric, score: Estimate) -> str:
    """Return a score with its unit and half the width of its interval.

    Example:
        >>> from warmstart.basics import ACCURACY
        >>> score_text(ACCURACY, Estimate(0.912, 0.901, 0.923, n=8)), score_text(ACCURACY, Estimate(0.9, None, None, 1))
        ('91.2 ± 1.1 %', '90.0 %')
        >>> score_text(Metric("rmse", "°C", higher_is_better=False), Estimate(1.2345, 1.15, 1.32, n=8))
        '1.23 ± 0.09 °C'
    """
    if score.mean is None:
        return NOTHING
    if score.interval is None:
        return metric.text(score.mean)
    low, high = score.interval
    half = (high - low) / 2
    digits = metric.digits(score.mean, half)
    # Adding 0.0 turns a negative zero, which a small negative number is rounded to, into a plain one.
    mean = round(metric.factor * score.mean, digits) + 0.0
    return f"{mean:,.{digits}f} ± {metric.factor * half:.{digits}f} {metric.unit}".rstrip()


def difference_text(metric: Metric, difference: PairedDifference | None) -> str:
    """Return a difference with its sign and interval; the reference has none.

    Example:
        >>> from warmstart.basics import ACCURACY
        >>> difference_text(ACCURACY, PairedDifference(-0.018, None, None, n=1, detected=False))
        '-1.8 points (one seed: no interval)'
        >>> difference_text(ACCURACY, None)
        'reference'
    """
    return "reference" if difference is None else difference_words(metric, difference)


def count_text(count: float) -> str:
    """Return a count with thousands separated, or with a prefix from ten million on.

    Example:
        >>> count_text(12345), count_text(0.5), count_text(12_345_678)
        ('12,345', '0.5', '12.3 M')
    """
    # Up to here all digits fit a column, and counts of two runs can be compared to the last one.
    if abs(count) >= 1e7:
        return prefixed(count)
    return f"{count:,.0f}" if count >= 10 or count == round(count) else f"{count:.1f}"


def prefixed(value: float) -> str:
    """Return a large number with three digits and its prefix.

    Example:
        >>> prefixed(1.234e12), prefixed(950), prefixed(3e22)
        ('1.23 T', '950', '3e+22')
    """
    prefixes = ((1e18, None), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
    size, prefix = next((pair for pair in prefixes if abs(value) >= pair[0]), (1.0, ""))
    return f"{value:.3g}" if prefix is None else f"{value / size:.3g} {prefix}".rstrip()


def duration_text(seconds: float) -> str:
    """Return a duration in its natural unit.

    Example:
        >>> duration_text(0.123), duration_text(75), duration_text(7200)
        ('0.12 s', '1.2 min', '2.0 h')
    """
    if seconds < 1:
        return f"{seconds:.2g} s"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


_UNITS: Mapping[str, Callable[[float], str]] = {
    "steps": count_text,
    "samples": count_text,
    "tokens": count_text,
    "flops": prefixed,
    "seconds": duration_text,
}


def cost_text(name: str, cost: Estimate) -> str:
    """Return the mean of one of the costs in its unit."""
    return NOTHING if cost.mean is None else _UNITS[name](cost.mean)


def ratio_text(ratio: PairedRatio | None) -> str:
    """Return by what factor a cost differs from the reference's, with its interval.

    Example:
        >>> ratio_text(PairedRatio(0.34, 0.31, 0.38, n=8, detected=True))
        '0.34x [0.31x, 0.38x]'
        >>> ratio_text(PairedRatio(1.02, 0.95, 1.09, n=8, detected=False))
        'no difference detected [0.95x, 1.09x]'
    """
    if ratio is None or ratio.mean is None:
        return "reference" if ratio is None else NOTHING
    if ratio.interval is None:
        seeds = "one seed" if ratio.n == 1 else f"{ratio.n} seeds"
        return f"{times_text(ratio.mean)}x ({seeds}: no interval)"
    if ratio.interval == (1.0, 1.0):
        return "the same"
    ends = f"[{', '.join(f'{times_text(end)}x' for end in ratio.interval)}]"
    return f"{times_text(ratio.mean)}x {ends}" if ratio.detected else f"no difference detected {ends}"


def cost_with_factor(name: str, cost: CostSummary) -> str:
    """Return a cost with its factor to the reference in brackets, where there is one."""
    text = cost_text(name, cost.value)
    if cost.ratio is None or cost.ratio.mean is None:
        return text
    # A factor that was not detected is left out: it would be quoted all the same.
    undetected = cost.ratio.interval is not None and not cost.ratio.detected
    is_same = cost.ratio.interval == (1.0, 1.0)
    factor = "the same" if is_same else "no difference detected" if undetected else f"{times_text(cost.ratio.mean)}x"
    return f"{text} ({factor})"


def stop_reasons_text(stop_reasons: Mapping[str, int]) -> str:
    """Return how rounds ended.

    Example:
        >>> stop_reasons_text({"converged": 30, "plateau": 0, "limit": 2, "diverged": 0})
        '30 converged, 2 limit'
    """
    return ", ".join(f"{count} {stop_reason}" for stop_reason, count in stop_reasons.items() if count) or NOTHING
