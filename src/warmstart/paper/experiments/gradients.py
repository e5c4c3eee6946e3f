"""Figure 5: gradients of old and new data."""

import math
from collections.abc import Sequence

from warmstart.diagnostics import GradientNorms
from warmstart.paper._chapter import Verdict
from warmstart.paper._exhibits import Axis, Curves, Exhibit, Source, Table
from warmstart.paper._experiment import Case, Claim, Experiment, Judgement
from warmstart.paper._judge import of_first_case, positive
from warmstart.paper._published import published
from warmstart.paper._results import CaseResults, Results
from warmstart.paper._setting import Setting
from warmstart.paper._show import NOTHING, over_readings, ratio_text
from warmstart.statistics import mean_interval, paired_ratio
from warmstart.strategies import Cold, Noise, ShrinkPerturb, Warm
from warmstart.studies import Arm
from warmstart.training import OptimizerKind, Recipe

from ._levels import on_their_data
from ._study import only_case, paper_study

ID = "gradients"
SHRINKS = (0.9, 0.7, 0.5, 0.3)
SIGMA = 0.01
PARTS = ("old", "new")


def _cases(setting: Setting) -> Sequence[Case]:
    return only_case(
        paper_study(
            setting,
            [Cold(), Warm(), *(_shrunk(shrink) for shrink in setting.grid(SHRINKS))],
            recipe=Recipe(OptimizerKind.SGD),
            measurements=[GradientNorms(every=setting.every(10))],
        )
    )


def _shrunk(shrink: float) -> Arm:
    return Arm(ShrinkPerturb(shrink=shrink, perturb=SIGMA, noise=Noise.GAUSSIAN))


def _names(setting: Setting) -> dict[str, str]:
    """Return how tables and charts name the arms, by label."""
    return {"cold": "cold", "warm": "warm"} | {
        _shrunk(shrink).label: f"shrink {shrink:g}" for shrink in setting.grid(SHRINKS)
    }


def _exhibits(results: Results) -> Sequence[Exhibit]:
    return [
        exhibit
        for case in results.cases
        for exhibit in (_table(results, case), *(_chart(results, case, part) for part in PARTS))
    ]


def _table(results: Results, case: CaseResults) -> Table:
    caption = (
        "Norms of the gradients before the first step on everything, means over seeds, and their ratio, a geometric "
        "mean paired by seed. What the paper averages its norms over is not known, so only ratios can be compared."
    )
    header = ("strategy", "old", "new", "new / old", "paper: old", "paper: new", "paper: new / old")
    rows = [(name, *_ours(case, arm), *_beside(results, name)) for arm, name in _names(results.setting).items()]
    return Table("start", caption, header, tuple(rows))


def _ours(case: CaseResults, arm: str) -> tuple[str, ...]:
    norms = {part: at_start(case, arm, part) for part in PARTS}
    means = [mean_interval(values).mean for values in norms.values()]
    ratio = ratio_text(paired_ratio(norms["new"], norms["old"]))
    return (*(NOTHING if mean is None else f"{mean:.3g}" for mean in means), ratio)


def _beside(results: Results, name: str) -> tuple[str, ...]:
    return tuple(on_their_data(results, text) for text in _theirs(name))


def _theirs(name: str) -> tuple[str, ...]:
    shrinks = {"warm": 1.0} | {f"shrink {shrink:g}": shrink for shrink in SHRINKS}
    if name not in shrinks:
        return (NOTHING,) * 3
    old, new = (_published(part, shrinks[name]) for part in PARTS)
    ratios = sorted(above / below for above in new for below in old)
    return _span(old), _span(new), _span(ratios)


def _published(part: str, shrink: float) -> list[float]:
    found = published(ID, "gradient norm", by=Source.PAPER, part=part, shrink=shrink, step=0)
    return [number.value for number in found]


def _span(values: Sequence[float]) -> str:
    return " to ".join(f"{value:.3g}" for value in values) or NOTHING


