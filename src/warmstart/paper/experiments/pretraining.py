"""Figure 4: how many epochs on half of the data it takes to hurt."""

from collections.abc import Sequence

from warmstart.paper.kit.exhibits import POINTS_AXIS, Axis, Curves, Exhibit, Point, Source
from warmstart.paper.kit.experiment import Case, Claim, Experiment, Judgement, only_case
from warmstart.paper.kit.judge import compare, not_worse, of_first_case, untestable, worse
from warmstart.paper.kit.points import at_full_scale, estimate_point
from warmstart.paper.kit.published import published
from warmstart.paper.kit.results import CaseResults, Results
from warmstart.paper.kit.setting import PAPER_EPOCHS, Desk, Setting
from warmstart.paper.kit.tables import NO_VALUE, arms_table
from warmstart.strategies import Cold, Warm
from warmstart.studies import Arm
from warmstart.training import OptimizerKind

ID = "pretraining"
# The paper has a checkpoint every 5 epochs; each of ours is a study arm, so ten have to show where the curve bends.
EPOCHS = (5, 15, 30, 50, 80, 105, 150, 200, 275, 350)
DESK_EPOCHS = (2, 5, 10, 15, 30, 60)
SERIES = "warm minus cold"


def _cases(setting: Setting) -> Sequence[Case]:
    arms = [Cold(), *(_pretrained(epochs) for epochs in first_epochs(setting))]
    return only_case(setting, arms, recipe=setting.recipe(OptimizerKind.SGD))


def first_epochs(setting: Setting) -> dict[int, int]:
    """Return the epochs of pre-training, ascending, in proportion to the limit; each with the paper's it stands for."""
    if setting.desk:
        return {epochs: round(epochs * PAPER_EPOCHS / setting.epochs) for epochs in DESK_EPOCHS}
    # Where several round to the same number, the paper's fewest of them counts: it is written last.
    scaled = {setting.every(epochs): epochs for epochs in reversed(setting.grid(EPOCHS, desk=DESK_EPOCHS))}
    return dict(sorted(scaled.items()))


def _pretrained(epochs: int) -> Arm:
    return Arm(Warm(), first_epochs=epochs)


def _exhibits(results: Results) -> Sequence[Exhibit]:
    of_paper = {_pretrained(epochs).label: paper for epochs, paper in first_epochs(results.setting).items()}

    def paper_columns(_: CaseResults, arm: str) -> dict[str, str]:
        epochs = of_paper.get(arm)
        return {
            "paper's epochs": NO_VALUE if epochs is None else str(epochs),
            "paper's difference": NO_VALUE if epochs is None else published_difference(epochs),
        }

    caption = "Accuracy after training on everything, by how long the half was trained on before."
    table = arms_table("accuracy", caption, results.cases, extra=paper_columns)
    return [table, *(_chart(results, case) for case in results.cases)]


def published_difference(epochs: int) -> str:
    """Return the published difference to the cold start in points, constant before and after what is known.

    Example:
        >>> published_difference(15), published_difference(50), published_difference(350), published_difference(30)
        ('0', '-2', '-8 to -7', '-')
    """
    values: dict[float, list[float]] = {}
    for number in published(ID, "relative difference", by=Source.PAPER):
        values.setdefault(float(number.facets["epochs"]), []).append(number.value)
    # The figure is flat at both ends: no difference up to about epoch 25, and 7 to 8 points from 120 on.
    known = min(max(float(epochs), min(values)), max(values))
    return " to ".join(f"{100 * value:g}" for value in values.get(known, [])) or NO_VALUE


def _chart(results: Results, case: CaseResults) -> Curves:
    ours = [
        estimate_point(SERIES, epochs, case.difference(_pretrained(epochs).label), times=100)
        for epochs in first_epochs(results.setting)
    ]
    of_paper = [
        Point(SERIES, float(number.facets["epochs"]), 100 * number.value, by=number.by)
        for number in published(ID, "relative difference", by=Source.PAPER)
    ]
    return Curves(
        "difference",
        "Accuracy minus that of the cold start, in points, against the epochs that the half was trained on before.",
        Axis("epochs on half of the data"),
        POINTS_AXIS,
        (*ours, *at_full_scale(results, of_paper)),
        zero=True,
    )


def _epochs_text(epochs: int) -> str:
    return "1 epoch" if epochs == 1 else f"{epochs} epochs"


@of_first_case
def few_do_not_hurt(results: Results, case: CaseResults) -> Judgement:
    """Judge the fewest epochs on half of the data against none."""
    few = min(first_epochs(results.setting))
    return compare(not_worse, case, _pretrained(few).label, what=f"{_epochs_text(few)} on half against none")


@of_first_case
def many_hurt(results: Results, case: CaseResults) -> Judgement:
    """Judge the most epochs on half of the data against none."""
    many = max(first_epochs(results.setting))
    return compare(worse, case, _pretrained(many).label, what=f"{_epochs_text(many)} on half against none")


@of_first_case
def loss_grows(results: Results, case: CaseResults) -> Judgement:
    """Judge the most epochs on half of the data against the fewest."""
    planned = list(first_epochs(results.setting))
    few, many = planned[0], planned[-1]
    if few == many:
        return untestable(f"First rounds of {_epochs_text(few)} alone leave nothing to compare.")
    what = f"{_epochs_text(many)} on half against {_epochs_text(few)}"
    return compare(worse, case, _pretrained(many).label, _pretrained(few).label, what=what)


EXPERIMENT = Experiment(
    id=ID,
    number=8,
    title="Epochs of pre-training",
    where="Figure 4",
    question="How long must a model be trained on half of the data for it to hurt?",
    paper_setting=(
        "CIFAR-10, ResNet-18, SGD; checkpoints of training on half of the data, every 5 epochs up to 350, are each "
        "trained on everything."
    ),
    deviations=(
        "Ten checkpoints, each of a first round of its own; training on everything stops at 99 % training accuracy."
    ),
    declare=_cases,
    desk=Desk(),
    exhibits=_exhibits,
    claims=(
        Claim(
            "A few epochs on half of the data do no harm.",
            few_do_not_hurt,
            published="No difference to training from scratch until about epoch 25 to 30, read off the figure.",
        ),
        Claim(
            "Many epochs make the model less accurate than training from scratch.",
            many_hurt,
            published="Lower by 6 points at 105 epochs and by 7 to 8 from 120 on, read off the figure.",
        ),
        Claim(
            "The loss grows with the epochs.",
            loss_grows,
            published="2 points at 50 epochs, 4 at 80, 6 at 105, 7 to 8 from 120 on, read off the figure.",
        ),
    ),
)
