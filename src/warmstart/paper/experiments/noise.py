"""Appendix, Table 4: noise added to the warm start."""

from collections.abc import Sequence

from warmstart.paper._chapter import Verdict
from warmstart.paper._exhibits import Axis, Curves, Exhibit, Format, Point, Source
from warmstart.paper._experiment import Case, Claim, Experiment, Judgement
from warmstart.paper._judge import better, cheaper, if_trained, in_all, of_first_case, worse
from warmstart.paper._published import published, the_published
from warmstart.paper._results import CaseResults, Results
from warmstart.paper._setting import Setting
from warmstart.paper._show import NOTHING, arm_point, arms_table, estimate_point, published_text, their_points
from warmstart.strategies import Cold, Noise, ShrinkPerturb, Warm
from warmstart.studies import Arm
from warmstart.training import OptimizerKind, Recipe

from ._levels import at_full_scale, level
from ._study import only_case, paper_study

ID = "noise"
DEVIATIONS = (1e-2, 1e-3, 1e-4, 1e-5)
SERIES = "warm with noise"


def _cases(setting: Setting) -> Sequence[Case]:
    return only_case(
        paper_study(
            setting,
            [Cold(), Warm(), *(_noisy(deviation) for deviation in setting.grid(DEVIATIONS))],
            recipe=Recipe(OptimizerKind.SGD),
        )
    )


def _noisy(deviation: float) -> Arm:
    return Arm(ShrinkPerturb(shrink=1.0, perturb=deviation, noise=Noise.GAUSSIAN))


def _exhibits(results: Results) -> Sequence[Exhibit]:
    caption = "Accuracy after training on everything from the half's weights plus Gaussian noise."
    table = arms_table("accuracy", caption, results.cases, theirs=_theirs)
    return [table, *(chart for case in results.cases for chart in (_accuracy(results, case), _steps(results, case)))]


def _theirs(_: CaseResults, arm: str) -> dict[str, str]:
    facets = _facets(arm)
    seconds = the_published(ID, "seconds", by=Source.PAPER, **facets)
    return {
        "paper %": published_text(ID, by=Source.PAPER, **facets),
        "paper minutes": NOTHING if seconds is None else f"{seconds.value / 60:.1f}",
    }


def _facets(arm: str) -> dict[str, str | float]:
    """Return under which facets the numbers of an arm are published: a plain warm start as one with noise 0."""
    deviations = {"warm": 0.0, **{_noisy(deviation).label: deviation for deviation in DEVIATIONS}}
    return {"arm": "warm", "noise": deviations[arm]} if arm in deviations else {"arm": arm}


def _accuracy(results: Results, case: CaseResults) -> Curves:
    deviations = results.setting.grid(DEVIATIONS)
    ours = [arm_point(case, _noisy(deviation).label, series=SERIES, x=deviation) for deviation in deviations]
    without = [point for arm in ("cold", "warm") for point in level(case, arm, deviations, series=arm)]
    theirs = their_points(ID, series=lambda _: SERIES, x="noise")
    return Curves(
        "accuracy-by-noise",
        "Accuracy after training on everything against the noise that was added to the half's weights.",
        Axis("standard deviation of the noise", log=True),
        Axis("accuracy", Format.SHARE),
        (*ours, *without, *at_full_scale(results, theirs)),
    )


def _steps(results: Results, case: CaseResults) -> Curves:
    deviations = results.setting.grid(DEVIATIONS)
    ours = [
        estimate_point(SERIES, deviation, case.cost_ratio(_noisy(deviation).label, "warm")) for deviation in deviations
    ]
    cold = [estimate_point("cold", end, case.cost_ratio("cold", "warm")) for end in (min(deviations), max(deviations))]
    return Curves(
        "steps",
        "Steps of the last round against the noise, as a multiple of those of the plain warm start, paired by seed; "
        "the paper's values are multiples of its minutes.",
        Axis("standard deviation of the noise", log=True),
        Axis("times the plain warm start's", log=True),
        (*ours, *cold, *at_full_scale(results, _their_times())),
    )


def _their_times() -> list[Point]:
    """Return the published times as multiples of that without noise."""
    plain = the_published(ID, "seconds", by=Source.PAPER, arm="warm", noise=0.0)
    found = [
        (number, float(number.facets["noise"])) for number in published(ID, "seconds", by=Source.PAPER, arm="warm")
    ]
    return [Point(SERIES, x, n.value / plain.value, by=Source.PAPER) for n, x in found if x] if plain else []


@of_first_case
def _noise_helps(results: Results, case: CaseResults) -> Judgement:
    most = _noisy(max(results.setting.grid(DEVIATIONS))).label
    return if_trained(case, ["warm", most], better(case.difference(most, "warm"), f"{_name(results)} against none"))


def _name(results: Results) -> str:
    return f"Noise of {max(results.setting.grid(DEVIATIONS)):g}"


@of_first_case
def _noise_costs(results: Results, case: CaseResults) -> Judgement:
    most = _noisy(max(results.setting.grid(DEVIATIONS))).label
    what = f"Steps of the last round, plain warm start against one with {_name(results).lower()}"
    judgement = if_trained(case, ["warm"], cheaper(case.cost_ratio("warm", most), what))
    # A noisy round that was cut off would have taken more steps still: that can only bear the claim out.
    return judgement if judgement.verdict is Verdict.REPRODUCED else if_trained(case, [most], judgement)


@of_first_case
def _noise_is_not_enough(results: Results, case: CaseResults) -> Judgement:
    return in_all(_gap_stays(case, deviation) for deviation in results.setting.grid(DEVIATIONS))


def _gap_stays(case: CaseResults, deviation: float) -> Judgement:
    label = _noisy(deviation).label
    judgement = worse(case.difference(label), f"Warm with noise of {deviation:g} against cold")
    return if_trained(case, ["cold", label], judgement)


EXPERIMENT = Experiment(
    id=ID,
    number=11,
    title="Noise added to the warm start",
    where="Appendix, Table 4",
    question="Is noise alone, without shrinking, enough to close the gap?",
    paper_setting=(
        "CIFAR-10, ResNet-18, SGD with learning rate 1e-3; half of the data, then everything; until 99 % training "
        "accuracy; Gaussian noise of standard deviation 1e-2 to 1e-5 added to the half's weights."
    ),
    deviations=(
        "Noise is added to all trainable parameters, gains and biases of normalization layers included; time is "
        "counted in steps."
    ),
    cases=_cases,
    exhibits=_exhibits,
    claims=(
        Claim(
            "Noise makes the warm start somewhat more accurate.",
            _noise_helps,
            published="54.4 % with noise of 0.01 against 50.8 % without.",
        ),
        Claim(
            "Noise costs time.",
            _noise_costs,
            published="165 minutes with noise of 0.01 against 13.6 without, and 34 from scratch.",
        ),
        Claim(
            "No amount of noise makes the warm start as accurate as training from scratch.",
            _noise_is_not_enough,
            published="At most 54.4 % against 55.2 %.",
        ),
    ),
)