def at_start(case: CaseResults, arm: str, part: str) -> list[float | None]:
    """Return the norm of a part's gradient before the last round's first step, per seed."""
    readings = case.readings(arm, f"{part} gradient")
    return [found[0].value if found and found[0].steps == 0 else None for found in readings]


def _chart(results: Results, case: CaseResults, part: str) -> Curves:
    points = [
        point
        for arm, name in _names(results.setting).items()
        for point in over_readings(case, arm, f"{part} gradient", series=name, by_steps=True)
    ]
    return Curves(
        part,
        f"Norm of the gradient of the {part} half of the data while everything is trained on.",
        Axis("steps of the last round"),
        Axis("L2 norm of the gradient", log=True),
        tuple(points),
    )


def log_ratios(case: CaseResults, arm: str) -> list[float | None]:
    """Return log(new / old) before the first step on everything, per seed; None where a norm is missing or zero."""
    pairs = zip(at_start(case, arm, "new"), at_start(case, arm, "old"), strict=True)
    return [math.log(new / old) if new and old else None for new, old in pairs]


@of_first_case
def _new_is_larger(results: Results, case: CaseResults) -> Judgement:
    judgement = positive(mean_interval(log_ratios(case, "warm")), "Logarithm of new over old, warm")
    return _if_half_is_fitted(case, judgement)


def _if_half_is_fitted(case: CaseResults, judgement: Judgement) -> Judgement:
    """Return the judgement, or say that a model that does not know the old data cannot tell them from new ones."""
    first = case.table.at("warm", 1)
    capped = sum(record.stop_reason == "limit" for record in first)
    if 2 * capped <= len(first):
        return judgement
    reason = f"The scale cannot test it: {capped} of {len(first)} first rounds ended at the limit, the half not fitted."
    return Judgement(Verdict.INCONCLUSIVE, (*judgement.reasons, reason))


@of_first_case
def _shrinking_balances(results: Results, case: CaseResults) -> Judgement:
    shrink = min(results.setting.grid(SHRINKS))
    pairs = zip(_imbalance(case, "warm"), _imbalance(case, _shrunk(shrink).label), strict=True)
    closer = [None if warm is None or shrunk is None else warm - shrunk for warm, shrunk in pairs]
    what = f"By how much the logarithm of new over old is closer to 0 with shrink {shrink:g} than warm"
    return _if_half_is_fitted(case, positive(mean_interval(closer), what))


def _imbalance(case: CaseResults, arm: str) -> list[float | None]:
    return [None if ratio is None else abs(ratio) for ratio in log_ratios(case, arm)]


EXPERIMENT = Experiment(
    id=ID,
    number=9,
    title="Gradients of old and new data",
    where="Figure 5",
    question="Do old and new data pull equally hard at a model that knows the old ones?",
    paper_setting=(
        "CIFAR-10, ResNet-18, SGD; half of the data, then everything; the average L2 norm of gradients of previously "
        "seen and of new samples, warm and with shrink-perturb of factors 0.9 to 0.3."
    ),
    deviations=(
        "The norm of the gradient of the mean loss over at most 1,024 samples of each half, in training mode, where "
        "normalization is by these samples' own mean and variance; a cold start besides. The paper does not say how "
        f"much noise follows the shrinking: here its standard deviation is {SIGMA}."
    ),
    cases=_cases,
    exhibits=_exhibits,
    claims=(
        Claim(
            "When a warm start meets new data, their gradient is larger than that of the old data.",
            _new_is_larger,
            published="About 150 against 10 to 20; they meet after about 12,000 batches, read off the figure.",
        ),
        Claim(
            "Shrink-perturb brings the two closer.",
            _shrinking_balances,
            published=(
                "New and old about 140 and 85 with shrink 0.9, 100 and 75 with 0.7, 65 and 60 with 0.5, 45 both with "
                "0.3, read off the figure."
            ),
        ),
    ),
)
