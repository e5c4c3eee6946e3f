"""Figure 1: half of the data, then everything."""

from collections.abc import Sequence

from warmstart.diagnostics import EvaluationCurve
from warmstart.paper.kit.exhibits import Axis, Curves, Exhibit, Format, Point, Source
from warmstart.paper.kit.experiment import Case, Claim, Experiment, Judgement, only_case
from warmstart.paper.kit.judge import compare, if_trained, in_all, of_first_case, unchanged, worse
from warmstart.paper.kit.points import at_full_scale, epoch_points, reading_points
from warmstart.paper.kit.published import published
from warmstart.paper.kit.results import CaseResults, Results
from warmstart.paper.kit.setting import PAPER_EPOCHS, Desk, Setting
from warmstart.paper.kit.tables import arms_table, on_papers_data, percent, published_text
from warmstart.statistics import paired_difference
from warmstart.strategies import Cold, Warm
from warmstart.training import OptimizerKind, StoppingRule

ID = "two-phase"
HALF = "half of the data"
# Series of the charts: name, arm, round. The half is the warm arm's; a cold start's first round is not used again.
PHASES = ((HALF, "warm", 1), ("everything, warm", "warm", 2), ("everything, cold", "cold", 2))


def _cases(setting: Setting) -> Sequence[Case]:
    return only_case(
        setting,
        [Cold(), Warm()],
        recipe=setting.recipe(OptimizerKind.SGD),
        # No target and no patience: both curves run over the same epochs, as in the figure.
        stop=StoppingRule(train_accuracy=None, patience=None, max_epochs=setting.epochs),
        # Each is a pass over the held-out third: 70 of them draw the curve well enough.
        measurements=[EvaluationCurve(every=5 if setting.desk else setting.every(5))],
    )


def _exhibits(results: Results) -> Sequence[Exhibit]:
    case, epochs, half = results.first(), results.setting.epochs, ""
    # The model of the half is no arm, so the table has no row for it.
    if case is not None and case.accuracy("warm", 1).mean is not None:
        of_paper = on_papers_data(results, published_text(ID, round=1, epoch=PAPER_EPOCHS))
        half = f" The model of the half, before: {percent(case.accuracy('warm', 1))} %; the paper's: {of_paper}."
    table = arms_table(
        "accuracy",
        f"Accuracy after training on everything.{half}",
        results.cases,
        extra=lambda _, arm: {"paper %": on_papers_data(results, published_text(ID, arm=arm))},
    )
    course = (
        f"{epochs} epochs on a random half of the data are followed by {epochs} on everything, from the half's weights "
        "or from fresh ones. Published values, shown at full scale, are read off the paper's figure."
    )
    fitting_caption = f"Training accuracy, added up in the course of every epoch, while {course}"
    charts: list[Curves] = []
    for case in results.cases:
        curves: list[Point] = []
        fitting: list[Point] = []
        for series, arm, number in PHASES:
            after = (number - 1) * epochs
            curves += reading_points(case, arm, "accuracy", series=series, round=number, after=after)
            fitting += epoch_points(case, arm, "train_score", series=series, round=number, after=after)
        charts += [
            _chart(results, "curves", f"Accuracy while {course}", curves, "accuracy"),
            _chart(results, "fitting", fitting_caption, fitting, "train accuracy"),
        ]
    return [table, *charts]


def _chart(results: Results, name: str, caption: str, points: Sequence[Point], quantity: str) -> Curves:
    of_paper: list[Point] = []
    for number in published(ID, quantity, by=Source.PAPER):
        of_half = number.facets["round"] == 1
        # Published epochs count within a round, the chart's over both.
        epoch = float(number.facets["epoch"]) + (0 if of_half else PAPER_EPOCHS)
        series = HALF if of_half else f"everything, {number.facets['arm']}"
        of_paper.append(Point(series, epoch, number.value, by=Source.PAPER))
    y = Axis(quantity, Format.SHARE)
    return Curves(name, caption, Axis("epochs"), y, (*points, *at_full_scale(results, of_paper)))


@of_first_case
def equal_fit(results: Results, case: CaseResults) -> Judgement:
    """Judge that training accuracies of the last epoch are equal, and accuracies are not."""
    fits = [case.column(arm, lambda record: record.train_score) for arm in ("warm", "cold")]
    difference = paired_difference(*fits, confidence=case.confidence)
    fit = unchanged(difference, "Training accuracy, warm against cold", margin=0.01)
    of_fit = if_trained(case, ["cold", "warm"], fit)
    return in_all([of_fit, compare(worse, case, "warm", what="Accuracy, warm against cold")])


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
    declare=_cases,
    desk=Desk(seeds=6),
    exhibits=_exhibits,
    epoch_columns=("train_score",),
    claims=(
        Claim(
            "Trained on half of the data first, the model ends less accurate than one trained from scratch.",
            of_first_case(lambda _, case: compare(worse, case, "warm", what="Warm against cold")),
            published="About 57 % warm against 62 % from scratch, read off the figure.",
            reproduction="Repeats the figure; its Table 1 has 57.8 % against 60.3 % with SGD.",
            seeds=3,
        ),
        Claim(
            "Both fit the training data equally well, and yet the warm start is less accurate on new data.",
            equal_fit,
            published="Training accuracy comes to 100 % in both, read off the figure; accuracy as above.",
            reproduction="Repeats the figure; the numbers of its own are not known here.",
            seeds=3,
        ),
    ),
)
