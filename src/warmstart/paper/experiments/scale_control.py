"""What the paper lacks: is it the kept weights, or the smaller initialisation?"""

from collections.abc import Sequence
from functools import partial

from warmstart.diagnostics import Correlation
from warmstart.paper._exhibits import Axis, Curves, Exhibit, Format, Point
from warmstart.paper._experiment import Case, Claim, Experiment, Judgement
from warmstart.paper._judge import better, if_trained, in_all, in_some, of_first_case
from warmstart.paper._results import CaseResults, Results
from warmstart.paper._setting import Setting
from warmstart.paper._show import arm_point, arms_table
from warmstart.statistics import mean_interval
from warmstart.strategies import Cold, NormMatched, ShrinkPerturb, Strategy, Warm
from warmstart.studies import Arm

from ._study import only_case, paper_study

SHRINKS = (0.6, 0.4, 0.2)
SCALES = (0.75, 0.5, 0.25)


def _label(strategy: Strategy) -> str:
    return Arm(strategy).label


def _cases(setting: Setting) -> Sequence[Case]:
    shrinks = setting.grid(SHRINKS)
    return only_case(
        paper_study(
            setting,
            [
                Cold(),
                Warm(),
                *(ShrinkPerturb(shrink) for shrink in shrinks),
                *(NormMatched(shrink) for shrink in shrinks),
                *(Cold(scale) for scale in setting.grid(SCALES)),
            ],
            measurements=[Correlation()],
        )
    )


def _exhibits(results: Results) -> Sequence[Exhibit]:
    table = arms_table("accuracy", "Accuracy after training on everything.", results.cases)
    return [table, *(_chart(results, case) for case in results.cases)]


def _chart(results: Results, case: CaseResults) -> Curves:
    shrinks = results.setting.grid(SHRINKS)
    series = {
        "shrink-perturb": [ShrinkPerturb(shrink) for shrink in shrinks],
        "norm-matched": [NormMatched(shrink) for shrink in shrinks],
        "cold, scaled": [Cold(), *(Cold(scale) for scale in results.setting.grid(SCALES))],
        "warm": [Warm()],
    }
    points = [point for name, arms in series.items() for arm in arms if (point := _point(case, _label(arm), name))]
    caption = (
        "Accuracy against the effective scale of the second phase's start: the norm of all its weights over the fresh "
        "model's. 'norm-matched' is a fresh model whose every parameter has shrink-perturb's norm."
    )
    scale = Axis("effective scale of the start")
    return Curves("scales", caption, scale, Axis("accuracy", Format.SHARE), tuple(points))


def _point(case: CaseResults, arm: str, series: str) -> Point | None:
    scale = mean_interval(_scales(case, arm)).mean
    return None if scale is None else arm_point(case, arm, series=series, x=scale)


def _scales(case: CaseResults, arm: str) -> list[float | None]:
    norms = zip(case.reading(arm, "start norm"), case.reading(arm, "fresh norm"), strict=True)
    return [start / fresh if start is not None and fresh else None for start, fresh in norms]


@of_first_case
def _keeping_matters(results: Results, case: CaseResults) -> Judgement:
    pairs = [(_label(ShrinkPerturb(shrink)), _label(NormMatched(shrink))) for shrink in results.setting.grid(SHRINKS)]
    return in_all(
        if_trained(case, [arm, control], better(case.difference(arm, control), f"{arm} against {control}"))
        for arm, control in pairs
    )


@of_first_case
def _scale_alone_helps(results: Results, case: CaseResults) -> Judgement:
    arms = [_label(Cold(scale)) for scale in results.setting.grid(SCALES)]
    return in_some([partial(_helps, case, arm) for arm in arms])


def _helps(case: CaseResults, arm: str, confidence: float) -> Judgement:
    difference = case.difference(arm, confidence=confidence)
    return if_trained(case, ["cold", arm], better(difference, f"{arm} against cold"))


EXPERIMENT = Experiment(
    id="scale-control",
    number=18,
    title="The scale control",
    where="not in the paper",
    question="Is what shrink-perturb gains due to the weights it keeps, or to a start of smaller scale?",
    paper_setting="The paper has no such control; shrink-perturb leaves weights of a smaller norm than a fresh start.",
    deviations="None to report: this experiment is this project's own.",
    cases=_cases,
    exhibits=_exhibits,
    claims=(
        Claim(
            "Shrink-perturb is more accurate than a fresh model of the same norms.",
            _keeping_matters,
            published="Implied by the paper's account of shrink-perturb; never tested there.",
        ),
        Claim(
            "A cold start of smaller scale alone is more accurate than a cold start.",
            _scale_alone_helps,
            published="Not looked at.",
        ),
    ),
)
