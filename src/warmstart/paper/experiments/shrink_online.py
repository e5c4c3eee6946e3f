"""Figure 7: shrink-perturb in online learning."""

from collections.abc import Sequence

from warmstart.paper.kit.exhibits import ACCURACY_AXIS, SAMPLES_SEEN, Axis, Curves, Exhibit, Source
from warmstart.paper.kit.experiment import Case, Claim, Experiment, Judgement, only_case
from warmstart.paper.kit.judge import (
    better,
    cheaper,
    compare,
    if_trained,
    in_all,
    not_worse,
    of_first_case,
    untestable,
)
from warmstart.paper.kit.points import arm_point, at_full_scale, estimate_point, published_points, round_points
from warmstart.paper.kit.pooled import best_judged, compared, costs_compared, mean_judged, mean_ratio_judged
from warmstart.paper.kit.published import published_number
from warmstart.paper.kit.results import CaseResults, Results
from warmstart.paper.kit.setting import Desk, Setting
from warmstart.paper.kit.tables import NO_VALUE, arms_table, on_papers_data, published_text
from warmstart.strategies import Cold, Noise, ShrinkPerturb, Warm
from warmstart.streams import Growing
from warmstart.studies import Arm

ID = "shrink-online"
# The paper's noise and factors; its factors 0 and 1 are the cold and the warm arm.
SIGMA = 0.01
SHRINKS = (0.8, 0.6, 0.4, 0.2)
DESK_SHRINKS = (0.6, 0.2)
# The factor of which the paper says that it is both accurate and fast.
JOINT = 0.6


def _shrunk(setting: Setting) -> dict[str, Arm]:
    """Return the shrunk arms by label."""
    arms = [Arm(ShrinkPerturb(shrink, SIGMA, Noise.GAUSSIAN)) for shrink in setting.grid(SHRINKS, desk=DESK_SHRINKS)]
    return {arm.label: arm for arm in arms}


def _cases(setting: Setting) -> Sequence[Case]:
    stream = Growing(setting.arrival_size("cifar10"))
    return only_case(setting, [Cold(), Warm(), *_shrunk(setting).values()], stream=stream)


def _exhibits(results: Results) -> Sequence[Exhibit]:
    # The factor on the previous weights that every arm stands for: a cold start keeps nothing, a warm one everything.
    factors = {"cold": 0.0, "warm": 1.0} | dict(
        zip(_shrunk(results.setting), results.setting.grid(SHRINKS, desk=DESK_SHRINKS), strict=True)
    )

    def columns(case: CaseResults, arm: str) -> dict[str, str]:
        # Seconds, though of another machine, because the paper reports no other cost.
        mean = case.cost(arm, "seconds").mean
        return {"seconds": NO_VALUE if mean is None else f"{mean:,.1f}", **paper_columns(results, factors[arm])}

    table = arms_table(
        "accuracy",
        "Accuracy when all data have arrived. Seconds are those of the last round, ours on the machine it ran on.",
        results.cases,
        extra=columns,
    )
    of_paper = published_points(ID, series=lambda _: "accuracy", x="shrink")
    by_factor = "Accuracy after the last round against the factor."
    x = Axis("factor on the previous weights: 0 is cold, 1 is warm")
    charts: list[Curves] = []
    for case in results.cases:
        rounds = tuple(round_points(case, case.arms))
        ours = [arm_point(case, arm, series="accuracy", x=factor) for arm, factor in factors.items()]
        steps = [estimate_point("steps", factor, case.cost(arm, total=True)) for arm, factor in factors.items()]
        charts += [
            Curves("rounds", "Accuracy after every round.", SAMPLES_SEEN, ACCURACY_AXIS, rounds),
            Curves("factors", by_factor, x, ACCURACY_AXIS, (*ours, *at_full_scale(results, of_paper))),
            Curves("steps", "Steps of all rounds against the factor.", x, Axis("steps"), tuple(steps)),
        ]
    return [table, *charts]


