"""Figure 5: gradients of old and new data."""

import math
from collections.abc import Sequence

from warmstart.diagnostics import GradientNorms
from warmstart.paper.kit.exhibits import Axis, Curves, Exhibit, Point, Source, Table
from warmstart.paper.kit.experiment import Case, Claim, Experiment, Judgement, Verdict, only_case
from warmstart.paper.kit.judge import of_first_case, positive
from warmstart.paper.kit.points import reading_points
from warmstart.paper.kit.published import published
from warmstart.paper.kit.results import CaseResults, Results
from warmstart.paper.kit.setting import Desk, Setting
from warmstart.paper.kit.tables import NO_VALUE, on_papers_data, ratio_text
from warmstart.statistics import mean_interval, paired_ratio
from warmstart.strategies import Cold, Noise, ShrinkPerturb, Warm
from warmstart.studies import Arm
from warmstart.training import OptimizerKind

ID = "gradients"
SHRINKS = (0.9, 0.7, 0.5, 0.3)
DESK_SHRINKS = (0.9, 0.6, 0.3)
# The paper does not say how much noise follows the shrinking.
SIGMA = 0.01
PARTS = ("old", "new")


def _cases(setting: Setting) -> Sequence[Case]:
    return only_case(
        setting,
        [Cold(), Warm(), *(shrunk_arm(shrink) for shrink in setting.grid(SHRINKS, desk=DESK_SHRINKS))],
        recipe=setting.recipe(OptimizerKind.SGD),
        measurements=[GradientNorms(every=setting.every(10))],
    )


def shrunk_arm(shrink: float) -> Arm:
    """Return the arm that shrinks weights by this factor."""
    return Arm(ShrinkPerturb(shrink=shrink, perturb=SIGMA, noise=Noise.GAUSSIAN))


def _exhibits(results: Results) -> Sequence[Exhibit]:
    return [exhibit for case in results.cases for exhibit in _of_case(results, case)]


def _of_case(results: Results, case: CaseResults) -> Sequence[Exhibit]:
    shrunk = {
        shrunk_arm(shrink).label: f"shrink {shrink:g}" for shrink in results.setting.grid(SHRINKS, desk=DESK_SHRINKS)
    }
    rows: list[tuple[str, ...]] = []
    points: dict[str, list[Point]] = {part: [] for part in PARTS}
    for arm, name in ({"cold": "cold", "warm": "warm"} | shrunk).items():
        norms = {part: norms_at_start(case, arm, part) for part in PARTS}
        means = [mean_interval(values).mean for values in norms.values()]
        texts = [NO_VALUE if mean is None else f"{mean:.3g}" for mean in means]
        ratio = ratio_text(paired_ratio(norms["new"], norms["old"]))
        rows.append((name, *texts, ratio, *(on_papers_data(results, text) for text in published_norms(name))))
        for part in PARTS:
            points[part] += reading_points(case, arm, f"{part} gradient", series=name, by_steps=True)
    caption = (
        "Norms of the gradients before the first step on everything, means over seeds, and their ratio, a geometric "
        "mean paired by seed. What the paper averages its norms over is not known, so only ratios can be compared."
    )
    header = ("strategy", "old", "new", "new / old", "paper: old", "paper: new", "paper: new / old")
    x, y = Axis("steps of the last round"), Axis("L2 norm of the gradient", log=True)
    what = "half of the data while everything is trained on."
    return [
        Table("start", caption, header, tuple(rows)),
        *(Curves(part, f"Norm of the gradient of the {part} {what}", x, y, tuple(points[part])) for part in PARTS),
    ]


def published_norms(name: str) -> tuple[str, ...]:
    """Return the published norms of old and new data and their ratio; a range where only that can be read off."""
    shrinks = {"warm": 1.0} | {f"shrink {shrink:g}": shrink for shrink in SHRINKS}
    if name not in shrinks:
        return (NO_VALUE,) * 3
    facets = {"shrink": shrinks[name], "step": 0}
    old, new = (
        [number.value for number in published(ID, "gradient norm", by=Source.PAPER, part=part, **facets)]
        for part in PARTS
    )
    ratios = sorted(above / below for above in new for below in old)
    old, new, ratio = (" to ".join(f"{value:.3g}" for value in values) or NO_VALUE for values in (old, new, ratios))
    return old, new, ratio


def norms_at_start(case: CaseResults, arm: str, part: str) -> list[float | None]:
    """Return the norm of a part's gradient before the last round's first step, per seed."""
    readings = case.readings(arm, f"{part} gradient")
    # After the first step the gradient is no longer that of the start, so a later reading cannot stand in.
    return [found[0].value if found and found[0].steps == 0 else None for found in readings]


def log_ratios(case: CaseResults, arm: str) -> list[float | None]:
    """Return log(new / old) before the first step on everything, per seed; None where a norm is missing or zero."""
    pairs = zip(norms_at_start(case, arm, "new"), norms_at_start(case, arm, "old"), strict=True)
    return [math.log(new / old) if new and old else None for new, old in pairs]


@of_first_case
def new_is_larger(results: Results, case: CaseResults) -> Judgement:
    """Judge the ratio of the norms at the start of the warm arm's last round."""
    # Logarithms, because twice as large and half as large are then equally far from equal.
    judgement = positive(mean_interval(log_ratios(case, "warm")), "Logarithm of new over old, warm")
    return _if_half_is_fitted(case, judgement)


@of_first_case
def shrinking_balances(results: Results, case: CaseResults) -> Judgement:
    """Judge by how much closer to 1 the ratio of the norms is with the smallest factor than warm."""
    shrink = min(results.setting.grid(SHRINKS, desk=DESK_SHRINKS))
    pairs = zip(log_ratios(case, "warm"), log_ratios(case, shrunk_arm(shrink).label), strict=True)
    # Distances from a ratio of 1: shrinking may overshoot, so that the old gradient is the larger one.
    closer = [None if warm is None or shrunk is None else abs(warm) - abs(shrunk) for warm, shrunk in pairs]
    what = f"By how much the logarithm of new over old is closer to 0 with shrink {shrink:g} than warm"
    return _if_half_is_fitted(case, positive(mean_interval(closer), what))


def _if_half_is_fitted(case: CaseResults, judgement: Judgement) -> Judgement:
    first = case.table.at("warm", 1)
    at_limit = sum(record.stop_reason == "limit" for record in first)
    if 2 * at_limit <= len(first):
        return judgement
    # A model that has not fitted the old data cannot distinguish them from new ones.
    reason = (
        f"The scale cannot test it: {at_limit} of {len(first)} first rounds ended at the limit, the half not fitted."
    )
    return Judgement(Verdict.INCONCLUSIVE, (*judgement.reasons, reason))


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
    declare=_cases,
    desk=Desk(seeds=5),
    exhibits=_exhibits,
    claims=(
        Claim(
            "When a warm start meets new data, their gradient is larger than that of the old data.",
            new_is_larger,
            published="About 150 against 10 to 20; they meet after about 12,000 batches, read off the figure.",
        ),
        Claim(
            "Shrink-perturb brings the two closer.",
            shrinking_balances,
            published=(
                "New and old about 140 and 85 with shrink 0.9, 100 and 75 with 0.7, 65 and 60 with 0.5, 45 both with "
                "0.3, read off the figure."
            ),
        ),
    ),
)
