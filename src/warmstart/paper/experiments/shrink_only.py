"""Figure 6: what shrinking does without retraining."""

from collections.abc import Sequence

from warmstart.diagnostics import ShrinkCurve
from warmstart.models import MLP
from warmstart.paper._exhibits import Axis, Curves, Exhibit, Format, Point, Table
from warmstart.paper._experiment import Case, Claim, Experiment, Judgement
from warmstart.paper._judge import if_trained, in_all, not_worse, unchanged, worse
from warmstart.paper._results import CaseResults, Results
from warmstart.paper._setting import Setting
from warmstart.paper._show import estimate_point, percent
from warmstart.statistics import PairedDifference, mean_interval, paired_difference
from warmstart.strategies import Cold
from warmstart.streams import Part

from ._study import paper_study

STEPS = 10
FACTORS = tuple(step / STEPS for step in range(STEPS + 1))


def _cases(setting: Setting) -> Sequence[Case]:
    models = {
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
    return [_chart(results), _table(results)]


def _chart(results: Results) -> Curves:
    points: list[Point] = [
        estimate_point(case.facets["model"], factor, mean_interval(_accuracies(case, factor)))
        for case in results.cases
        for factor in FACTORS
    ]
    caption = "Accuracy of trained models whose weights are all multiplied by one factor, without any further training."
    return Curves("accuracy", caption, Axis("factor"), Axis("accuracy", Format.SHARE), tuple(points))


def _table(results: Results) -> Table:
    rows = [
        (case.facets["model"], *(percent(mean_interval(_accuracies(case, factor))) for factor in FACTORS[::-1]))
        for case in results.cases
    ]
    caption = "Accuracy in per cent by factor, mean over seeds with half its 95 % interval."
    return Table("factors", caption, ("model", *(f"{factor:g}" for factor in FACTORS[::-1])), tuple(rows))


def _loss(case: CaseResults, factor: float) -> PairedDifference:
    return paired_difference(_accuracies(case, factor), _accuracies(case, 1.0))


def _is_invariant(results: Results) -> Judgement:
    cases = results.where(model="mlp without biases")
    return in_all(_stays(case, factor) for case in cases for factor in FACTORS[1:-1])


def _stays(case: CaseResults, factor: float) -> Judgement:
    what = f"{case.facets['model']} at {factor:g} against unshrunk"
    return if_trained(case, case.arms, unchanged(_loss(case, factor), what, margin=0.001))


def _others_survive(results: Results) -> Judgement:
    others = [case for name in ("mlp", results.setting.network) for case in results.where(model=name)]
    return in_all([*(_survives(case, 0.8) for case in others), *map(_lost, others)])


def _survives(case: CaseResults, factor: float) -> Judgement:
    what = f"{case.facets['model']} at {factor:g} against unshrunk"
    return if_trained(case, case.arms, not_worse(_loss(case, factor), what, margin=0.02))


def _lost(case: CaseResults) -> Judgement:
    what = f"{case.facets['model']} at {FACTORS[1]:g} against unshrunk"
    return if_trained(case, case.arms, worse(_loss(case, FACTORS[1]), what))


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
    cases=_cases,
    exhibits=_exhibits,
    claims=(
        Claim(
            "A ReLU perceptron without biases stays as accurate, however far it is shrunk.",
            _is_invariant,
            published="The figure shows a constant line; no numbers are known.",
        ),
        Claim(
            "With biases or BatchNorm, accuracy survives moderate shrinking and is lost when the factor is small.",
            _others_survive,
            published="Shown in the figure; no numbers are known.",
        ),
    ),
)
