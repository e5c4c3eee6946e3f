"""Figure 7: shrink-perturb in online learning."""

from collections.abc import Sequence
from functools import partial

from warmstart.paper._exhibits import Axis, Curves, Exhibit, Format, Source
from warmstart.paper._experiment import Case, Claim, Experiment, Judgement
from warmstart.paper._judge import better, cheaper, if_trained, in_all, in_some, not_worse, of_first_case
from warmstart.paper._published import the_published
from warmstart.paper._results import CaseResults, Results
from warmstart.paper._setting import Setting
from warmstart.paper._show import (
    NOTHING,
    arm_point,
    arms_table,
    estimate_point,
    over_rounds,
    published_text,
    their_points,
)
from warmstart.strategies import Cold, Noise, ShrinkPerturb, Strategy, Warm
from warmstart.streams import Growing
from warmstart.studies import Arm

from ._levels import at_full_scale, on_their_data
from ._study import only_case, paper_study

ID = "shrink-online"
SIGMA = 0.01
SHRINKS = (0.8, 0.6, 0.4, 0.2)


def _strategy(shrink: float) -> Strategy:
    return ShrinkPerturb(shrink, SIGMA, Noise.GAUSSIAN)


def _label(shrink: float) -> str:
    return Arm(_strategy(shrink)).label


def _cases(setting: Setting) -> Sequence[Case]:
    return only_case(
        paper_study(
            setting,
            [Cold(), Warm(), *map(_strategy, setting.grid(SHRINKS))],
            stream=Growing(setting.arrival_size("cifar10")),
        )
    )


def _factors(results: Results) -> dict[str, float]:
    """Return the factor on the previous weights that every arm stands for, by its label."""
    return {"cold": 0.0, "warm": 1.0} | {_label(shrink): shrink for shrink in results.setting.grid(SHRINKS)}


def _exhibits(results: Results) -> Sequence[Exhibit]:
    factors = _factors(results)
    table = arms_table(
        "accuracy",
        "Accuracy when all data have arrived. Seconds are those of the last round, ours on the machine it ran on.",
        results.cases,
        theirs=lambda case, arm: {"seconds": _seconds(case, arm), **_theirs(results, factors[arm])},
    )
    return [table, *(chart for case in results.cases for chart in _charts(results, case))]


def _seconds(case: CaseResults, arm: str) -> str:
    mean = case.cost(arm, "seconds").mean
    return NOTHING if mean is None else f"{mean:,.1f}"


def _theirs(results: Results, factor: float) -> dict[str, str]:
    seconds = the_published(ID, "seconds", by=Source.PAPER, shrink=factor)
    return {
        "paper %": on_their_data(results, published_text(ID, shrink=factor)),
        "paper seconds": on_their_data(results, NOTHING if seconds is None else f"{seconds.value:g}"),
    }


def _charts(results: Results, case: CaseResults) -> Sequence[Curves]:
    factors = _factors(results)
    ours = [arm_point(case, arm, series="accuracy", x=factor) for arm, factor in factors.items()]
    steps = [estimate_point("steps", factor, case.cost(arm, total=True)) for arm, factor in factors.items()]
    theirs = their_points(ID, series=lambda _: "accuracy", x="shrink")
    seen, accuracy = Axis("training samples seen"), Axis("accuracy", Format.SHARE)
    factor = Axis("factor on the previous weights: 0 is cold, 1 is warm")
    return [
        Curves("rounds", "Accuracy after every round.", seen, accuracy, tuple(over_rounds(case, case.arms))),
        Curves(
            "factors",
            "Accuracy after the last round against the factor.",
            factor,
            accuracy,
            (*ours, *at_full_scale(results, theirs)),
        ),
        Curves("steps", "Steps of all rounds against the factor.", factor, Axis("steps"), tuple(steps)),
    ]


def _shrunk(results: Results) -> list[str]:
    return [_label(shrink) for shrink in results.setting.grid(SHRINKS)]


@of_first_case
def _closes_the_gap(results: Results, case: CaseResults) -> Judgement:
    return in_some([partial(_is_no_worse, case, arm) for arm in _shrunk(results)])


def _is_no_worse(case: CaseResults, arm: str, confidence: float) -> Judgement:
    difference = case.difference(arm, confidence=confidence)
    return if_trained(case, ["cold", arm], not_worse(difference, f"{arm} against cold"))


@of_first_case
def _beats_warm(results: Results, case: CaseResults) -> Judgement:
    return in_all(
        if_trained(case, ["warm", arm], better(case.difference(arm, "warm"), f"{arm} against warm"))
        for arm in _shrunk(results)
    )


@of_first_case
def _is_cheaper(results: Results, case: CaseResults) -> Judgement:
    return in_all(
        if_trained(case, ["cold", arm], cheaper(case.cost_ratio(arm), f"Steps of the last round, {arm} to cold"))
        for arm in _shrunk(results)
    )


EXPERIMENT = Experiment(
    id=ID,
    number=15,
    title="Shrink-perturb in online learning",
    where="Figure 7",
    question="How do accuracy and cost of the online stream depend on how far the previous weights are shrunk?",
    paper_setting="As figure 2, with noise of standard deviation 0.01 and factors 0, 0.2, ..., 1.",
    deviations="Factors 0 and 1 are the plain cold and the plain warm start, without noise.",
    cases=_cases,
    exhibits=_exhibits,
    claims=(
        Claim(
            "Some factor is at least as accurate as a cold start.",
            _closes_the_gap,
            published="80 % at 0.2, 78 % at 0.4, 76.5 % at 0.6 against 76 % cold, read off the figure.",
        ),
        Claim(
            "Every factor is more accurate than a warm start.",
            _beats_warm,
            published="74 % to 80 % against 65 %, read off the figure.",
        ),
        Claim(
            "In the last round every factor is cheaper than a cold start.",
            _is_cheaper,
            published="115 to 285 seconds against 458, read off the figure.",
        ),
    ),
)
