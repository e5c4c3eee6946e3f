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
FACTORS = tuple(step / STEPS for step in range(STEPS + 1))


def _cases(setting: Setting) -> Sequence[Case]:
    models = {
        # Without biases a factor on all weights is a factor on the outputs, which leaves predictions as they are.
        "mlp without biases": MLP(layers=3, width=100, bias=False),
        "mlp": MLP(layers=3, width=100),
        setting.network: setting.resnet,
    }
    return [
        Case(
            {"model": name},
            paper_study(
                setting,
                [Cold()],
                architecture=model,
                stream=Part(),
                stop=setting.stop(patience=10),
                measurements=[ShrinkCurve(STEPS)],
            ),
        )
        for name, model in models.items()
    ]


def _accuracies(case: CaseResults, factor: float) -> list[float | None]:
    return case.reading("cold", f"shrink {factor:g}")


def _exhibits(results: Results) -> Sequence[Exhibit]:
    points: list[Point] = []
    rows: list[tuple[str, ...]] = []
    for case in results.cases:
        model = case.facets["model"]
        means = {factor: mean_interval(_accuracies(case, factor)) for factor in FACTORS}
        points += [estimate_point(model, factor, mean) for factor, mean in means.items()]
        rows.append((model, *(percent(means[factor]) for factor in FACTORS[::-1])))
    chart_caption = (
        "Accuracy of trained models whose weights are all multiplied by one factor, without any further training."
    )
    table_caption = "Accuracy in per cent by factor, mean over seeds with half its 95 % interval."
    return [
        Curves("accuracy", chart_caption, Axis("factor"), ACCURACY_AXIS, tuple(points)),
        Table("factors", table_caption, ("model", *(f"{factor:g}" for factor in FACTORS[::-1])), tuple(rows)),
    ]


def _against_unshrunk(judge: DifferenceJudge, case: CaseResults, factor: float) -> Judgement:
    difference = paired_difference(_accuracies(case, factor), _accuracies(case, 1.0))
    return if_trained(case, case.arms, judge(difference, f"{case.facets['model']} at {factor:g} against unshrunk"))


def is_invariant(results: Results) -> Judgement:
    """Judge that no factor but 0 changes the accuracy of a perceptron without biases."""
    # A tenth of a point, since rounding may turn a tie; factor 0 is no model, and 1 the reference itself.
    judge = partial(unchanged, margin=0.001)
    cases = results.where(model="mlp without biases")
    return in_all(_against_unshrunk(judge, case, factor) for case in cases for factor in FACTORS[1:-1])


def others_survive(results: Results) -> Judgement:
    """Judge that other models keep their accuracy at 0.8 and lose it at the smallest factor."""
    # "Moderate" and "small" are not numbers in the paper: 0.8 and 0.1 are taken here.
    others = [case for name in ("mlp", results.setting.network) for case in results.where(model=name)]
    survive = [_against_unshrunk(partial(not_worse, margin=0.02), case, 0.8) for case in others]
    return in_all([*survive, *(_against_unshrunk(worse, case, FACTORS[1]) for case in others)])


EXPERIMENT = Experiment(
    id="shrink-only",
    number=14,
    title="Shrinking without retraining",
    where="Figure 6",
    question="How far can weights be shrunk before the model's predictions change?",
    paper_setting="Trained models, all weights multiplied by a factor between 0 and 1; no retraining.",
    deviations=(
        "The perceptrons have three hidden layers of 100 ReLU units; running statistics of BatchNorm stay those of the "
        "unshrunk model."
    ),
    declare=_cases,
    desk=Desk(),
    exhibits=_exhibits,
    claims=(
        Claim(
            "A ReLU perceptron without biases stays as accurate, however far it is shrunk.",
            is_invariant,
            published="The figure shows a constant line; no numbers are known.",
        ),
        Claim(
            "With biases or BatchNorm, accuracy survives moderate shrinking and is lost when the factor is small.",
            others_survive,
            published="Shown in the figure; no numbers are known.",
        ),
    ),
)
