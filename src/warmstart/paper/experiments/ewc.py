"""Version 1: elastic weight consolidation."""

from collections.abc import Sequence

from warmstart.paper._exhibits import Axis, Curves, Exhibit, Format
from warmstart.paper._experiment import Case, Claim, Experiment, Judgement
from warmstart.paper._judge import if_trained, in_all, not_better, of_first_case, worse
from warmstart.paper._results import CaseResults, Results
from warmstart.paper._setting import Setting
from warmstart.paper._show import arm_point, arms_table
from warmstart.penalties import EWC
from warmstart.strategies import Cold, Warm
from warmstart.studies import Arm

from ._levels import level
from ._study import only_case, paper_study

ID = "ewc"
STRENGTHS = (1.0, 10.0, 100.0, 1000.0)


def _cases(setting: Setting) -> Sequence[Case]:
    return only_case(
        paper_study(
            setting,
            [Cold(), Warm(), *(_consolidated(strength) for strength in setting.grid(STRENGTHS))],
        )
    )


def _consolidated(strength: float) -> Arm:
    return Arm(Warm(), penalty=EWC(strength=strength))


def _exhibits(results: Results) -> Sequence[Exhibit]:
    caption = "Accuracy after training on everything, with the half's weights held where the half needed them."
    return [arms_table("accuracy", caption, results.cases), *(_chart(results, case) for case in results.cases)]


def _chart(results: Results, case: CaseResults) -> Curves:
    strengths = results.setting.grid(STRENGTHS)
    ours = [arm_point(case, _consolidated(s).label, series="warm, consolidated", x=s) for s in strengths]
    without = [point for arm in ("cold", "warm") for point in level(case, arm, strengths, series=arm)]
    return Curves(
        "accuracy-by-strength",
        "Accuracy after training on everything against the strength of the consolidation.",
        Axis("strength of the penalty", log=True),
        Axis("accuracy", Format.SHARE),
        (*ours, *without),
    )


@of_first_case
def _strongest_is_worse(results: Results, case: CaseResults) -> Judgement:
    strength = max(results.setting.grid(STRENGTHS))
    difference = case.difference(_consolidated(strength).label, "warm")
    # The strongest may keep the model from fitting the data: that is harm too, and no fault of the scale.
    return if_trained(
        case, ["warm"], worse(difference, f"Consolidation of strength {strength:g} against plain warm start")
    )


@of_first_case
def _never_helps(results: Results, case: CaseResults) -> Judgement:
    return in_all(_does_not_help(case, strength) for strength in results.setting.grid(STRENGTHS))


def _does_not_help(case: CaseResults, strength: float) -> Judgement:
    difference = case.difference(_consolidated(strength).label, "warm")
    what = f"Consolidation of strength {strength:g} against plain warm start"
    return if_trained(case, ["warm"], not_better(difference, what))


EXPERIMENT = Experiment(
    id=ID,
    number=13,
    title="Elastic weight consolidation",
    where="Version 1",
    question="Is the warm-start gap a matter of forgetting, which elastic weight consolidation prevents?",
    paper_setting=(
        "CIFAR-10, ResNet; half of the data, then everything; in the second round moving a weight costs in proportion "
        "to its Fisher information in the first."
    ),
    deviations=(
        "Strengths and optimizer are chosen here: 1 to 1000, and Adam with learning rate 1e-3; the Fisher information "
        "is the empirical one, of 1,024 samples of the half."
    ),
    cases=_cases,
    exhibits=_exhibits,
    claims=(
        Claim(
            "Strong elastic weight consolidation makes results worse than a plain warm start.",
            _strongest_is_worse,
            published="It makes results worse. No numbers are known.",
        ),
        Claim(
            "At no strength does it make the warm start more accurate.",
            _never_helps,
            published="It makes results worse. No numbers are known.",
        ),
    ),
)
