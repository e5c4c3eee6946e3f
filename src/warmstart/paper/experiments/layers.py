"""Version 1, and appendix, Figure 14: warm-starting some layers only."""

from collections.abc import Sequence

from warmstart.models import LogisticRegression
from warmstart.paper.kit.exhibits import ACCURACY_AXIS, Axis, Curves, Exhibit
from warmstart.paper.kit.experiment import Case, Claim, Experiment, Judgement, only_case
from warmstart.paper.kit.judge import compare, of_first_case, worse
from warmstart.paper.kit.points import arm_point, level_points
from warmstart.paper.kit.pooled import Comparison, compared, mean_judged
from warmstart.paper.kit.results import CaseResults, Results
from warmstart.paper.kit.setting import Desk, Setting
from warmstart.paper.kit.tables import arms_table
from warmstart.strategies import Cold, KeepLayers, LayerEnd, Scope, ShrinkPerturb, Warm
from warmstart.studies import Arm

# 17 convolutions, 3 shortcuts and the head; a model's layers are counted as KeepLayers does.
RESNET_LAYERS = 21
COUNTS = (1, 5, 9, 13, 17)
# 4 convolutions and the head of the desk setting's ConvNet.
DESK_LAYERS = 5
DESK_COUNTS = (1, 2)
# The other way round: all layers are kept as they are, and only the head is shrunk.
SHRUNK_HEAD = Arm(ShrinkPerturb(scope=Scope.HEAD))


def _cases(setting: Setting) -> Sequence[Case]:
    return only_case(setting, [Cold(), Warm(), *(KeepLayers(end, n) for end, n in kept_layers(setting)), SHRUNK_HEAD])


def kept_layers(setting: Setting) -> list[tuple[LayerEnd, int]]:
    """Return which layers are kept, and how many; -1 is all but the head."""
    # A model that replaces ResNet-18 may have fewer layers than COUNTS asks for, down to logistic regression, which has
    # a head alone. Every other model has a first layer, a head and all but the head.
    if isinstance(setting.model, LogisticRegression):
        return [(LayerEnd.LAST, 1)]
    counts = setting.grid(COUNTS, desk=DESK_COUNTS) if setting.model is None else []
    first = [(LayerEnd.FIRST, count) for count in (*counts, -1)]
    return [*first, *((LayerEnd.LAST, count) for count in dict.fromkeys((1, *counts)))]


def _exhibits(results: Results) -> Sequence[Exhibit]:
    caption = (
        "Accuracy after training on everything where some layers start from the half's weights and all others from "
        "fresh ones, and where only the last layer is shrunk and perturbed. keep-layers alone keeps the first layer, "
        "layers=-1 all but one."
    )
    return [arms_table("accuracy", caption, results.cases), *(_chart(results, case) for case in results.cases)]


def _chart(results: Results, case: CaseResults) -> Curves:
    kept = [(end, count, number_kept(results.setting, count)) for end, count in kept_layers(results.setting)]
    # "All but the head" of a model of unknown depth has no place on the axis; the table has it.
    drawn = [(Arm(KeepLayers(end, count)).label, f"{end} layers", x) for end, count, x in kept if x is not None]
    levels = {"cold": "cold", "warm": "warm", SHRUNK_HEAD.label: "last layer shrunk"}
    return Curves(
        "accuracy-by-layers",
        "Accuracy after training on everything against how many layers start from the half's weights.",
        Axis("layers kept"),
        ACCURACY_AXIS,
        (
            *(arm_point(case, arm, series=series, x=x) for arm, series, x in drawn),
            *level_points(case, levels, [x for _, _, x in drawn]),
        ),
    )


def number_kept(setting: Setting, count: int) -> int | None:
    """Return how many layers are kept; None for all but some of a model whose number of layers is unknown."""
    if count > 0:
        return count
    if setting.model is not None:
        return None
    return (DESK_LAYERS if setting.desk else RESNET_LAYERS) + count


@of_first_case
def some_layers_are_worse(results: Results, case: CaseResults) -> Judgement:
    """Judge the mean over all choices of layers against a cold start, unless one is known to be as accurate."""
    comparisons: list[Comparison] = []
    for end, count in kept_layers(results.setting):
        layers = "layer" if count == 1 else f"{count} layers"
        words = "All layers but the last kept" if count < 0 else f"{end.capitalize()} {layers} kept"
        comparisons.append(compared(case, Arm(KeepLayers(end, count)).label, what=f"{words} against cold"))
    return mean_judged(comparisons, worse, what="Some layers kept against cold", confidence=case.confidence)


EXPERIMENT = Experiment(
    id="layers",
    number=12,
    title="Warm-starting some layers only",
    where="Version 1; appendix, Figure 14",
    question="Is the warm-start gap due to particular layers?",
    paper_setting=(
        "CIFAR-10, ResNet; half of the data, then everything; the first or the last layers start from the half's "
        "weights and all others from fresh ones, or only the last layer is shrunk."
    ),
    deviations=(
        "How many layers, and the optimizer, are chosen here: 1, 5, 9, 13 and 17 of ResNet-18's 21 layers, all but the "
        "last, and Adam with learning rate 1e-3; the last layer is shrunk to 0.4, plus 0.1 times a fresh one."
    ),
    declare=_cases,
    desk=Desk(),
    exhibits=_exhibits,
    claims=(
        Claim(
            "Warm-starting only some of the layers does not close the gap.",
            some_layers_are_worse,
            published="No numbers are known.",
        ),
        Claim(
            "Shrinking only the last layer does not close the gap.",
            of_first_case(
                lambda _, case: compare(worse, case, SHRUNK_HEAD.label, what="Last layer alone shrunk against cold")
            ),
            published="No numbers are known.",
        ),
    ),
)
