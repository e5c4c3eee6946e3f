"""Appendix, Table 3: regularization in both rounds."""

from collections.abc import Callable, Sequence
from itertools import product

from warmstart.paper.kit.exhibits import ACCURACY_AXIS, Axis, Curves, Exhibit, Table
from warmstart.paper.kit.experiment import Case, Claim, Experiment, Judgement, Verdict, paper_study
from warmstart.paper.kit.judge import better, in_all, worse
from warmstart.paper.kit.points import arm_point, at_full_scale, level_points, published_points
from warmstart.paper.kit.pooled import Comparison, best_judged, compared, mean_judged
from warmstart.paper.kit.results import CaseResults, Results
from warmstart.paper.kit.setting import Desk, Setting
from warmstart.paper.kit.tables import NO_VALUE, on_papers_data, percent, published_text
from warmstart.penalties import L2, Adversarial, Confidence, Penalty
from warmstart.statistics import describe_difference
from warmstart.strategies import Cold, Strategy, Warm
from warmstart.studies import Arm
from warmstart.training import OptimizerKind

ID = "regularization"
STARTS: dict[str, Strategy] = {"cold": Cold(), "warm": Warm()}
STRENGTHS = (1e-1, 1e-2, 1e-3, 1e-4)
# With a learning rate of 0.1, L2 of 0.1 keeps a network from learning.
DESK_STRENGTHS = (1e-2, 1e-3)
# About 8 grey levels of 255, in units of inputs that are normalized to [-1, 1].
EPSILON = 0.0627
# The paper gives penalties of adversarial training, too: they are taken as weights of the adversarial loss.
PENALTIES: dict[str, Callable[[float], Penalty]] = {
    "l2": L2,
    "adversarial": lambda strength: Adversarial(strength, EPSILON),
    "confidence": Confidence,
}


def _cases(setting: Setting) -> Sequence[Case]:
    # Every study has both starts without a penalty, too: gains are paired within a study.
    strengths, recipe = (None, *setting.grid(STRENGTHS, desk=DESK_STRENGTHS)), setting.recipe(OptimizerKind.SGD)
    cases: list[Case] = []
    for penalty in PENALTIES:
        arms = [penalized_arm(start, penalty, strength) for strength in strengths for start in STARTS]
        cases.append(Case({"penalty": penalty}, paper_study(setting, arms, recipe=recipe)))
    return cases


def penalized_arm(start: str, penalty: str, strength: float | None) -> Arm:
    """Return an arm with a penalty in both rounds; None: without."""
    return Arm(STARTS[start], penalty=None if strength is None else PENALTIES[penalty](strength))


def _label(case: CaseResults, start: str, strength: float | None) -> str:
    return penalized_arm(start, case.facets["penalty"], strength).label


def _exhibits(results: Results) -> Sequence[Exhibit]:
    rows: list[tuple[str, ...]] = []
    for case, strength in product(results.cases, (None, *results.setting.grid(STRENGTHS, desk=DESK_STRENGTHS))):
        cold, warm = (_label(case, start, strength) for start in STARTS)
        rows.append(
            (
                case.facets["penalty"],
                "none" if strength is None else f"{strength:g}",
                percent(case.accuracy(cold)),
                percent(case.accuracy(warm)),
                describe_difference(case.difference(warm, cold)),
                *(on_papers_data(results, text) for text in published_texts(case.facets["penalty"], strength)),
            )
        )
    caption = (
        "Accuracy after training on everything with a penalty in both rounds, mean over seeds with half its 95 % "
        "interval; the difference is paired by seed, in percentage points."
    )
    header = ("penalty", "strength", "cold %", "warm %", "warm against cold", "paper cold %", "paper warm %")
    return [Table("accuracy", caption, header, tuple(rows)), *(_chart(results, case) for case in results.cases)]


def published_texts(penalty: str, strength: float | None) -> list[str]:
    """Return the published accuracies of a cold and of a warm start."""
    if strength is None:  # published in Table 1, not in Table 3
        return [NO_VALUE] * len(STARTS)
    return [published_text(ID, arm=start, penalty=penalty, strength=strength) for start in STARTS]


