"""A control that the paper lacks: is it the kept weights, or the smaller initialisation?"""

from collections.abc import Sequence

from warmstart.diagnostics import Correlation
from warmstart.paper.kit.exhibits import ACCURACY_AXIS, Axis, Curves, Exhibit, Point
from warmstart.paper.kit.experiment import Case, Claim, Experiment, Judgement, only_case
from warmstart.paper.kit.judge import better, not_worse, of_first_case
from warmstart.paper.kit.points import arm_point
from warmstart.paper.kit.pooled import Comparison, best_judged, compared, mean_judged
from warmstart.paper.kit.results import CaseResults, Results
from warmstart.paper.kit.setting import Desk, Setting
from warmstart.paper.kit.tables import arms_table
from warmstart.statistics import mean_interval
from warmstart.strategies import Cold, NormMatched, ShrinkPerturb, Strategy, Warm
from warmstart.studies import Arm

# The released code's 0.4 is in the middle, which a thinned grid keeps down to a scale of 0.05.
SHRINKS = (0.6, 0.4, 0.2)
SCALES = (0.75, 0.5, 0.25)
DESK_SHRINKS, DESK_SCALES = (0.4, 0.2), (0.5, 0.25)


def _strategies(setting: Setting) -> dict[str, list[Strategy]]:
    """Return the strategies of each series of the chart."""
    shrinks = setting.grid(SHRINKS, desk=DESK_SHRINKS)
    return {
        "shrink-perturb": [ShrinkPerturb(shrink) for shrink in shrinks],
        # Fresh weights whose every parameter has shrink-perturb's norm: the same scale, with nothing kept.
        "norm-matched": [NormMatched(shrink) for shrink in shrinks],
        "cold, scaled": [Cold(), *(Cold(scale) for scale in setting.grid(SCALES, desk=DESK_SCALES))],
        "warm": [Warm()],
    }


def _cases(setting: Setting) -> Sequence[Case]:
    shrunk, matched, (cold, *scaled), warm = _strategies(setting).values()
    # Correlation also reads the norms of the start and of the fresh model, which the chart has on its axis.
    return only_case(setting, [cold, *warm, *shrunk, *matched, *scaled], measurements=[Correlation()])


def _exhibits(results: Results) -> Sequence[Exhibit]:
    table = arms_table("accuracy", "Accuracy after training on everything.", results.cases)
    caption = (
        "Accuracy against the effective scale of the second phase's start: the norm of all its weights over the fresh "
        "model's. 'norm-matched' is a fresh model whose every parameter has shrink-perturb's norm."
    )
    charts: list[Curves] = []
    for case in results.cases:
        points: list[Point] = []
        for series, strategies in _strategies(results.setting).items():
            for label in (Arm(strategy).label for strategy in strategies):
                norms = zip(case.reading(label, "start norm"), case.reading(label, "fresh norm"), strict=True)
                scales = [start / fresh if start is not None and fresh else None for start, fresh in norms]
                scale = mean_interval(scales).mean
                if scale is not None:
                    points.append(arm_point(case, label, series=series, x=scale))
        charts.append(Curves("scales", caption, Axis("effective scale of the start"), ACCURACY_AXIS, tuple(points)))
    return [table, *charts]


@of_first_case
def keeping_matters(results: Results, case: CaseResults) -> Judgement:
    """Judge shrink-perturb against fresh weights of the same norms, in the mean over factors."""
    comparisons: list[Comparison] = []
    for shrink in results.setting.grid(SHRINKS, desk=DESK_SHRINKS):
        arm, control = Arm(ShrinkPerturb(shrink)).label, Arm(NormMatched(shrink)).label
        comparisons.append(compared(case, arm, control, what=f"{arm} against {control}"))
    what = "Shrink-perturb against fresh weights of the same norms"
    return mean_judged(comparisons, better, what=what, confidence=case.confidence, single=not_worse)


@of_first_case
def scale_alone_helps(results: Results, case: CaseResults) -> Judgement:
    """Judge the best cold start of a smaller scale against the usual one."""
    # Any of them will do: the claim is that a smaller scale can help, not that each does.
    arms = [Arm(Cold(scale)).label for scale in results.setting.grid(SCALES, desk=DESK_SCALES)]
    candidates = [compared(case, arm, what=arm) for arm in arms]
    what = "A cold start of smaller scale against the usual one"
    return best_judged(candidates, better, what=what, confidence=case.confidence)


EXPERIMENT = Experiment(
    id="scale-control",
    number=18,
    title="The scale control",
    where="not in the paper",
    question="Is what shrink-perturb gains due to the weights it keeps, or to a start of smaller scale?",
    paper_setting="The paper has no such control; shrink-perturb leaves weights of a smaller norm than a fresh start.",
    deviations="None to report: this experiment is this project's own.",
    declare=_cases,
    desk=Desk(),
    exhibits=_exhibits,
    claims=(
        Claim(
            "Shrink-perturb is more accurate than a fresh model of the same norms.",
            keeping_matters,
            published="Implied by the paper's account of shrink-perturb; never tested there.",
            seeds=5,
        ),
        Claim(
            "A cold start of smaller scale alone is more accurate than a cold start.",
            scale_alone_helps,
            published="Not looked at.",
            seeds=6,
        ),
    ),
)
