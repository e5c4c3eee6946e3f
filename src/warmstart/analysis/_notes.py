"""What a reader must keep in mind with one particular verdict."""

from collections.abc import Callable, Iterator

from ._summary_types import ArmSummary
from ._verdict import Facts, counted

# A plateau this far below the training accuracy asked for is no near miss any more, in [0, 1].
CLEARLY_SHORT = 0.02


def notes_of(facts: Facts) -> tuple[str, ...]:
    """Return the notes that apply, one sentence each."""
    if not facts.rounds_finished:
        return ()
    return (*_on_comparisons(facts), *_on_stop_reasons(facts), *_on_plateaus(facts))


def _on_comparisons(facts: Facts) -> Iterator[str]:
    if facts.others and facts.reference != "cold":
        yield f"No strategy is labelled cold: the others are compared with the first, {facts.reference}."
    if len(facts.others) > 1 and facts.pairs > 1:
        yield (
            f"{len(facts.others)} strategies are compared with one reference: each interval holds for its own "
            "comparison and is not corrected for their number."
        )
    rigid = [arm.arm for arm in facts.others if _without_width(arm)]
    if rigid:
        yield (
            f"All seeds differ by the same amount for {', '.join(rigid)}: an interval of no width from few seeds "
            "understates the uncertainty."
        )


def _on_stop_reasons(facts: Facts) -> Iterator[str]:
    limits = _shares(facts, lambda arm: arm.stop_reasons["limit"])
    if limits:
        yield f"Rounds that stopped at a limit, before the stop rule was met: {limits}."
    diverged = _shares(facts, lambda arm: arm.stop_reasons["diverged"])
    if diverged:
        yield f"Rounds that diverged: {diverged}. What they cost is counted; they have no accuracy."


def _on_plateaus(facts: Facts) -> Iterator[str]:
    target = facts.train_accuracy
    if target is None:
        return
    short = [
        f"{_share(arm.stop_reasons['plateau'], arm)}, at {100 * facts.plateaus[arm.arm]:.0f} % on average"
        for arm in facts.arms
        if facts.plateaus.get(arm.arm, target) < target - CLEARLY_SHORT
    ]
    if short:
        yield (
            f"Rounds that ended on a plateau short of the training accuracy asked for ({100 * target:g} %): "
            f"{', '.join(short)}. Such rounds may be undertrained, and a strategy that continues from them then gains "
            "by training on."
        )


def _without_width(arm: ArmSummary) -> bool:
    difference = arm.accuracy_difference
    if difference is None or difference.interval is None or not difference.detected:
        return False
    low, high = difference.interval
    return high - low < 1e-12


def _shares(facts: Facts, count: Callable[[ArmSummary], int]) -> str:
    return ", ".join(_share(count(arm), arm) for arm in facts.arms if count(arm))


def _share(part: int, arm: ArmSummary) -> str:
    return f"{part} of {counted(sum(arm.stop_reasons.values()), 'round')} of {arm.arm}"
