"""Figure 8: shrink factor and noise."""

from collections.abc import Callable, Sequence
from itertools import product

from warmstart.paper.kit.exhibits import ACCURACY_AXIS, Axis, Cell, Exhibit, HeatMap
from warmstart.paper.kit.experiment import Claim, Experiment, Judgement, only_case
from warmstart.paper.kit.judge import better, cheaper, not_worse, of_first_case
from warmstart.paper.kit.pooled import Comparison, compared, costs_compared, mean_judged, mean_ratio_judged
from warmstart.paper.kit.results import CaseResults, Results
from warmstart.paper.kit.setting import Desk, Setting
from warmstart.paper.kit.tables import arms_table
from warmstart.strategies import Cold, Noise, ShrinkPerturb, Warm
from warmstart.studies import Arm

# The paper's grid is not known. Its edges here are noise alone (factor 1) and shrinking alone (noise 0).
SHRINKS = (1.0, 0.8, 0.6, 0.4, 0.2)
SIGMAS = (0.0, 0.001, 0.01, 0.1)
DESK_SHRINKS, DESK_SIGMAS = (1.0, 0.6, 0.2), (0.0, 0.01, 0.1)
# The noise of the paper's other figures. Claims are about it alone: three noises and four factors would be twelve
# comparisons, of which one is bound to look good.
PAPERS = 0.01


def _grid(setting: Setting) -> dict[tuple[float, float], Arm]:
    """Return the arms by factor and standard deviation of the noise."""
    arms = {}
    for shrink, sigma in product(setting.grid(SHRINKS, desk=DESK_SHRINKS), setting.grid(SIGMAS, desk=DESK_SIGMAS)):
        # Factor 1 without noise is a warm start, and goes by that name.
        plain = (shrink, sigma) == (1.0, 0.0)
        arms[shrink, sigma] = Arm(Warm() if plain else ShrinkPerturb(shrink, sigma, Noise.GAUSSIAN))
    return arms


def _exhibits(results: Results) -> Sequence[Exhibit]:
    maps = [chart for case in results.cases for chart in _maps(results, case)]
    return [*maps, arms_table("accuracy", "Accuracy after training on everything.", results.cases)]


def _maps(results: Results, case: CaseResults) -> Sequence[HeatMap]:
    accuracies: list[Cell] = []
    steps: list[Cell] = []
    for (shrink, sigma), arm in _grid(results.setting).items():
        for cells, value in ((accuracies, case.accuracy(arm.label)), (steps, case.cost(arm.label))):
            cells.append(Cell(f"{shrink:g}", f"{sigma:g}", value.mean, value.low, value.high, value.n))
    cold = case.accuracy("cold").mean
    # A cold start has no place on the grid.
    beside = "" if cold is None else f" A cold start reaches {100 * cold:.1f} %."
    caption = f"Accuracy after training on everything, by factor and noise.{beside}"
    x, y = "factor on the previous weights", "standard deviation of the noise"
    return [
        HeatMap("accuracies", caption, x, y, ACCURACY_AXIS, tuple(accuracies)),
        HeatMap("steps", "Steps of the second phase, by factor and noise.", x, y, Axis("steps"), tuple(steps)),
    ]


def _with_noise(
    case: CaseResults, setting: Setting, compared_by: Callable[..., Comparison], quantity: str
) -> list[Comparison]:
    """Return the comparisons of noise with none after shrinking by the same factor, one for each factor."""
    grid = _grid(setting)
    noises = [sigma for sigma in setting.grid(SIGMAS, desk=DESK_SIGMAS) if sigma]
    noise = PAPERS if PAPERS in noises else min(noises)
    # Against the same factor without noise, not against warm: otherwise shrinking would count for the noise.
    pairs = [
        (grid[shrink, noise].label, grid[shrink, 0.0].label)
        for shrink in setting.grid(SHRINKS, desk=DESK_SHRINKS)
        if shrink < 1
    ]
    return [compared_by(case, noisy, plain, what=f"{quantity}, {noisy} against {plain}") for noisy, plain in pairs]


@of_first_case
def noise_helps(results: Results, case: CaseResults) -> Judgement:
    """Judge the accuracy with noise against that without, in the mean over factors."""
    comparisons = _with_noise(case, results.setting, compared, "Accuracy")
    what = "Accuracy after shrinking, noise against none"
    return mean_judged(comparisons, better, what=what, confidence=case.confidence, single=not_worse)


@of_first_case
def noise_saves(results: Results, case: CaseResults) -> Judgement:
    """Judge the steps with noise against those without, in the mean over factors."""
    comparisons = _with_noise(case, results.setting, costs_compared, "Steps")
    what = "Steps after shrinking, noise against none"
    return mean_ratio_judged(comparisons, cheaper, what=what, confidence=case.confidence)


EXPERIMENT = Experiment(
    id="shrink-grid",
    number=16,
    title="Factor and noise of shrink-perturb",
    where="Figure 8",
    question="Which factors and which noise are accurate, and which are cheap?",
    paper_setting="Heat maps of accuracy and training time over the factor and the standard deviation of the noise.",
    deviations=("Two phases, half of the data and then everything, where the paper's setting is not known."),
    desk=Desk(seeds=5),
    declare=lambda setting: only_case(setting, [Cold(), *_grid(setting).values()]),
    exhibits=_exhibits,
    claims=(
        Claim(
            "After shrinking, noise makes the model more accurate, in the mean over factors.",
            noise_helps,
            published="Reported for both accuracy and time; no numbers are known.",
            seeds=7,
        ),
        Claim(
            "After shrinking, noise makes training cheaper, in the mean over factors.",
            noise_saves,
            published="Reported for both accuracy and time; no numbers are known.",
            seeds=7,
        ),
    ),
)
