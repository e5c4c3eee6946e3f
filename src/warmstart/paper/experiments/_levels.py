"""What tables and charts have in common where published numbers, or arms that lack an option, stand beside others."""

from collections.abc import Sequence

from warmstart.paper._exhibits import Point
from warmstart.paper._results import CaseResults, Results
from warmstart.paper._show import NOTHING, arm_point


def level(case: CaseResults, arm: str, xs: Sequence[float], *, series: str) -> list[Point]:
    """Return the accuracy of an arm that lacks the option, at both ends of the option's values; none where none is."""
    return [arm_point(case, arm, series=series, x=end) for end in sorted({min(xs), max(xs)})] if xs else []


def at_full_scale(results: Results, points: Sequence[Point]) -> Sequence[Point]:
    """Return published points only where ours are in the paper's setting."""
    return points if results.setting.is_papers else []


def on_their_data(results: Results, text: str) -> str:
    """Return a published number's text, or a dash where another data set stands in for the paper's."""
    return text if results.setting.data is None else NOTHING
