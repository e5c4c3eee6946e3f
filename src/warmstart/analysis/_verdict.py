"""The verdict: what a study says, in sentences that claim no more than its intervals do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from warmstart.statistics import PairedDifference, interval_text, size_interval, times_text, visible_digits

from ._summary_types import ArmSummary

# Beyond this many comparisons, one clause each makes a sentence that nobody reads to its end.
MOST_CLAUSES = 4


@dataclass(frozen=True)
class Facts:
    """What the verdict and its notes are built from.

    Attributes:
        train_accuracy: The training accuracy that the stop rule asks for, in (0, 1]; None if it asks for none.
        plateaus: Mean training accuracy of the rounds that ended on a plateau, by label of the arms that have any.
    """

    arms: Sequence[ArmSummary]
    reference: str
    rounds_finished: int
    rounds_planned: int
    rounds_expected: int
    compared_round: int
    samples_seen: int
    train_accuracy: float | None
    plateaus: Mapping[str, float]

    @property
    def complete(self) -> bool:
        """Whether all expected rounds have finished."""
        return self.rounds_finished >= self.rounds_planned

    @property
    def others(self) -> list[ArmSummary]:
        """The arms that are compared with the reference."""
        return [arm for arm in self.arms if arm.arm != self.reference]

    @property
    def pairs(self) -> int:
        """The largest number of seeds with both accuracies that any comparison has."""
        return max((_difference(arm).n for arm in self.others), default=0)

    @property
    def common_seeds(self) -> int:
        """The largest number of seeds for which both sides of a comparison have finished, with an accuracy or not."""
        # A diverged round has no accuracy, but it has steps.
        return max((_step_pairs(arm) for arm in self.others), default=0)

    @property
    def rounds_counted(self) -> str:
        """LayerEnd rounds the costs cover, as words to follow them."""
        if self.compared_round == 1:
            return ""
        return " of all rounds" if self.compared_round >= self.rounds_expected else " of these rounds"


def verdict_of(facts: Facts) -> str:
    """Return the verdict, the state of an unfinished study first and diverged trials last."""
    if not facts.rounds_finished:
        return f"Nothing to report yet: 0 of {facts.rounds_planned} rounds have finished."
    sentences = [_preliminary(facts), _main(facts), _one_seed(facts), *(_diverged(facts, arm) for arm in facts.arms)]
    return " ".join(sentence for sentence in sentences if sentence)


def _preliminary(facts: Facts) -> str:
    if facts.complete:
        return ""
    return f"Preliminary: {facts.rounds_finished:,} of {facts.rounds_planned:,} rounds have finished."


def _main(facts: Facts) -> str:
    if not facts.others:
        return f"{_after(facts)} {_alone(facts.arms[0])}."
    if len(facts.others) > MOST_CLAUSES:
        steps = f" (steps{facts.rounds_counted})" if facts.rounds_counted else ""
        return f"{_after(facts)}, compared with {facts.reference}{steps}: {_groups(facts)}."
    return f"{_after(facts)} {'; '.join(_clause(facts, arm) for arm in facts.others)}."


def _after(facts: Facts) -> str:
    done, all_rounds = facts.compared_round, facts.rounds_expected
    rounds = f"{done} of {all_rounds} rounds" if done < all_rounds else counted(done, "round")
    return f"After {rounds} ({facts.samples_seen:,} samples, {_seeds(facts)})"


def _seeds(facts: Facts) -> str:
    if not facts.others:
        return counted(facts.arms[0].seeds, "seed")
    if not facts.common_seeds:
        return "no common seed"
    if facts.common_seeds == 1:
        return "1 seed"
    return counted(facts.pairs, "paired seed") if facts.pairs else counted(facts.common_seeds, "common seed")


def _alone(arm: ArmSummary) -> str:
    closing = "there is no other strategy to compare it with"
    if arm.accuracy.mean is None:
        return f"{arm.arm} has no accuracy, because its training diverged; {closing}"
    interval = arm.accuracy.interval
    ends = "(one seed: no interval)" if interval is None else interval_text(*(100 * end for end in interval))
    return f"{arm.arm} has an accuracy of {100 * arm.accuracy.mean:.1f} % {ends}; {closing}"


def _clause(facts: Facts, arm: ArmSummary) -> str:
    difference = _difference(arm)
    if difference.mean is None:
        return f"{arm.arm} cannot be compared with {facts.reference}, because no seed has an accuracy of both"
    if difference.interval is not None and not difference.detected:
        ends = _with_pairs(facts, difference, interval_text(*(100 * end for end in difference.interval)))
        return f"for {arm.arm} no difference in accuracy to {facts.reference} was detected {ends}{_cost(facts, arm)}"
    return f"{arm.arm} {_more_or_less(facts, difference)}{_cost(facts, arm)}"


def _more_or_less(facts: Facts, difference: PairedDifference) -> str:
    mean = difference.mean or 0.0
    if not mean:
        return f"is as accurate as {facts.reference}"
    nearest = min(map(abs, difference.interval or (mean, mean)))
    direction = "more" if mean > 0 else "less"
    return (
        f"is {points(abs(mean), nearest)} points {direction} accurate than {facts.reference}{_sizes(facts, difference)}"
    )


def _sizes(facts: Facts, difference: PairedDifference) -> str:
    if difference.interval is None:
        return "" if facts.pairs == 1 else " (one pair: no interval)"
    low, high = (100 * end for end in difference.interval)
    ends = size_interval(low, high, digits=visible_digits(min(abs(low), abs(high)), 1))
    return " " + _with_pairs(facts, difference, ends)


def points(size: float, nearest: float) -> str:
    """Return a share as percentage points, with the digits that show that ``nearest`` is not zero.

    Example:
        >>> points(0.019, 0.008), points(0.0019, 0.0001)
        ('1.9', '0.19')
    """
    return f"{100 * size:.{visible_digits(100 * nearest, 1)}f}"


def _with_pairs(facts: Facts, difference: PairedDifference, ends: str) -> str:
    return ends if difference.n == facts.pairs else f"{ends[:-1]}; {counted(difference.n, 'pair')}]"


def _cost(facts: Facts, arm: ArmSummary) -> str:
    ratio = arm.total["steps"].ratio
    if ratio is None or ratio.mean is None:
        return ""
    steps = f"training steps{facts.rounds_counted}"
    if ratio.interval is None or ratio.detected:
        return f" at {times_text(ratio.mean)} times the {steps}"
    if ratio.interval == (1.0, 1.0):
        return f" at the same {steps}"
    return f", nor one in the {steps}" if _undetected(arm) else f", with no detected difference in the {steps}"


def _undetected(arm: ArmSummary) -> bool:
    return _difference(arm).interval is not None and not _difference(arm).detected


def _groups(facts: Facts) -> str:
    """Sort many comparisons by what was found, each with its size and its steps."""
    comparable = [arm for arm in facts.others if _difference(arm).mean is not None]
    detected = [arm for arm in comparable if _difference(arm).detected]
    groups = [
        ("more accurate", [_sized(arm) for arm in detected if _mean(arm) > 0]),
        ("less accurate", [_sized(arm) for arm in detected if _mean(arm) < 0]),
        ("no difference in accuracy detected", [f"{arm.arm}{_steps(arm)}" for arm in comparable if _undetected(arm)]),
        ("one pair, no interval", [_sized(arm) for arm in comparable if _difference(arm).interval is None]),
        ("not comparable", [arm.arm for arm in facts.others if arm not in comparable]),
    ]
    return "; ".join(f"{title}: {', '.join(arms)}" for title, arms in groups if arms)


def _sized(arm: ArmSummary) -> str:
    nearest = min(map(abs, _difference(arm).interval or (_mean(arm), _mean(arm))))
    sign = "+" if _mean(arm) > 0 else "-" if _mean(arm) < 0 else ""
    return f"{arm.arm} by {sign}{points(abs(_mean(arm)), nearest)} points{_steps(arm)}"


def _steps(arm: ArmSummary) -> str:
    ratio = arm.total["steps"].ratio
    if ratio is None or ratio.mean is None:
        return ""
    told = ratio.detected or ratio.interval is None
    return f" ({times_text(ratio.mean)} times the steps)" if told else " (no difference in steps detected)"


def _one_seed(facts: Facts) -> str:
    if facts.pairs != 1:
        return ""
    one = "One seed" if facts.common_seeds == 1 else "One pair"
    return f"{one} gives no interval, so none of this can be told from chance."


def _diverged(facts: Facts, arm: ArmSummary) -> str:
    if not arm.diverged:
        return ""
    trials = f"{arm.diverged} of {counted(arm.seeds, 'trial')} of {arm.arm}"
    return (
        f"In round {facts.compared_round}, {trials} diverged and {'has' if arm.diverged == 1 else 'have'} no accuracy."
    )


def _difference(arm: ArmSummary) -> PairedDifference:
    assert arm.accuracy_difference is not None, "only the reference has none"
    return arm.accuracy_difference


def _step_pairs(arm: ArmSummary) -> int:
    difference = arm.last_round["steps"].difference
    assert difference is not None, "only the reference has none"
    return difference.n


def _mean(arm: ArmSummary) -> float:
    return _difference(arm).mean or 0.0


def counted(number: int, noun: str) -> str:
    """Return a number with its noun in the right form.

    Example:
        >>> counted(1, "round"), counted(1200, "round")
        ('1 round', '1,200 rounds')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
