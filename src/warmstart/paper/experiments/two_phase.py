"""Figure 1: half of the data, then everything."""

from collections.abc import Sequence

from warmstart.paper._exhibits import Axis, By, Curves, Exhibit, Format, Point
from warmstart.paper._experiment import Case, Claim, Experiment, Judgement
from warmstart.paper._judge import if_trained, missing, worse
from warmstart.paper._published import the_published
from warmstart.paper._results import Results
from warmstart.paper._setting import Setting
from warmstart.paper._show import arms_table, over_readings, published_text
from warmstart.probes import EvaluationCurve
from warmstart.strategies import Cold, Warm
from warmstart.training import OptimizerKind, Recipe

from ._study import only_case, paper_study

ID = "two-phase"


def _cases(setting: Setting) -> Sequence[Case]:
    return only_case(
        paper_study(
            setting,
            [Cold(), Warm()],
            recipe=Recipe(OptimizerKind.SGD),
            stop=setting.fixed_epochs(),
            probes=[EvaluationCurve(every=setting.every(5))],
        )
    )


def _exhibits(results: Results) -> Sequence[Exhibit]:
    table = arms_table(
        "accuracy",
        "Accuracy after training on everything.",
        results.cases,
        theirs=lambda _, arm: {"paper %": published_text(ID, arm=arm)},
    )
    return [table, *(_curves(results, case.facets["data"]) for case in results.cases)]


def _curves(results: Results, data: str) -> Curves:
    case, epochs = results.where(data=data)[0], results.setting.epochs
    points = [
        *over_readings(case, "warm", "accuracy", series="half of the data", round=1),
        *over_readings(case, "warm", "accuracy", series="everything, warm", after=epochs),
        *over_readings(case, "cold", "accuracy", series="everything, cold", after=epochs),
        *_theirs(2 * epochs),
    ]
    caption = (
        f"Accuracy while {epochs} epochs on a random half of the data are followed by {epochs} on everything, from the "
        "half's weights or from fresh ones. The paper's values are those at its end, read off its figure."
    )
    return Curves("curves", caption, Axis("epochs"), Axis("accuracy", Format.SHARE), tuple(points))


def _theirs(end: int) -> list[Point]:
    found = {arm: the_published(ID, by=By.PAPER, arm=arm) for arm in ("cold", "warm")}
    return [Point(f"everything, {arm}", end, number.value, by=By.PAPER) for arm, number in found.items() if number]


def _warm_is_worse(results: Results) -> Judgement:
    case = results.first()
    if case is None:
        return missing()
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
