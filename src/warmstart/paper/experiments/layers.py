"""Version 1, and appendix, Figure 14: warm-starting some layers only."""

from collections.abc import Sequence

from warmstart.models import LogisticRegression
from warmstart.paper._exhibits import Axis, Curves, Exhibit, Format
from warmstart.paper._experiment import Case, Claim, Experiment, Judgement
from warmstart.paper._judge import if_trained, in_all, of_first_case, worse
from warmstart.paper._results import CaseResults, Results
from warmstart.paper._setting import Setting
from warmstart.paper._show import arm_point, arms_table
from warmstart.strategies import Cold, KeepLayers, LayerEnd, Scope, ShrinkPerturb, Warm
from warmstart.studies import Arm

from ._levels import level
from ._study import only_case, paper_study

ID = "layers"
RESNET_LAYERS = 21
COUNTS = (1, 5, 9, 13, 17)
SHRUNK_HEAD = Arm(ShrinkPerturb(scope=Scope.HEAD))


def _cases(setting: Setting) -> Sequence[Case]:
    return only_case(
        paper_study(
            setting,
            [Cold(), Warm(), *(KeepLayers(which, count) for which, count in _kept(setting)), SHRUNK_HEAD],
        )
    )


def _kept(setting: Setting) -> list[tuple[LayerEnd, int]]:
    """Return which layers are kept, and how many; -1 is all but the head.

    What takes the place of ResNet-18 may have fewer layers, down to logistic regression, which is a head alone.
    """
    if isinstance(setting.model, LogisticRegression):
        return [(LayerEnd.LAST, 1)]
    counts = setting.grid(COUNTS) if setting.model is None else []
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
    kept = [(which, count, _x(results.setting, count)) for which, count in _kept(results.setting)]
    points = [
        arm_point(case, _label(which, count), series=f"{which} layers", x=x)
        for which, count, x in kept
        if x is not None
    ]
    ends = [x for _, _, x in kept if x is not None]
    levels = {"cold": "cold", "warm": "warm", SHRUNK_HEAD.label: "last layer shrunk"}
    return Curves(
        "accuracy-by-layers",
        "Accuracy after training on everything against how many layers start from the half's weights.",
        Axis("layers kept"),
        Axis("accuracy", Format.SHARE),
        (*points, *(point for arm, name in levels.items() for point in level(case, arm, ends, series=name))),
    )


def _x(setting: Setting, count: int) -> int | None:
    """Return how many layers are kept; None where only the number of those that are not is known."""
    if count > 0:
        return count
    return RESNET_LAYERS + count if setting.model is None else None


def _label(which: LayerEnd, count: int) -> str:
    return Arm(KeepLayers(which, count)).label


@of_first_case
def _some_layers_are_worse(results: Results, case: CaseResults) -> Judgement:
    return in_all(
        _against_cold(case, _label(which, count), _words(which, count)) for which, count in _kept(results.setting)
    )


def _words(which: LayerEnd, count: int) -> str:
    if count < 0:
        return "All layers but the last kept"
    return f"{which.capitalize()} {'layer' if count == 1 else f'{count} layers'} kept"


def _against_cold(case: CaseResults, arm: str, words: str) -> Judgement:
    return if_trained(case, ["cold", arm], worse(case.difference(arm), f"{words} against cold"))


@of_first_case
def _shrunk_head_is_worse(results: Results, case: CaseResults) -> Judgement:
    return _against_cold(case, SHRUNK_HEAD.label, "Last layer alone shrunk")


EXPERIMENT = Experiment(
    id=ID,
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
    cases=_cases,
    exhibits=_exhibits,
    claims=(
        Claim(
            "Warm-starting only some of the layers does not close the gap.",
            _some_layers_are_worse,
            published="No numbers are known.",
        ),
        Claim(
            "Shrinking only the last layer does not close the gap.",
            _shrunk_head_is_worse,
            published="No numbers are known.",
        ),
    ),
)
