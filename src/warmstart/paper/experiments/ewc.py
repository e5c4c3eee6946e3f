"""Version 1: elastic weight consolidation."""

from collections.abc import Sequence

from warmstart.paper.kit.exhibits import ACCURACY_AXIS, Axis, Curves, Exhibit
from warmstart.paper.kit.experiment import Claim, Experiment, Judgement, only_case
from warmstart.paper.kit.judge import not_better, of_first_case, worse
from warmstart.paper.kit.points import arm_point, level_points
from warmstart.paper.kit.pooled import Comparison, mean_judged
from warmstart.paper.kit.results import CaseResults, Results
from warmstart.paper.kit.tables import arms_table
from warmstart.penalties import EWC
from warmstart.strategies import Cold, Warm
from warmstart.studies import Arm

# The paper names none; these span three decades. What matters is their size beside 1 over the mean Fisher information:
# seen about 1,000 on digits, and 66 for the desk setting's network.
STRENGTHS = (1.0, 10.0, 100.0, 1000.0)
DESK_STRENGTHS = (100.0, 1_000.0, 10_000.0)


def _consolidated(strength: float) -> Arm:
    # The penalty holds weights where the previous round left them, so that only a warm start can be held.
    return Arm(Warm(), penalty=EWC(strength=strength))


def _exhibits(results: Results) -> Sequence[Exhibit]:
    caption = "Accuracy after training on everything, with the half's weights held where the half needed them."
    strengths = results.setting.grid(STRENGTHS, desk=DESK_STRENGTHS)
    charts = [
        Curves(
            "accuracy-by-strength",
            "Accuracy after training on everything against the strength of the consolidation.",
            Axis("strength of the penalty", log=True),
            ACCURACY_AXIS,
            (
                *(arm_point(case, _consolidated(s).label, series="warm, consolidated", x=s) for s in strengths),
                *level_points(case, {"cold": "cold", "warm": "warm"}, strengths),
            ),
        )
        for case in results.cases
    ]
    return [arms_table("accuracy", caption, results.cases), *charts]


def _against_plain(case: CaseResults, strengths: Sequence[float]) -> list[Comparison]:
    comparisons: list[Comparison] = []
    for strength in strengths:
        columns = case.accuracies(_consolidated(strength).label), case.accuracies("warm")
        # A strong penalty may keep the model from fitting the data: that is harm, too, and not a limit of the scale. So
        # only the plain warm start must have been trained to the end.
        what = f"Consolidation of strength {strength:g} against plain warm start"
        comparisons.append(Comparison(what, *columns, case.training_problem(["warm"])))
    return comparisons


@of_first_case
def strong_ones_harm(results: Results, case: CaseResults) -> Judgement:
    """Judge the mean over the stronger half of the strengths against a plain warm start."""
    # The weakest change nothing that could be measured; the paper does not say which it took.
    strengths = sorted(results.setting.grid(STRENGTHS, desk=DESK_STRENGTHS))
    comparisons = _against_plain(case, strengths[len(strengths) // 2 :])
    return mean_judged(comparisons, worse, what="Strong consolidation against none", confidence=case.confidence)


@of_first_case
def none_helps(results: Results, case: CaseResults) -> Judgement:
    """Judge that the mean over all strengths is no gain, and that no single one is."""
    comparisons = _against_plain(case, results.setting.grid(STRENGTHS, desk=DESK_STRENGTHS))
    return mean_judged(comparisons, not_better, what="Consolidation against none", confidence=case.confidence)


EXPERIMENT = Experiment(
    id="ewc",
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
    declare=lambda setting: only_case(
        setting, [Cold(), Warm(), *map(_consolidated, setting.grid(STRENGTHS, desk=DESK_STRENGTHS))]
    ),
    exhibits=_exhibits,
    claims=(
        Claim(
            "Strong elastic weight consolidation makes results worse than a plain warm start.",
            strong_ones_harm,
            published="It makes results worse. No numbers are known.",
            seeds=5,
        ),
        Claim(
            "At no strength does it make the warm start more accurate.",
            none_helps,
            published="It makes results worse. No numbers are known.",
            seeds=5,
        ),
    ),
)
