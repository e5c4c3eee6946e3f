"""Figure 8: shrink factor and noise."""

from collections.abc import Sequence
from functools import partial

from warmstart.paper._exhibits import Axis, Cell, Exhibit, Format, HeatMap
from warmstart.paper._experiment import Case, Claim, Experiment, Judgement
from warmstart.paper._judge import better, cheaper, if_trained, in_some, of_first_case
from warmstart.paper._results import CaseResults, Results
from warmstart.paper._setting import Setting
from warmstart.paper._show import arms_table
from warmstart.statistics import Estimate
from warmstart.strategies import Cold, Noise, ShrinkPerturb, Strategy, Warm
from warmstart.studies import Arm

from ._study import only_case, paper_study

SHRINKS = (1.0, 0.8, 0.6, 0.4, 0.2)
SIGMAS = (0.0, 0.001, 0.01, 0.1)


def _strategy(shrink: float, sigma: float) -> Strategy:
    return Warm() if (shrink, sigma) == (1.0, 0.0) else ShrinkPerturb(shrink, sigma, Noise.GAUSSIAN)


def _label(shrink: float, sigma: float) -> str:
    return Arm(_strategy(shrink, sigma)).label


def _grid(setting: Setting) -> list[tuple[float, float]]:
    return [(shrink, sigma) for shrink in setting.grid(SHRINKS) for sigma in setting.grid(SIGMAS)]


def _cases(setting: Setting) -> Sequence[Case]:
    return only_case(
        paper_study(
            setting,
            [Cold(), *(_strategy(shrink, sigma) for shrink, sigma in _grid(setting))],
        )
    )


def _exhibits(results: Results) -> Sequence[Exhibit]:
    maps = [chart for case in results.cases for chart in _maps(results, case)]
    return [*maps, arms_table("accuracy", "Accuracy after training on everything.", results.cases)]


def _maps(results: Results, case: CaseResults) -> Sequence[HeatMap]:
    shrink, noise = "factor on the previous weights", "standard deviation of the noise"
    accuracy = _cells(results, {label: case.accuracy(label) for label in case.arms})
    steps = _cells(results, {label: case.cost(label) for label in case.arms})
    cold = case.accuracy("cold").mean
    beside = "" if cold is None else f" A cold start reaches {100 * cold:.1f} %."
    return [
        HeatMap(
            "accuracies",
            f"Accuracy after training on everything, by factor and noise.{beside}",
            shrink,
            noise,
            Axis("accuracy", Format.SHARE),
            accuracy,
        ),
        HeatMap("steps", "Steps of the second phase, by factor and noise.", shrink, noise, Axis("steps"), steps),
    ]


def _cells(results: Results, values: dict[str, Estimate]) -> tuple[Cell, ...]:
    pairs = [(shrink, sigma, values[_label(shrink, sigma)]) for shrink, sigma in _grid(results.setting)]
    return tuple(Cell(f"{shrink:g}", f"{sigma:g}", e.mean, e.low, e.high, e.n) for shrink, sigma, e in pairs)


@of_first_case
def _noise_helps(results: Results, case: CaseResults) -> Judgement:
    return in_some([partial(_is_better, case, arm, plain) for arm, plain in _noisy_and_plain(results)])


def _noisy_and_plain(results: Results) -> list[tuple[str, str]]:
    """Return the arms that are shrunk and perturbed, each with the one that is shrunk alike and not perturbed."""
    shrunk = [(shrink, sigma) for shrink, sigma in _grid(results.setting) if shrink < 1 and sigma > 0]
    return [(_label(shrink, sigma), _label(shrink, 0.0)) for shrink, sigma in shrunk]


def _is_better(case: CaseResults, arm: str, plain: str, confidence: float) -> Judgement:
    difference = case.difference(arm, plain, confidence=confidence)
    return if_trained(case, [arm, plain], better(difference, f"{arm} against {plain}"))


@of_first_case
def _noise_saves(results: Results, case: CaseResults) -> Judgement:
    return in_some([partial(_is_cheaper, case, arm, plain) for arm, plain in _noisy_and_plain(results)])


def _is_cheaper(case: CaseResults, arm: str, plain: str, confidence: float) -> Judgement:
    ratio = case.cost_ratio(arm, plain, confidence=confidence)
    return if_trained(case, [arm, plain], cheaper(ratio, f"Steps of {arm} against {plain}"))


EXPERIMENT = Experiment(
    id="shrink-grid",
    number=16,
    title="Factor and noise of shrink-perturb",
    where="Figure 8",
    question="LayerEnd factors and which noise are accurate, and which are cheap?",
    paper_setting="Heat maps of accuracy and training time over the factor and the standard deviation of the noise.",
    deviations=("Two phases, half of the data and then everything, where the paper's setting is not known."),
    cases=_cases,
    exhibits=_exhibits,
    claims=(
        Claim(
            "After shrinking, noise makes the model more accurate, for some factor and noise.",
            _noise_helps,
            published="Reported for both accuracy and time; no numbers are known.",
        ),
        Claim(
            "After shrinking, noise makes training cheaper, for some factor and noise.",
            _noise_saves,
            published="Reported for both accuracy and time; no numbers are known.",
        ),
    ),
)
