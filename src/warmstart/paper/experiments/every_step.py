"""Appendix, figure 12: shrink-perturb at every step."""

from collections.abc import Sequence

from warmstart.paper.kit.exhibits import ACCURACY_AXIS, Axis, Curves, Exhibit
from warmstart.paper.kit.experiment import Claim, Experiment, Judgement, only_case
from warmstart.paper.kit.judge import better, of_first_case
from warmstart.paper.kit.points import arm_point
from warmstart.paper.kit.pooled import best_judged, compared
from warmstart.paper.kit.results import CaseResults, Results
from warmstart.paper.kit.setting import Desk, Setting
from warmstart.paper.kit.tables import arms_table
from warmstart.strategies import Cold
from warmstart.streams import Part
from warmstart.studies import Arm

# Noise and factors are chosen here, since the paper's are not known.
NOISE = 1e-4
# The factor acts at every step: over a thousand steps 0.9999 leaves 90 % of a weight, and 0.997 leaves 5 %.
SHRINKS = (0.9999, 0.9997, 0.999, 0.997)


def _arms(setting: Setting) -> dict[float, Arm]:
    """Return the arms by the factor of every step."""
    return {shrink: Arm(Cold(), step_shrink=shrink, step_noise=NOISE) for shrink in setting.grid(SHRINKS)}


def _exhibits(results: Results) -> Sequence[Exhibit]:
    table = arms_table("accuracy", "Accuracy after one round on all data.", results.cases)
    positions = {"cold": 0.0} | {arm.label: 1 - shrink for shrink, arm in _arms(results.setting).items()}
    caption = f"Accuracy against what every step takes off the weights; noise of {NOISE:g} a step, none at 0."
    x = Axis("1 - factor of every step")
    return [
        table,
        *(
            Curves(
                "shrinks",
                caption,
                x,
                ACCURACY_AXIS,
                tuple(arm_point(case, a, series="accuracy", x=at) for a, at in positions.items()),
            )
            for case in results.cases
        ),
    ]


@of_first_case
def some_strength_helps(results: Results, case: CaseResults) -> Judgement:
    """Judge the best factor against plain training."""
    candidates = [compared(case, arm.label, what=arm.label) for arm in _arms(results.setting).values()]
    what = "Shrink-perturb at every step against none"
    return best_judged(candidates, better, what=what, confidence=case.confidence)


EXPERIMENT = Experiment(
    id="every-step",
    number=17,
    title="Shrink-perturb at every step",
    where="Appendix, figure 12",
    question="Is shrink-perturb a regularizer when it is applied at every step on data that do not change?",
    paper_setting="Static data; weights are shrunk and perturbed after every step of SGD.",
    deviations="Adam; factors and noise are this project's choice, since the paper's are not known.",
    # One round on all data: what changes is the regularizer alone, not what the model has seen before.
    declare=lambda setting: only_case(setting, [Cold(), *_arms(setting).values()], stream=Part()),
    desk=Desk(),
    exhibits=_exhibits,
    claims=(
        Claim(
            "At some strength it makes the model more accurate than plain training.",
            some_strength_helps,
            published="Described as only mildly regularizing; no numbers are known.",
            seeds=6,
        ),
    ),
)
