"""The verdict: what a study says, in sentences that claim no more than its intervals do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from warmstart.basics import ACCURACY, Metric
from warmstart.statistics import (
    Estimate,
    PairedDifference,
    interval_text,
    size_interval,
    times_text,
    visible_digits,
)

from ._auto_seeds import AutoSeeds
from ._context import with_article
from ._summary_types import ArmSummary

# Beyond this many comparisons, one clause each makes a sentence that nobody reads to its end.
MOST_CLAUSES = 4

COST_TITLES: Final[Mapping[str, str]] = {
    "steps": "training steps",
    "samples": "samples processed",
    "tokens": "tokens processed",
    "flops": "FLOPs",
    "seconds": "seconds",
}


@dataclass(frozen=True)
class Facts:
    """What the verdict and its notes are built from.

    Attributes:
        metric: Of the comparison.
        cost: The cost in the verdict: steps, or what comes next in :data:`COSTS` where steps were not counted.
        auto_seeds: The rule by which results decided how many seeds there are; None: their number was given.
    """

    metric: Metric
    arms: Sequence[ArmSummary]
    reference: str
    rounds_finished: int
    rounds_planned: int
    rounds_expected: int
    compared_round: int
    samples_seen: int
    cost: str
    auto_seeds: AutoSeeds | None = None

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
        """The largest number of seeds with both scores that any comparison has."""
        return max((_difference(arm).n for arm in self.others), default=0)

    @property
    def common_seeds(self) -> int:
        """The largest number of seeds for which both sides of a comparison have finished, with a score or not."""
        # A diverged round has no score, but it took its time; seconds are the one cost that is always counted.
        differences = (arm.last_round["seconds"].difference for arm in self.others)
        return max((difference.n for difference in differences if difference is not None), default=0)


def verdict_of(facts: Facts) -> str:
    """Return the verdict, the state of an unfinished study first and diverged trials last."""
    if not facts.rounds_finished:
        return f"Nothing to report yet: 0 of {facts.rounds_planned} rounds have finished."
    sentences = []
    # First, since it qualifies all that follows.
    if not facts.complete:
        planned = f"{'at most ' if facts.auto_seeds else ''}{facts.rounds_planned:,}"
        sentences.append(f"Preliminary: {facts.rounds_finished:,} of {planned} rounds have finished.")
    if not facts.others:
        sentences.append(f"{_after(facts)} {_alone(facts.metric, facts.arms[0])}.")
    elif len(facts.others) > MOST_CLAUSES:
        # The rounds that costs cover are said once in front, instead of in each of the brackets.
        over = ""
        if facts.compared_round > 1:
            scope = "of all rounds" if facts.compared_round >= facts.rounds_expected else "so far"
            over = f" ({facts.cost} {scope})"
        sentences.append(f"{_after(facts)}, compared with {facts.reference}{over}: {_groups(facts)}.")
    else:
        sentences.append(f"{_after(facts)} {'; '.join(_clause(facts, arm) for arm in facts.others)}.")
    if facts.pairs == 1:
        # Several seeds of which all but one diverged are not one seed.
        one = "One seed" if facts.common_seeds == 1 else "One pair"
        sentences.append(f"{one} gives no interval, so none of this can be distinguished from chance.")
    # A pair with a diverged side is left out of its comparison: unsaid, the worst seeds would vanish from the answer.
    for arm in facts.arms:
        if arm.diverged:
            trials = f"{arm.diverged} of {counted(arm.seeds, 'trial')} of {arm.arm}"
            have = "has" if arm.diverged == 1 else "have"
            sentences.append(f"In round {facts.compared_round}, {trials} diverged and {have} no {facts.metric.name}.")
    return " ".join(sentences)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun in the right form.

    Example:
        >>> counted(1, "round"), counted(1200, "round")
        ('1 round', '1,200 rounds')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def difference_words(metric: Metric, difference: PairedDifference) -> str:
    """Return a paired difference of scores with its sign, its interval and the metric's unit behind both.

    One that was not detected has its interval alone, since its size would be quoted all the same.

    Example:
        >>> colder = PairedDifference(-0.09, -0.13, -0.05, n=8, detected=True)
        >>> difference_words(Metric("rmse", "°C", higher_is_better=False), colder)
        '-0.09 [-0.13, -0.05] °C'
        >>> difference_words(ACCURACY, PairedDifference(0.002, -0.006, 0.009, n=8, detected=False))
        'no difference detected [-0.6, +0.9] points'
    """
    if difference.mean is None:
        return "no pair to compare"
    digits, unit = _difference_digits(metric, difference), metric.difference_unit
    size = signed(metric.factor * difference.mean, digits)
    if difference.interval is None:
        seeds = "one seed" if difference.n == 1 else f"{difference.n} seeds"
        return f"{size} {unit}".rstrip() + f" ({seeds}: no interval)"
    if difference.interval == (0.0, 0.0):
        return "the same"
    ends = f"[{', '.join(signed(metric.factor * end, digits) for end in difference.interval)}] {unit}".rstrip()
    return f"{size} {ends}" if difference.detected else f"no difference detected {ends}"


def signed(value: float, digits: int) -> str:
    """Return a number with its sign; what rounds to zero has none.

    Example:
        >>> signed(2.96, 1), signed(-0.04, 1)
        ('+3.0', '0.0')
    """
    number = round(value, digits) + 0.0
    return f"{number:+,.{digits}f}" if number else f"{number:.{digits}f}"


def ahead_of(arms: Sequence[ArmSummary], baselines: Mapping[str, Estimate], metric: Metric) -> tuple[str, ...]:
    """Return the sentence on scores on the next arrival, before anything is trained on it; none where there are none.

    Args:
        arms: The strategies; of these the reference has no difference.
        baselines: Scores of predictors that learn nothing, by their names.
        metric: Of these scores.
    """
    scores = [(arm.arm, arm.next_score, arm.next_difference) for arm in arms]
    scores += [(name, score, None) for name, score in baselines.items()]
    texts = []
    for name, score, difference in scores:
        if score.mean is None:
            continue
        spread = None if score.interval is None else (score.interval[1] - score.interval[0]) / 2
        text = f"{name} {metric.text(score.mean, spread=spread)}"
        if difference is not None and difference.mean is not None:
            text += f" ({difference_words(metric, difference)})"
        texts.append(text)
    is_ahead = any(arm.next_score.mean is not None for arm in arms)
    words = f"{metric.name.capitalize() if metric.name.islower() else metric.name} on the next arrival, before training"
    return (f"{words} on it, mean over rounds: {'; '.join(texts)}.",) if is_ahead else ()


def _after(facts: Facts) -> str:
    """Return when the comparison is made, on how many seeds, and which direction is better unless it is the usual."""
    done, all_rounds = facts.compared_round, facts.rounds_expected
    rounds = f"{done} of {all_rounds} rounds" if done < all_rounds else counted(done, "round")
    # Pairs, not seeds: of four seeds of which one diverged, three say something of a difference.
    if not facts.others:
        seeds = counted(facts.arms[0].seeds, "seed")
    elif facts.common_seeds <= 1:
        seeds = "1 seed" if facts.common_seeds else "no common seed"
    else:
        seeds = counted(facts.pairs, "paired seed") if facts.pairs else counted(facts.common_seeds, "common seed")
    # Whoever reads "lower" of an error should not have to know which metric that is.
    direction = "" if facts.metric.higher_is_better else f"; lower {facts.metric.name} is better"
    return f"After {rounds} ({facts.samples_seen:,} samples, {seeds}{direction})"


def _alone(metric: Metric, arm: ArmSummary) -> str:
    closing = "there is no other strategy to compare it with"
    mean, interval = arm.score.mean, arm.score.interval
    if mean is None:
        return f"{arm.arm} has no {metric.name}, because its training diverged; {closing}"
    if interval is None:
        return f"{arm.arm} has {with_article(metric.name)} of {metric.text(mean)} (one seed: no interval); {closing}"
    low, high = interval
    spread = (high - low) / 2
    ends = interval_text(metric.factor * low, metric.factor * high, digits=metric.digits(mean, spread))
    ends = _with_unit(ends, metric.unit)
    return f"{arm.arm} has {with_article(metric.name)} of {metric.text(mean, spread=spread)} {ends}; {closing}"


def _clause(facts: Facts, arm: ArmSummary) -> str:
    """Return what one comparison says: the difference, its interval, and the cost beside it."""
    metric, difference = facts.metric, _difference(arm)
    if difference.mean is None:
        both = f"no seed has {with_article(metric.name)} of both"
        return f"{arm.arm} cannot be compared with {facts.reference}, because {both}"
    if difference.interval is None:
        ends = (
            ""
            if facts.pairs == 1
            else f" ({'one pair' if difference.n == 1 else f'{difference.n} pairs'}: no interval)"
        )
    else:
        low, high = (metric.factor * end for end in difference.interval)
        digits = _difference_digits(metric, difference)
        ends = f" {(size_interval if difference.detected else interval_text)(low, high, digits=digits)}"
        ends = _with_unit(ends, metric.difference_unit)
        if difference.n != facts.pairs:
            ends = f"{ends[:-1]}; {counted(difference.n, 'pair')}]"
        if difference.interval == (0.0, 0.0):
            ends = f" in {'both' if difference.n == 2 else f'all {difference.n}'} pairs"
        elif not difference.detected:
            none = f"for {arm.arm} no difference in {metric.name} to {facts.reference} was detected"
            return f"{none}{ends}{_cost(facts, arm)}"
    # The one metric that has an adjective of its own.
    if metric == ACCURACY:
        size = f"{_size(metric, difference)} {'more' if difference.mean > 0 else 'less'} accurate than"
        found = (
            f"is {size} {facts.reference}{ends}" if difference.mean else f"is as accurate as {facts.reference}{ends}"
        )
    elif difference.mean:
        size = f"{_size(metric, difference)} {'higher' if difference.mean > 0 else 'lower'}"
        found = f"has {with_article(metric.name)} {size}{ends} than {facts.reference}"
    else:
        found = f"has the same {metric.name} as {facts.reference}{ends}"
    return f"{arm.arm} {found}{_cost(facts, arm)}"


def _cost(facts: Facts, arm: ArmSummary) -> str:
    ratio = arm.total[facts.cost].ratio
    if ratio is None or ratio.mean is None:
        return ""
    words = COST_TITLES[facts.cost]
    if facts.compared_round > 1:
        words = f"total {words}" if facts.compared_round >= facts.rounds_expected else f"{words} so far"
    if ratio.interval is None or ratio.detected:
        return f" with {times_text(ratio.mean)}x the {words}"
    # Every seed took exactly as many, as fixed numbers of epochs do: more than an undetected difference.
    if ratio.interval == (1.0, 1.0):
        return f" with the same {words}"
    interval = _difference(arm).interval
    undetected = interval not in (None, (0.0, 0.0)) and not _difference(arm).detected
    return f", nor one in the {words}" if undetected else f", with no detected difference in the {words}"


def _groups(facts: Facts) -> str:
    """Sort many comparisons by what was found, each with its size and its cost."""
    metric, found = facts.metric, {arm.arm: _difference(arm) for arm in facts.others}
    # An undetected difference is named without its size, which would be read as one.
    sized, unsized = {}, {}
    for arm in facts.others:
        ratio, cost, mean = arm.total[facts.cost].ratio, "", found[arm.arm].mean or 0.0
        if ratio is not None and ratio.mean is not None:
            # An undetected ratio has no size; that of a single pair has one, and the verdict says that it is of one.
            is_sized = ratio.detected or ratio.interval is None
            cost = (
                f"{times_text(ratio.mean)}x the {facts.cost}" if is_sized else f"no difference in {facts.cost} detected"
            )
            cost = f" (the same {facts.cost})" if ratio.interval == (1.0, 1.0) else f" ({cost})"
        sign = "+" if mean > 0 else "-" if mean < 0 else ""
        sized[arm.arm] = f"{arm.arm} by {sign}{_size(metric, found[arm.arm])}{cost}"
        unsized[arm.arm] = f"{arm.arm}{cost}"
    better, worse = ("more accurate", "less accurate") if metric == ACCURACY else ("better", "worse")
    detected = {label: difference.mean or 0.0 for label, difference in found.items() if difference.detected}
    single = [label for label, one in found.items() if one.mean is not None and one.interval is None]
    same = [label for label, one in found.items() if one.interval == (0.0, 0.0)]
    undetected = [label for label, one in found.items() if one.interval and not one.detected and label not in same]
    groups = {
        better: [sized[label] for label, mean in detected.items() if metric.is_better(mean)],
        worse: [sized[label] for label, mean in detected.items() if not metric.is_better(mean)],
        f"the same {metric.name}": [unsized[label] for label in same],
        f"no difference in {metric.name} detected": [unsized[label] for label in undetected],
        "no interval": [sized[label] for label in single],
        "not comparable": [label for label, one in found.items() if one.mean is None],
    }
    return "; ".join(f"{title}: {', '.join(arms)}" for title, arms in groups.items() if arms)


def _with_unit(interval: str, unit: str) -> str:
    """Return an interval with the unit inside its bracket, where a sentence has room for it."""
    return f"{interval[:-1]} {unit}".rstrip() + "]"


def _difference(arm: ArmSummary) -> PairedDifference:
    assert arm.score_difference is not None, "only the reference has none"
    return arm.score_difference


def _difference_digits(metric: Metric, difference: PairedDifference) -> int:
    """Return the decimals of a difference and its interval: of a detected one, such that no end seems to be zero."""
    mean, (low, high) = difference.mean or 0.0, difference.interval or (None, None)
    digits = metric.digits(mean, None if low is None or high is None else (high - low) / 2)
    nearest = min(abs(mean if low is None else low), abs(mean if high is None else high))
    is_sized = difference.detected or difference.interval is None
    return visible_digits(metric.factor * nearest, digits) if is_sized else digits


def _size(metric: Metric, difference: PairedDifference) -> str:
    digits = _difference_digits(metric, difference)
    return f"{metric.factor * abs(difference.mean or 0.0):,.{digits}f} {metric.difference_unit}".rstrip()
