"""What a reader must keep in mind with one particular verdict."""

from collections.abc import Callable, Iterator

from ._summary_types import ArmSummary
from ._verdict import Facts, counted


def notes_of(facts: Facts) -> tuple[str, ...]:
    """Return the notes that apply, one sentence each."""
    if not facts.rounds_finished:
        return ()
    return (*_on_comparisons(facts), *_on_endings(facts))


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


def _on_endings(facts: Facts) -> Iterator[str]:
    caps = _shares(facts, lambda arm: arm.endings["cap"])
    if caps:
        yield f"Rounds that stopped at a cap, before the stop rule was met: {caps}."
    diverged = _shares(facts, lambda arm: arm.endings["diverged"])
    if diverged:
        yield f"Rounds that diverged: {diverged}. What they cost is counted; they have no accuracy."


def _without_width(arm: ArmSummary) -> bool:
    difference = arm.accuracy_difference
    if difference is None or difference.interval is None or not difference.detected:
        return False
    low, high = difference.interval
    return high - low < 1e-12


def _shares(facts: Facts, count: Callable[[ArmSummary], int]) -> str:
    shares = [(count(arm), sum(arm.endings.values()), arm.arm) for arm in facts.arms]
    return ", ".join(f"{part} of {counted(whole, 'round')} of {arm}" for part, whole, arm in shares if part)