def _chart(results: Results, case: CaseResults) -> Curves:
    penalty, strengths = case.facets["penalty"], results.setting.grid(STRENGTHS, desk=DESK_STRENGTHS)
    ours = [arm_point(case, _label(case, start, x), series=start, x=x) for start in STARTS for x in strengths]
    without = level_points(case, {start: f"{start}, no penalty" for start in STARTS}, strengths)
    of_paper = published_points(ID, series=lambda number: str(number.facets["arm"]), x="strength", penalty=penalty)
    return Curves(
        f"accuracy-{penalty}",
        f"Accuracy after training on everything against the strength of the penalty, {penalty}, in both rounds.",
        Axis("strength of the penalty", log=True),
        ACCURACY_AXIS,
        (*ours, *without, *at_full_scale(results, of_paper)),
    )


def helps_both(results: Results) -> Judgement:
    """Judge the best penalty for a cold start, and for a warm one, against none."""
    judgements: list[Judgement] = []
    # The best need not be the same for both.
    for start in STARTS:
        candidates = [
            compared(case, _label(case, start, strength), start, what=f"{case.facets['penalty']} {strength:g}")
            for case, strength in product(results.cases, results.setting.grid(STRENGTHS, desk=DESK_STRENGTHS))
        ]
        what = f"{start.capitalize()} with a penalty against without"
        judgements.append(best_judged(candidates, better, what=what, confidence=results.confidence))
    return in_all(judgements)


def gap_stays(results: Results) -> Judgement:
    """Judge the mean gap with the same penalty, unless one penalty is known to close it."""
    comparisons: list[Comparison] = []
    for case, strength in product(results.cases, results.setting.grid(STRENGTHS, desk=DESK_STRENGTHS)):
        cold, warm = (_label(case, start, strength) for start in STARTS)
        # A penalty that ruins the cold start, too, leaves no gap either, but does not close it.
        harm = worse(case.difference(cold, confidence=case.confidence), "").verdict is Verdict.REPRODUCED
        what = f"Warm against cold, both with {case.facets['penalty']} {strength:g}"
        comparisons.append(compared(case, warm, cold, what=what, may_contradict=not harm))
    return mean_judged(comparisons, worse, what="Warm against cold", confidence=results.confidence)


EXPERIMENT = Experiment(
    id=ID,
    number=10,
    title="Regularization in both rounds",
    where="Appendix, Table 3",
    question="Does regularization close the warm-start gap?",
    paper_setting=(
        "CIFAR-10, ResNet-18, SGD with learning rate 1e-3; half of the data, then everything; until 99 % training "
        "accuracy; an L2 penalty, adversarial training or a confidence penalty in both rounds, each of 1e-1 to 1e-4."
    ),
    deviations=(
        "Of adversarial training the paper gives penalties without saying what they are: here they are the weight of "
        f"the loss on adversarial examples, which differ from the inputs by {EPSILON} in units of normalized inputs, "
        "about 8 grey levels of 255; L2 is half the strength times the squared norm of all trainable parameters."
    ),
    declare=_cases,
    desk=Desk(seeds=5),
    exhibits=_exhibits,
    claims=(
        Claim(
            "Regularization makes cold and warm starts more accurate.",
            helps_both,
            published=(
                "L2 of 0.1: 72.7 % cold and 63.9 % warm, against 56.2 % and 51.7 % without (Table 1); with the eleven "
                "other penalties at most 55.9 % and 52.7 %."
            ),
            reproduction="Weight decay of 0.1 with SGD: 81.44 % cold and 81.16 % warm, against 60.3 % and 57.8 %.",
            seeds=6,
        ),
        Claim(
            "It does not close the gap: with the same penalty warm starting stays less accurate.",
            gap_stays,
            published="Warm is lower with all twelve penalties, by 2.4 to 8.8 points.",
            reproduction=(
                "With SGD the gap closes with weight decay 0.1: 81.44 % cold, 81.16 % warm; it stays with 0.01, 62.73 "
                "and 61.22, and with 0.001, 60.42 and 58.63."
            ),
            seeds=5,
        ),
    ),
)
