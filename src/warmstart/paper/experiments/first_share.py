"""Appendix, Figure 10: the gap against the share of the data in the first round."""

from collections.abc import Sequence

from warmstart.paper.kit.exhibits import ACCURACY_AXIS, POINTS_AXIS, Axis, Curves, Exhibit
from warmstart.paper.kit.experiment import Case, Claim, Experiment, Judgement, paper_study
from warmstart.paper.kit.judge import not_better, worse
from warmstart.paper.kit.points import arm_point, estimate_point
from warmstart.paper.kit.pooled import compared, mean_judged
from warmstart.paper.kit.results import Results
from warmstart.paper.kit.setting import Desk, Setting
from warmstart.paper.kit.tables import arms_table
from warmstart.strategies import Cold, Warm
from warmstart.streams import TwoPhase
from warmstart.training import OptimizerKind

# The figure's shares are not known. With a half it is the study of Table 1.
SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)
DESK_SHARES = (0.1, 0.5, 0.9)
SHARE_AXIS = Axis("share of the data in the first round")


def _cases(setting: Setting) -> Sequence[Case]:
    return [
        Case(
            {"share": f"{share:g}"},
            paper_study(setting, [Cold(), Warm()], stream=TwoPhase(share), recipe=setting.recipe(OptimizerKind.SGD)),
        )
        for share in setting.grid(SHARES, desk=DESK_SHARES)
    ]


def _exhibits(results: Results) -> Sequence[Exhibit]:
    by_share = [(float(case.facets["share"]), case) for case in results.cases]
    accuracies = [arm_point(case, arm, series=arm, x=share) for share, case in by_share for arm in case.arms]
    gaps = [estimate_point("warm minus cold", share, case.difference("warm"), times=100) for share, case in by_share]
    caption = "after training on everything, by the share of the data that the first round was trained on."
    return [
        arms_table("accuracy", f"Accuracy {caption}", results.cases),
        Curves(
            "gap",
            f"Accuracy minus that of the cold start, in points, {caption}",
            SHARE_AXIS,
            POINTS_AXIS,
            tuple(gaps),
            zero=True,
        ),
        Curves("accuracies", f"Accuracy {caption}", SHARE_AXIS, ACCURACY_AXIS, tuple(accuracies)),
    ]


def warm_hurts(results: Results) -> Judgement:
    """Judge warm against cold starts in the mean over shares; one share at which warm gains contradicts the claim."""
    comparisons = [
        compared(case, "warm", what=f"Warm against cold, first round with {float(case.facets['share']):.0%}")
        for case in results.cases
    ]
    confidence = results.confidence
    return mean_judged(comparisons, worse, what="Warm against cold", confidence=confidence, single=not_better)


EXPERIMENT = Experiment(
    id="first-share",
    number=19,
    title="The share of the first round",
    where="Figure 10 (appendix)",
    question="Does the warm-start gap depend on how much of the data the first round was trained on?",
    paper_setting="A model trained on a share of the data and then on all of them; which shares is not known.",
    deviations=(
        "The shares, the optimizer (SGD) and the stop at 99 % training accuracy are ours; CIFAR-10 and ResNet-18 as in "
        "the experiments beside it."
    ),
    declare=_cases,
    desk=Desk(),
    exhibits=_exhibits,
    claims=(
        Claim(
            "Whatever share of the data the first round is trained on, a warm start is less accurate than a cold one.",
            warm_hurts,
            published="The figure shows the gap against the share; no numbers are known.",
            seeds=3,
        ),
    ),
)
