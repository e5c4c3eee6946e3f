"""Figure 1: half of the data, then everything."""

from collections.abc import Sequence

from warmstart.diagnostics import EvaluationCurve
from warmstart.paper._exhibits import Axis, Curves, Exhibit, Format, Point, Source
from warmstart.paper._experiment import Case, Claim, Experiment, Judgement
from warmstart.paper._judge import if_trained, of_first_case, worse
from warmstart.paper._published import Number, published
from warmstart.paper._results import CaseResults, Results
from warmstart.paper._setting import PAPER_EPOCHS, Setting
from warmstart.paper._show import arms_table, over_epochs, over_readings, percent, published_text
from warmstart.strategies import Cold, Warm
from warmstart.training import OptimizerKind, Recipe

from ._levels import at_full_scale, on_their_data
from ._study import only_case, paper_study

ID = "two-phase"
HALF = "half of the data"
PHASES = ((HALF, "warm", 1), ("everything, warm", "warm", 2), ("everything, cold", "cold", 2))
"""What the charts follow: its name there, the arm, the round."""


def _cases(setting: Setting) -> Sequence[Case]:
    return only_case(
        paper_study(
            setting,
            [Cold(), Warm()],
            recipe=Recipe(OptimizerKind.SGD),
            stop=setting.fixed_epochs(),
            measurements=[EvaluationCurve(every=setting.every(5))],
        )
    )


def _exhibits(results: Results) -> Sequence[Exhibit]:
    table = arms_table(
        "accuracy",
        f"Accuracy after training on everything.{_half(results)}",
        results.cases,
        theirs=lambda _, arm: {"paper %": on_their_data(results, published_text(ID, arm=arm))},
    )
    return [table, *(chart for case in results.cases for chart in (_curves(results, case), _fitting(results, case)))]


def _half(results: Results) -> str:
    """Return a sentence on the model of the half; none where it has not been trained."""
    case = results.first()
    if case is None or case.accuracy("warm", 1).mean is None:
        return ""
    theirs = on_their_data(results, published_text(ID, round=1, epoch=PAPER_EPOCHS))
    return f" The model of the half, before: {percent(case.accuracy('warm', 1))} %; the paper's: {theirs}."


def _curves(results: Results, case: CaseResults) -> Curves:
    points = [
        point
        for series, arm, number in PHASES
        for point in over_readings(case, arm, "accuracy", series=series, round=number, after=_before(results, number))
    ]
    caption = f"Accuracy while {_course(results)}"
    return _chart(results, "curves", caption, points, "accuracy")


def _fitting(results: Results, case: CaseResults) -> Curves:
    points = [
        point
        for series, arm, number in PHASES
        for point in over_epochs(
            case, arm, "train_accuracy", series=series, round=number, after=_before(results, number)
        )
    ]
    caption = f"Training accuracy, added up in the course of every epoch, while {_course(results)}"
    return _chart(results, "fitting", caption, points, "train accuracy")


def _before(results: Results, number: int) -> int:
    """Return how many epochs precede a round."""
    return (number - 1) * results.setting.epochs


def _course(results: Results) -> str:
    epochs = results.setting.epochs
    return (
        f"{epochs} epochs on a random half of the data are followed by {epochs} on everything, from the half's weights "
        "or from fresh ones. Published values, shown at full scale, are read off the paper's figure."
    )


def _chart(results: Results, name: str, caption: str, ours: Sequence[Point], quantity: str) -> Curves:
    y = Axis(quantity, Format.SHARE)
    return Curves(name, caption, Axis("epochs"), y, (*ours, *at_full_scale(results, _theirs(quantity))))


def _theirs(quantity: str) -> list[Point]:
    return [
        Point(_series(number), _epoch(number), number.value, by=Source.PAPER)
        for number in published(ID, quantity, by=Source.PAPER)
    ]


def _series(number: Number) -> str:
    return HALF if number.facets["round"] == 1 else f"everything, {number.facets['arm']}"


def _epoch(number: Number) -> float:
    """Return the epoch that a number belongs to, counted over both of the paper's rounds."""
    return (float(number.facets["round"]) - 1) * PAPER_EPOCHS + float(number.facets["epoch"])


@of_first_case
def _warm_is_worse(results: Results, case: CaseResults) -> Judgement:
    return if_trained(case, case.arms, worse(case.difference("warm"), "Warm against cold"))


EXPERIMENT = Experiment(
    id=ID,
    number=1,
    title="Half of the data, then everything",
    where="Figure 1",
    question="Does a model that has been trained on half of the data end where one trained from scratch does?",
    paper_setting=(
        "CIFAR-10, ResNet-18, SGD with learning rate 1e-3 and batches of 128; 350 epochs on a random half, then 350 on "
        "everything, against 350 on everything from scratch."
    ),
    deviations=(
        "Accuracy is measured on the third of the training data that is held out; running statistics are recalibrated "
        "before every measurement."
    ),
    cases=_cases,
    exhibits=_exhibits,
    claims=(
        Claim(
            "Trained on half of the data first, the model ends less accurate than one trained from scratch.",
            _warm_is_worse,
            published="About 57 % warm against 62 % from scratch, read off the figure; both fit all training data.",
        ),
    ),
)
