"""Figure 4: how many epochs on half of the data it takes to hurt."""

from collections.abc import Sequence

from warmstart.paper.kit.exhibits import POINTS_AXIS, Axis, Curves, Exhibit, Format, Point, Source
from warmstart.paper.kit.experiment import Case, Claim, Experiment, Judgement, only_case
from warmstart.paper.kit.judge import compare, of_first_case, untestable, worse
from warmstart.paper.kit.points import at_full_scale, estimate_point
from warmstart.paper.kit.published import published
from warmstart.paper.kit.results import CaseResults, Results
from warmstart.paper.kit.setting import PAPER_EPOCHS, Desk, Setting
from warmstart.paper.kit.tables import NO_VALUE, arms_table
from warmstart.statistics import Estimate, interval_text, mean_interval
from warmstart.strategies import Cold, Warm
from warmstart.studies import Arm
from warmstart.training import OptimizerKind

ID = "pretraining"
# The paper has a checkpoint every 5 epochs; each of ours is a study arm, so ten have to show where the curve bends.
EPOCHS = (5, 15, 30, 50, 80, 105, 150, 200, 275, 350)
DESK_EPOCHS = (2, 5, 15, 60)
SERIES = "warm minus cold"
# "A few": of the figure's 350 the fewest at which it shows a loss. Of ours the fewest that stand for as many.
FEW = 50
RELATIVE = (
    "The paper's difference is very probably relative, (accuracy - cold) / cold: Table 1's loss of 4.5 points is one "
    "of 8.0 %, where the figure ends."
)


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


def few_epochs(setting: Setting) -> int:
    """Return the epochs of pre-training that stand for a few of the paper's.

    Example:
        >>> few_epochs(Setting()), few_epochs(Setting(scale=0.5))
        (50, 25)
    """
    planned = first_epochs(setting)
    # Not the nearest: with fewer the figure shows no loss, so that there would be nothing to reproduce.
    return next((epochs for epochs, papers in planned.items() if papers >= FEW), max(planned))


def _exhibits(results: Results) -> Sequence[Exhibit]:
    of_paper = {_pretrained(epochs).label: paper for epochs, paper in first_epochs(results.setting).items()}

    def columns(case: CaseResults, arm: str) -> dict[str, str]:
        epochs = of_paper.get(arm)
        return {
            "relative difference %": NO_VALUE if epochs is None else _percent(relative_difference(case, arm)),
            "paper's epochs": NO_VALUE if epochs is None else str(epochs),
            "paper's relative difference %": NO_VALUE if epochs is None else published_difference(epochs),
        }

    caption = (
        f"Accuracy after training on everything, by how long the half was trained on before. {RELATIVE} The figure "
        "does not say so: it is inferred."
    )
    table = arms_table("accuracy", caption, results.cases, extra=columns)
    return [table, *(chart for case in results.cases for chart in _charts(results, case))]


def relative_difference(case: CaseResults, arm: str) -> Estimate:
    """Return (accuracy - cold) / cold, the mean over seeds; a seed whose cold start has no accuracy is left out."""
    pairs = zip(case.accuracies(arm), case.accuracies("cold"), strict=True)
    return mean_interval([None if warm is None or not cold else (warm - cold) / cold for warm, cold in pairs])


def _percent(estimate: Estimate) -> str:
    if estimate.mean is None:
        return NO_VALUE
    ends = "" if estimate.interval is None else interval_text(*(100 * end for end in estimate.interval))
    return f"{100 * estimate.mean:.1f} {ends}".strip()


def published_difference(epochs: int) -> str:
    """Return the published relative difference in per cent, constant before and after what is known.

    Example:
        >>> published_difference(15), published_difference(50), published_difference(350), published_difference(30)
        ('0', '-2', '-8 to -7', '-')
    """
    values: dict[float, list[float]] = {}
    for number in published(ID, "relative difference", by=Source.PAPER):
        values.setdefault(float(number.facets["epochs"]), []).append(number.value)
    # The figure is flat at both ends: no difference up to about epoch 25, and 7 to 8 per cent from 120 on.
    known = min(max(float(epochs), min(values)), max(values))
    return " to ".join(f"{100 * value:g}" for value in values.get(known, [])) or NO_VALUE


def _charts(results: Results, case: CaseResults) -> Sequence[Curves]:
    arms = {epochs: _pretrained(epochs).label for epochs in first_epochs(results.setting)}
    points = [estimate_point(SERIES, epochs, case.difference(arm), times=100) for epochs, arm in arms.items()]
    relative = [
        estimate_point(SERIES, epochs, relative_difference(case, arm), times=100) for epochs, arm in arms.items()
    ]
    of_paper = [
        Point(SERIES, float(number.facets["epochs"]), 100 * number.value, by=number.by)
        for number in published(ID, "relative difference", by=Source.PAPER)
    ]
    against = "against the epochs that the half was trained on before."
    x = Axis("epochs on half of the data")
    return [
        Curves(
            "relative-difference",
            f"Accuracy minus that of the cold start, in per cent of it, {against} That the figure's axis is relative "
            "is inferred.",
            x,
            Axis("difference, %", Format.POINTS),
            (*relative, *at_full_scale(results, of_paper)),
            zero=True,
        ),
        Curves(
            "difference",
            f"Accuracy minus that of the cold start, in points, {against}",
            x,
            POINTS_AXIS,
            tuple(points),
            zero=True,
        ),
    ]


def _epochs_text(epochs: int) -> str:
    return "1 epoch" if epochs == 1 else f"{epochs} epochs"


@of_first_case
def few_hurt(results: Results, case: CaseResults) -> Judgement:
    """Judge a few epochs on half of the data against none."""
    few = few_epochs(results.setting)
    return compare(worse, case, _pretrained(few).label, what=f"{_epochs_text(few)} on half against none")


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
        "Fewer checkpoints, each of a first round of its own; training on everything stops at 99 % training accuracy. "
        f"The figure's axis is taken as relative, which is inferred. A few epochs are taken to be {FEW} of its 350, or "
        "the next checkpoint after it."
    ),
    declare=_cases,
    desk=Desk(),
    exhibits=_exhibits,
    claims=(
        Claim(
            "A few epochs on half of the data already hurt.",
            few_hurt,
            published=(
                "Version 1 says so; read off the figure, no loss until about epoch 25 to 30, and 2 % at 50, relative "
                "to training from scratch (inferred)."
            ),
            reproduction="The gap is there at 20 epochs.",
            seeds=8,
        ),
        Claim(
            "Many epochs make the model less accurate than training from scratch.",
            many_hurt,
            published="Lower by 6 % at 105 epochs and by 7 to 8 from 120 on, read off the figure; relative (inferred).",
            reproduction="Plots the relative difference, and says that it matches the figure.",
            seeds=3,
        ),
        Claim(
            "The loss grows with the epochs.",
            loss_grows,
            published="2 % at 50 epochs, 4 at 80, 6 at 105, 7 to 8 from 120 on, read off the figure; as above.",
            reproduction="Plots the relative difference, and says that it matches the figure.",
            seeds=3,
        ),
    ),
)
