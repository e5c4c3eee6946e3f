"""Appendix, figure 12: shrink-perturb at every step."""

from collections.abc import Sequence
from functools import partial

from warmstart.paper._exhibits import Axis, Curves, Exhibit, Format
from warmstart.paper._experiment import Case, Claim, Experiment, Judgement
from warmstart.paper._judge import better, if_trained, in_some, of_first_case
from warmstart.paper._results import CaseResults, Results
from warmstart.paper._setting import Setting
from warmstart.paper._show import arm_point, arms_table
from warmstart.strategies import Cold
from warmstart.streams import Part
from warmstart.studies import Arm

from ._study import only_case, paper_study

NOISE = 1e-4
SHRINKS = (0.9999, 0.9997, 0.999, 0.997)


def _arm(shrink: float) -> Arm:
    return Arm(Cold(), step_shrink=shrink, step_noise=NOISE)


def _cases(setting: Setting) -> Sequence[Case]:
    return only_case(
        paper_study(
            setting,
            [Cold(), *map(_arm, setting.grid(SHRINKS))],
            stream=Part(),
        )
    )


def _exhibits(results: Results) -> Sequence[Exhibit]:
    table = arms_table("accuracy", "Accuracy after one round on all data.", results.cases)
    return [table, *(_chart(results, case) for case in results.cases)]


def _chart(results: Results, case: CaseResults) -> Curves:
    shrinks = results.setting.grid(SHRINKS)
    arms = [("cold", 0.0), *((_arm(shrink).label, 1 - shrink) for shrink in shrinks)]
    caption = f"Accuracy against what every step takes off the weights; noise of {NOISE:g} a step, none at 0."
    points = tuple(arm_point(case, label, series="accuracy", x=x) for label, x in arms)
    return Curves("shrinks", caption, Axis("1 - factor of every step"), Axis("accuracy", Format.SHARE), points)


@of_first_case
def _regularizes(results: Results, case: CaseResults) -> Judgement:
    arms = [_arm(shrink).label for shrink in results.setting.grid(SHRINKS)]
    return in_some([partial(_helps, case, arm) for arm in arms])


def _helps(case: CaseResults, arm: str, confidence: float) -> Judgement:
    difference = case.difference(arm, confidence=confidence)
    return if_trained(case, ["cold", arm], better(difference, f"{arm} against none"))


EXPERIMENT = Experiment(
    id="every-step",
    number=17,
    title="Shrink-perturb at every step",
    where="Appendix, figure 12",
    question="Is shrink-perturb a regularizer when it is applied at every step on data that do not change?",
    paper_setting="Static data; weights are shrunk and perturbed after every step of SGD.",
    deviations="Adam; factors and noise are this project's choice, since the paper's are not known.",
    cases=_cases,
    exhibits=_exhibits,
    claims=(
        Claim(
            "At some strength it makes the model more accurate than plain training.",
            _regularizes,
            published="Described as only mildly regularizing; no numbers are known.",
        ),
    ),
)