def paper_columns(results: Results, factor: float) -> dict[str, str]:
    """Return the published accuracy and seconds of a factor, by column title."""
    seconds = published_number(ID, "seconds", by=Source.PAPER, shrink=factor)
    return {
        "paper %": on_papers_data(results, published_text(ID, shrink=factor)),
        "paper seconds": on_papers_data(results, NO_VALUE if seconds is None else f"{seconds.value:g}"),
    }


@of_first_case
def some_is_as_accurate(results: Results, case: CaseResults) -> Judgement:
    """Judge the best factor against a cold start."""
    candidates = [compared(case, arm, what=arm) for arm in _shrunk(results.setting)]
    what = "Shrink-perturb against cold"
    return best_judged(candidates, not_worse, what=what, confidence=case.confidence)


@of_first_case
def all_beat_warm(results: Results, case: CaseResults) -> Judgement:
    """Judge the mean over factors against a warm start, unless one factor is known to be no better."""
    comparisons = [compared(case, arm, "warm", what=f"{arm} against warm") for arm in _shrunk(results.setting)]
    return mean_judged(comparisons, better, what="Shrink-perturb against warm", confidence=case.confidence)


@of_first_case
def all_are_cheaper(results: Results, case: CaseResults) -> Judgement:
    """Judge the mean over factors against a cold start, unless one factor is known not to save anything."""
    # In the last round alone, as the figure shows it: the paper does not report the cost of all rounds.
    comparisons = [
        costs_compared(case, arm, what=f"Steps of the last round, {arm} to cold") for arm in _shrunk(results.setting)
    ]
    what = "Steps of the last round, shrink-perturb to cold"
    return mean_ratio_judged(comparisons, cheaper, what=what, confidence=case.confidence)


@of_first_case
def one_is_both(results: Results, case: CaseResults) -> Judgement:
    """Judge accuracy and cost of a factor of 0.6 together: the claim holds if both do."""
    if JOINT not in results.setting.grid(SHRINKS, desk=DESK_SHRINKS):
        return untestable(f"The factor {JOINT} is not among those of this scale.")
    arm = Arm(ShrinkPerturb(JOINT, SIGMA, Noise.GAUSSIAN)).label
    # "Much" is no number in the paper; its saving of two thirds would be a ratio of 0.33.
    ratio = case.cost_ratio(arm, "cold", confidence=case.confidence)
    much = cheaper(ratio, f"Steps of the last round, {arm} to cold, at most two thirds", limit=2 / 3)
    accurate = compare(not_worse, case, arm, what=f"{arm} against cold")
    return in_all([accurate, if_trained(case, ["cold", arm], much)])


EXPERIMENT = Experiment(
    id=ID,
    number=15,
    title="Shrink-perturb in online learning",
    where="Figure 7",
    question="How do accuracy and cost of the online stream depend on how far the previous weights are shrunk?",
    paper_setting="As figure 2, with noise of standard deviation 0.01 and factors 0, 0.2, ..., 1.",
    deviations="Factors 0 and 1 are the plain cold and the plain warm start, without noise.",
    declare=_cases,
    desk=Desk(seeds=6),
    exhibits=_exhibits,
    claims=(
        Claim(
            "Some factor is at least as accurate as a cold start.",
            some_is_as_accurate,
            published="80 % at 0.2, 78 % at 0.4, 76.5 % at 0.6 against 76 % cold, read off the figure.",
            seeds=5,
        ),
        Claim(
            "Every factor is more accurate than a warm start.",
            all_beat_warm,
            published="74 % to 80 % against 65 %, read off the figure.",
            seeds=5,
        ),
        Claim(
            "In the last round every factor is cheaper than a cold start.",
            all_are_cheaper,
            published="115 to 285 seconds against 458, read off the figure.",
            seeds=5,
        ),
        Claim(
            "A factor of 0.6 is as accurate as a cold start and much cheaper.",
            one_is_both,
            published="76.5 % against 76 %, in 150 seconds against 458, read off the figure.",
            seeds=7,
        ),
    ),
)
