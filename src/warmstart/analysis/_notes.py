"""What a reader must keep in mind with one particular verdict."""

from collections.abc import Iterator

from warmstart.basics import ACCURACY, PERCENT

from ._auto_seeds import width_of
from ._summary_types import ArmSummary
from ._verdict import Facts, counted

CLEARLY_SHORT = 0.02
"""A plateau this far short of the training score asked for is no near miss; times the goal for what is no share."""


def notes_of(facts: Facts) -> tuple[str, ...]:
    """Return the notes that apply, one sentence each."""
    if not facts.rounds_finished:
        return ()
    notes, rigid = [], []
    if facts.others and facts.reference != "cold":
        notes.append(f"No strategy is labelled cold: the others are compared with the first, {facts.reference}.")
    # Without an interval there is nothing to correct.
    if len(facts.others) > 1 and facts.pairs > 1:
        notes.append(
            f"{len(facts.others)} strategies are compared with one reference: each interval holds for its own "
            "comparison and is not corrected for their number."
        )
    if facts.auto_seeds is not None and facts.others:
        notes.append(_on_auto_seeds(facts))
    for arm in facts.others:
        difference = arm.score_difference
        if difference is not None and difference.interval is not None and difference.detected:
            low, high = difference.interval
            # Equal differences leave rounding noise between the two ends.
            if high - low < 1e-12:
                rigid.append(arm.arm)
    if rigid:
        notes.append(
            f"All seeds differ by the same amount for {', '.join(rigid)}: an interval of no width from few seeds "
            "understates the uncertainty."
        )
    # Of all finished rounds, not of the compared one: an early round that was cut off starts the later ones.
    limited, diverged = (
        ", ".join(_share(arm, reason) for arm in facts.arms if arm.stop_reasons[reason])
        for reason in ("limit", "diverged")
    )
    if limited and facts.has_stopping_rule:
        notes.append(f"Rounds that stopped at a limit, before the stopping rule was met: {limited}.")
    if diverged:
        cost = f"What they cost is counted; they have no {facts.metric.name}."
        notes.append(f"Rounds that diverged: {diverged}. {cost}")
    return (*notes, *_on_plateaus(facts))


def _on_auto_seeds(facts: Facts) -> str:
    """Return why the intervals are wider than usual, and what width was reached where seeds ran out."""
    auto, unit = facts.auto_seeds, facts.metric.difference_unit
    assert auto is not None, "asked for where there is a rule only"
    note = (
        f"Seeds {'were' if facts.complete else 'are'} added until the interval of every difference is narrower than "
        f"{f'{auto.width:g} {unit}'.rstrip()} or excludes zero, so intervals of differences and ratios are sequential "
        "ones that stay valid however often one looks."
    )
    widths = {arm.arm: width_of(found, facts.metric) for arm in facts.others if (found := arm.score_difference)}
    wide = [
        f"{arm.arm} {f'{widths[arm.arm]:.3g} {unit}'.rstrip()}"
        for arm in facts.others
        if (found := arm.score_difference) and not found.detected and auto.width <= widths[arm.arm] < float("inf")
    ]
    if facts.complete and wide:
        note += f" {auto.max} seeds, the most asked for, were not enough; the width reached: {', '.join(wide)}."
    return note


def _on_plateaus(facts: Facts) -> Iterator[str]:
    if facts.train_target is None:
        return
    metric, target = facts.metric, facts.train_target
    is_share, score = metric.unit == PERCENT, "accuracy" if metric == ACCURACY else "score"
    tolerance = CLEARLY_SHORT if is_share else CLEARLY_SHORT * abs(target)
    asked = f"{100 * target:g} %" if is_share else f"{target:g}"
    short = []
    for arm in facts.arms:
        reached = facts.plateaus.get(arm.arm, target)
        if metric.is_better(target - reached) and abs(target - reached) > tolerance:
            average = f"{100 * reached:.0f} %" if is_share else f"{reached:.3g}"
            short.append(f"{_share(arm, 'plateau')}, at {average} on average")
    if short:
        yield (
            f"Rounds that ended on a plateau short of the training {score} asked for ({asked}): {', '.join(short)}. "
            "Such rounds may be undertrained, and a strategy that continues from them then gains by training on."
        )


def _share(arm: ArmSummary, reason: str) -> str:
    return f"{arm.stop_reasons[reason]} of {counted(sum(arm.stop_reasons.values()), 'round')} of {arm.arm}"
