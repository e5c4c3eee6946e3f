"""Figure 4: how many epochs on half of the data it takes to hurt."""

from collections.abc import Sequence

from warmstart.paper._exhibits import Axis, Curves, Exhibit, Format, Point, Source
from warmstart.paper._experiment import Case, Claim, Experiment, Judgement
from warmstart.paper._judge import if_trained, not_worse, of_first_case, untestable, worse
from warmstart.paper._published import published
from warmstart.paper._results import CaseResults, Results
from warmstart.paper._setting import Setting
from warmstart.paper._show import NOTHING, arms_table, estimate_point
from warmstart.strategies import Cold, Warm
from warmstart.studies import Arm
from warmstart.training import OptimizerKind, Recipe

from ._levels import at_full_scale
from ._study import only_case, paper_study

ID = "pretraining"
EPOCHS = (5, 15, 30, 50, 80, 105, 150, 200, 275, 350)
SERIES = "warm minus cold"


def _cases(setting: Setting) -> Sequence[Case]:
    return only_case(
        paper_study(
            setting,
            [Cold(), *(_pretrained(epochs) for epochs in _epochs(setting))],
            recipe=Recipe(OptimizerKind.SGD),
        )
    )


def _epochs(setting: Setting) -> dict[int, int]:
    """Return the epochs of pre-training, ascending, in proportion to the limit; each with the paper's it stands for."""
    # Where several fall on one, the last to be written counts: the paper's fewest.
    found = {setting.every(epochs): epochs for epochs in reversed(setting.grid(EPOCHS))}
    return dict(sorted(found.items()))


def _pretrained(epochs: int) -> Arm:
    return Arm(Warm(), first_epochs=epochs)


def _exhibits(results: Results) -> Sequence[Exhibit]:
    table = arms_table(
        "accuracy",
        "Accuracy after training on everything, by how long the half was trained on before.",
        results.cases,
        theirs=lambda _, arm: _theirs(results.setting, arm),
    )
    return [table, *(_chart(results, case) for case in results.cases)]


def _theirs(setting: Setting, arm: str) -> dict[str, str]:
    of_paper = {_pretrained(epochs).label: theirs for epochs, theirs in _epochs(setting).items()}.get(arm)
    return {
        "paper's epochs": NOTHING if of_paper is None else str(of_paper),
        "paper's difference": NOTHING if of_paper is None else published_points(of_paper),
    }


def published_points(epochs: int) -> str:
    """Return the published difference to the cold start in points, which is constant before and after what is known.

    Example:
        >>> published_points(15), published_points(50), published_points(350), published_points(30)
        ('0', '-2', '-8 to -7', '-')
    """
    numbers = published(ID, "difference", by=Source.PAPER)
    known = [float(number.facets["epochs"]) for number in numbers]
    place = min(max(float(epochs), min(known)), max(known))
    found = [number.value for number, at in zip(numbers, known, strict=True) if at == place]
    return " to ".join(f"{100 * value:g}" for value in found) or NOTHING


def _chart(results: Results, case: CaseResults) -> Curves:
    theirs = [
        Point(SERIES, float(number.facets["epochs"]), 100 * number.value, by=number.by)
        for number in published(ID, "difference", by=Source.PAPER)
    ]
    return Curves(
        "difference",
        "Accuracy minus that of the cold start, in points, against the epochs that the half was trained on before.",
        Axis("epochs on half of the data"),
        Axis("points", Format.POINTS),
        (*_points(results.setting, case), *at_full_scale(results, theirs)),
        zero=True,
    )


def _points(setting: Setting, case: CaseResults) -> list[Point]:
    return [
        estimate_point(SERIES, epochs, case.difference(_pretrained(epochs).label), times=100)
        for epochs in _epochs(setting)
    ]


@of_first_case
def _few_do_not_hurt(results: Results, case: CaseResults) -> Judgement:
    epochs = min(_epochs(results.setting))
    arm = _pretrained(epochs).label
    return if_trained(case, ["cold", arm], not_worse(case.difference(arm), f"{_words(epochs)} on half against none"))


def _words(epochs: int) -> str:
    return "1 epoch" if epochs == 1 else f"{epochs} epochs"


@of_first_case
def _many_hurt(results: Results, case: CaseResults) -> Judgement:
    epochs = max(_epochs(results.setting))
    arm = _pretrained(epochs).label
    what = f"{_words(epochs)} on half against none"
    return if_trained(case, ["cold", arm], worse(case.difference(arm), what))


@of_first_case
def _loss_grows(results: Results, case: CaseResults) -> Judgement:
    planned = list(_epochs(results.setting))
    if len(planned) == 1:
        return untestable(f"First rounds of {_words(planned[0])} alone leave nothing to compare.")
    few, many = (_pretrained(epochs).label for epochs in (planned[0], planned[-1]))
    what = f"{_words(planned[-1])} on half against {_words(planned[0])}"
    return if_trained(case, [few, many], worse(case.difference(many, few), what))


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
    cases=_cases,
    exhibits=_exhibits,
    claims=(
        Claim(
            "A few epochs on half of the data do no harm.",
            _few_do_not_hurt,
            published="No difference to training from scratch until about epoch 25 to 30, read off the figure.",
        ),
        Claim(
            "Many epochs make the model less accurate than training from scratch.",
            _many_hurt,
            published="Lower by 6 points at 105 epochs and by 7 to 8 from 120 on, read off the figure.",
        ),
        Claim(
            "The loss grows with the epochs.",
            _loss_grows,
            published="2 points at 50 epochs, 4 at 80, 6 at 105, 7 to 8 from 120 on, read off the figure.",
        ),
    ),
)
