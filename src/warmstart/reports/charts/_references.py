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


def level_rules(metric: Metric, levels: Mapping[str, float], shown: Sequence[float]) -> list[Any]:
    """Return a dashed grey line for each level, with its name on the side where fewer of the shown values are."""
    alt, layers = altair(), []
    for index, (name, level) in enumerate(levels.items()):
        # Two names side by side: levels may be close to each other.
        side = index % 2 == 1
        values = [{"level": level, "label": f"{name} {metric.text(level)}"}]
        base = alt.Chart(alt.Data(values=values)).encode(y=alt.Y("level:Q", title=None))
        layers.append(base.mark_rule(color=NEUTRAL, strokeDash=[5, 4], strokeWidth=1.3))
        is_below = 2 * sum(value > level for value in shown) > len(shown)
        down = {"baseline": "top", "dy": 4} if is_below else {"baseline": "bottom", "dy": -2}
        text = base.mark_text(align="right" if side else "left", fontSize=11, color=NEUTRAL, **down)
        layers.append(text.encode(x=alt.value("width" if side else 4), text="label:N"))
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
