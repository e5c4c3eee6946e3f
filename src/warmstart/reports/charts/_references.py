"""What scores are drawn against: levels of predictors that learn nothing; and words on curves that are identical."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from warmstart.analysis import RoundSummary
from warmstart.basics import Metric

from ._style import NEUTRAL, altair


def levels_in_reach(
    levels: Mapping[str, float | None], shown: Iterable[float | None]
) -> tuple[dict[str, float], dict[str, float]]:
    """Part levels into those that can be drawn beside values, and those that would press the values together.

    Example:
        >>> levels_in_reach({"majority": 0.1, "persistence": 0.93}, [0.94, 0.97])
        ({'persistence': 0.93}, {'majority': 0.1})
    """
    values = [value for value in shown if value is not None]
    known = {name: level for name, level in levels.items() if level is not None}
    if not values:
        return known, {}
    low, high = min(values), max(values)
    # As far away as the values are from each other: they then still have half of the height.
    room = high - low or 0.1 * abs(high)
    near = {name: level for name, level in known.items() if low - room <= level <= high + room}
    return near, {name: level for name, level in known.items() if name not in near}


def level_rules(metric: Metric, levels: Mapping[str, float], rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Return a dashed grey line with its name for each level.

    Args:
        metric: Of the levels.
        levels: By name.
        rows: What is drawn beside them, with ``round`` and ``mean``: a name stands where the curves are farther away.
    """
    alt, layers = altair(), []
    points = [(row["round"], row["mean"]) for row in rows if row["mean"] is not None]
    values = [value for _, value in points]
    outer = (min(points)[0], max(points)[0]) if points else ()
    ends = [[value for number, value in points if number == end] for end in outer]
    close = 0.12 * (max([*values, *levels.values()]) - min([*values, *levels.values()])) if levels else 0.0
    placed: list[tuple[bool, float]] = []
    for name, level in levels.items():
        left, right = (min(abs(value - level) for value in end) for end in ends) if ends else (0.0, 0.0)
        # Two names side by side, where their levels are close to each other.
        at_right = (right > left) != any(
            abs(level - other) < close and side == (right > left) for side, other in placed
        )
        placed.append((at_right, level))
        is_below = 2 * sum(value > level for value in values) > len(values)
        down = {"baseline": "top", "dy": 4} if is_below else {"baseline": "bottom", "dy": -2}
        data = alt.Data(values=[{"level": level, "label": f"{name} {metric.text(level)}"}])
        base = alt.Chart(data).encode(y=alt.Y("level:Q", title=None))
        layers.append(base.mark_rule(color=NEUTRAL, strokeDash=[5, 4], strokeWidth=1.3))
        text = base.mark_text(align="right" if at_right else "left", fontSize=11, color=NEUTRAL, **down)
        layers.append(text.encode(x=alt.value("width" if at_right else 4), text="label:N"))
    return layers


def words_on_far_levels(metric: Metric, levels: Mapping[str, float]) -> str:
    """Return a sentence on the levels that are not drawn; nothing where all are."""
    if not levels:
        return ""
    names = " and ".join(f"{name} ({metric.text(level)})" for name, level in levels.items())
    return f" Too far away to be drawn: {names}."


def words_on_equal_curves(rows: Iterable[RoundSummary]) -> str:
    """Return a sentence on strategies whose scores are the same in some rounds; nothing where there are none."""
    alike: dict[tuple[str, ...], list[int]] = {}
    by_round: dict[int, dict[Any, list[str]]] = {}
    for row in rows:
        if row.score.mean is not None:
            by_round.setdefault(row.round, {}).setdefault((row.score.mean, row.score.low), []).append(row.arm)
    for number, groups in by_round.items():
        for arms in groups.values():
            if len(arms) > 1:
                alike.setdefault(tuple(arms), []).append(number)
    sentences = []
    for arms, numbers in alike.items():
        names = f"{', '.join(arms[:-1])} and {arms[-1]}"
        if len(numbers) == len(by_round):
            where = "all rounds" if len(numbers) > 1 else f"round {numbers[0]}"
        elif len(numbers) > 3:
            where = f"{len(numbers)} of {len(by_round)} rounds"
        else:
            where = f"round{'s' if len(numbers) > 1 else ''} {' and '.join(map(str, numbers))}"
        sentences.append(f" {names} are identical in {where}.")
    return "".join(sentences)
