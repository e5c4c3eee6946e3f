"""Figure 6: what shrinking does without retraining."""

from collections.abc import Sequence
from functools import partial

from warmstart.diagnostics import ShrinkCurve
from warmstart.models import MLP
from warmstart.paper.kit.exhibits import ACCURACY_AXIS, Axis, Curves, Exhibit, Point, Table
from warmstart.paper.kit.experiment import Case, Claim, Experiment, Judgement, paper_study
from warmstart.paper.kit.judge import DifferenceJudge, if_trained, in_all, not_worse, unchanged, worse
from warmstart.paper.kit.points import estimate_point
from warmstart.paper.kit.results import CaseResults, Results
from warmstart.paper.kit.setting import Desk, Setting
from warmstart.paper.kit.tables import percent
from warmstart.statistics import mean_interval, paired_difference
from warmstart.strategies import Cold
from warmstart.streams import Part

STEPS = 10
# Accuracy is lost if more than this is; a detectable loss of half a point is none.
LOST = 0.05
FACTORS = tuple(step / STEPS for step in range(STEPS + 1))
# Names of the readings: with running statistics that fit the shrunk weights, and with those of the unshrunk model.
FITTING, UNSHRUNK = "recalibrated shrink", "shrink"
# Down to here accuracy is claimed to survive. Of ResNets the reproduction says so above 0.2; "moderate" shrinking of
# other models with biases is no number in the paper.
NORMALIZED_SURVIVES, BIASED_SURVIVES = 0.3, 0.8


def _cases(setting: Setting) -> Sequence[Case]:
    models = {
        # Without biases a factor on all weights is a factor on the outputs, which leaves predictions as they are.
        "mlp without biases": MLP(layers=3, width=100, bias=False),
        "mlp": MLP(layers=3, width=100),
        setting.network: setting.resnet,
    }
    # Recalibrating changes nothing where nothing is normalized, so that perceptrons are measured once.
    curves = [ShrinkCurve(STEPS, recalibrate=True), ShrinkCurve(STEPS)]
    return [
        Case(
            {"model": name},
            paper_study(
                setting,
                [Cold()],
                architecture=model,
                stream=Part(),
                stop=setting.stop(patience=10),
                measurements=curves if name == setting.network else curves[:1],
            ),
        )
        for name, model in models.items()
    ]


def _accuracies(case: CaseResults, factor: float, kind: str = FITTING) -> list[float | None]:
    return case.reading("cold", f"{kind} {factor:g}")


def _exhibits(results: Results) -> Sequence[Exhibit]:
    points: list[Point] = []
    rows: list[tuple[str, ...]] = []
    for case in results.cases:
        for kind, note in ((FITTING, ""), (UNSHRUNK, ", statistics of the unshrunk model")):
            means = {factor: mean_interval(_accuracies(case, factor, kind)) for factor in FACTORS}
            if kind == UNSHRUNK and means[1.0].mean is None:
                continue
            model = f"{case.facets['model']}{note}"
            points += [estimate_point(model, factor, mean) for factor, mean in means.items()]
            rows.append((model, *(percent(means[factor]) for factor in FACTORS[::-1])))
    chart_caption = (
        "Accuracy of trained models whose weights are all multiplied by one factor, without any further training. "
        "Running statistics of normalization are estimated anew for the shrunk weights, unless the legend says "
        "otherwise."
    )
    table_caption = "Accuracy in per cent by factor, mean over seeds with half its 95 % interval."
    return [
        Curves("accuracy", chart_caption, Axis("factor"), ACCURACY_AXIS, tuple(points)),
        Table("factors", table_caption, ("model", *(f"{factor:g}" for factor in FACTORS[::-1])), tuple(rows)),
    ]


def _against_unshrunk(judge: DifferenceJudge, case: CaseResults, factor: float) -> Judgement:
    columns = _accuracies(case, factor), _accuracies(case, 1.0)
    difference = paired_difference(*columns, confidence=case.confidence)
    return if_trained(case, case.arms, judge(difference, f"{case.facets['model']} at {factor:g} against unshrunk"))


def is_invariant(results: Results) -> Judgement:
    """Judge that no factor but 0 changes the accuracy of a perceptron without biases."""
    # A tenth of a point, since rounding may turn a tie; factor 0 is no model, and 1 the reference itself.
    judge = partial(unchanged, margin=0.001)
    cases = results.where(model="mlp without biases")
    return in_all(_against_unshrunk(judge, case, factor) for case in cases for factor in FACTORS[1:-1])


def survives(results: Results) -> Judgement:
    """Judge that other models keep their accuracy down to a factor of their own."""
    found = [
        _against_unshrunk(partial(not_worse, margin=0.02), case, factor)
        for model, factor in (("mlp", BIASED_SURVIVES), (results.setting.network, NORMALIZED_SURVIVES))
        for case in results.where(model=model)
    ]
    return in_all(found)


def is_lost(results: Results) -> Judgement:
    """Judge that other models lose accuracy at the smallest factor."""
    # "Small" is no number in the paper: the smallest factor but 0 is taken.
    others = [case for model in ("mlp", results.setting.network) for case in results.where(model=model)]
    return in_all(_against_unshrunk(partial(worse, least=LOST), case, FACTORS[1]) for case in others)


EXPERIMENT = Experiment(
    id="shrink-only",
    number=14,
    title="Shrinking without retraining",
    where="Figure 6",
    question="How far can weights be shrunk before the model's predictions change?",
    paper_setting="Trained models, all weights multiplied by a factor between 0 and 1; no retraining.",
    deviations=(
        "The perceptrons have three hidden layers of 100 ReLU units. Claims are judged with running statistics of "
        "BatchNorm that are estimated anew for the shrunk weights; with those of the unshrunk model, which are shown "
        "as well, a network collapses at once. Accuracy is taken to survive if it does at 0.3 (ResNet) and 0.8 "
        "(perceptron with biases), and to be lost "
        "if it is lower by more than 5 points at 0.1."
    ),
    declare=_cases,
    desk=Desk(),
    exhibits=_exhibits,
    claims=(
        Claim(
            "A ReLU perceptron without biases stays as accurate, however far it is shrunk.",
            is_invariant,
            published="The figure shows a constant line; no numbers are known.",
            seeds=3,
        ),
        Claim(
            "With biases or BatchNorm, accuracy survives moderate shrinking.",
            survives,
            published="Shown in the figure; no numbers are known.",
            reproduction="No significant damage to ResNets by factors above 0.2.",
            seeds=4,
        ),
        Claim(
            "With biases or BatchNorm, accuracy is lost when the factor is small.",
            is_lost,
            published="Shown in the figure; no numbers are known.",
            reproduction="No significant damage to ResNets by factors above 0.2; below, nothing is known here.",
            seeds=3,
        ),
    ),
)
