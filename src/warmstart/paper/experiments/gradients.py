"""Figure 5: gradients of old and new data."""

import math
from collections.abc import Sequence

from warmstart.diagnostics import Average, GradientNorms
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
# Names of the readings: the paper's average over batches of the norm of each batch's gradient, by which claims are
# judged, and the norm of the mean gradient of all samples, which is smaller, since samples cancel one another.
BATCHES, MEAN = "batch gradient", "gradient"
# Ratios of norms that differ by less than 5 % count as equal.
SMALLEST_LOG = math.log(1.05)


def _cases(setting: Setting) -> Sequence[Case]:
    every = setting.every(10)
    return only_case(
        setting,
        [Cold(), Warm(), *(shrunk_arm(shrink) for shrink in setting.grid(SHRINKS, desk=DESK_SHRINKS))],
        recipe=setting.recipe(OptimizerKind.SGD),
        measurements=[GradientNorms(every, average=Average.NORMS), GradientNorms(every)],
    )


def shrunk_arm(shrink: float) -> Arm:
    """Return the arm that shrinks weights by this factor."""
    return Arm(ShrinkPerturb(shrink=shrink, perturb=SIGMA, noise=Noise.GAUSSIAN))


def _exhibits(results: Results) -> Sequence[Exhibit]:
    of_batches = "average over batches of 128 of the norm of a batch's gradient, as in the paper"
    of_mean = "norm of the mean gradient of all samples, which the paper does not show"
    kinds = ((BATCHES, "", of_batches), (MEAN, "-of-mean", of_mean))
    return [exhibit for case in results.cases for kind in kinds for exhibit in _of_kind(results, case, *kind)]


def _of_kind(results: Results, case: CaseResults, kind: str, name: str, quantity: str) -> Sequence[Exhibit]:
    """Return table and charts of one kind of norm; ``name`` ends their names, and ``quantity`` is what is shown."""
    shrunk = {
        shrunk_arm(shrink).label: f"shrink {shrink:g}" for shrink in results.setting.grid(SHRINKS, desk=DESK_SHRINKS)
    }
    rows: list[tuple[str, ...]] = []
    points: dict[str, list[Point]] = {part: [] for part in PARTS}
    for arm, series in ({"cold": "cold", "warm": "warm"} | shrunk).items():
        norms = {part: norms_at_start(case, arm, part, kind) for part in PARTS}
        means = [mean_interval(values).mean for values in norms.values()]
        texts = [NO_VALUE if mean is None else f"{mean:.3g}" for mean in means]
        ratio = ratio_text(paired_ratio(norms["new"], norms["old"]))
        of_paper = published_norms(series) if kind == BATCHES else ()
        rows.append((series, *texts, ratio, *(on_papers_data(results, text) for text in of_paper)))
        for part in PARTS:
            points[part] += reading_points(case, arm, f"{part} {kind}", series=series, by_steps=True)
    caption = (
        f"Gradients before the first step on everything: {quantity}. Means over seeds, and the ratio of new to old, a "
        "geometric mean paired by seed."
    )
    header = ("strategy", "old", "new", "new / old")
    if kind == BATCHES:
        header = (*header, "paper: old", "paper: new", "paper: new / old")
    x, y = Axis("steps of the last round"), Axis("L2 norm of the gradient", log=True)
    charts = [
        Curves(
            f"{part}{name}",
            f"Gradient of the {part} half of the data while everything is trained on: {quantity}.",
            x,
            y,
            tuple(points[part]),
        )
        for part in PARTS
    ]
    return [Table(f"start{name}", caption, header, tuple(rows)), *charts]


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


def norms_at_start(case: CaseResults, arm: str, part: str, kind: str = BATCHES) -> list[float | None]:
    """Return the norm of a part's gradient before the last round's first step, per seed."""
    readings = case.readings(arm, f"{part} {kind}")
    # After the first step the gradient is no longer that of the start, so a later reading cannot stand in.
    return [found[0].value if found and found[0].steps == 0 else None for found in readings]


def log_ratios(above: Sequence[float | None], below: Sequence[float | None]) -> list[float | None]:
    """Return the logarithm of a ratio of norms per seed; None where a norm is missing or zero.

    Logarithms, because twice as large and half as large are then equally far from equal.

    Example:
        >>> log_ratios([1.0, None], [1.0, 2.0])
        [0.0, None]
    """
    return [math.log(a / b) if a and b else None for a, b in zip(above, below, strict=True)]


def _new_to_old(case: CaseResults, arm: str) -> list[float | None]:
    return log_ratios(norms_at_start(case, arm, "new"), norms_at_start(case, arm, "old"))


@of_first_case
def new_is_larger(results: Results, case: CaseResults) -> Judgement:
    """Judge the ratio of the norms at the start of the warm arm's last round."""
    return _judged(case, _new_to_old(case, "warm"), "Logarithm of new over old, warm")


@of_first_case
def larger_than_cold(results: Results, case: CaseResults) -> Judgement:
    """Judge the ratio of the norms of the new data at a warm and at a cold start."""
    ratios = log_ratios(norms_at_start(case, "warm", "new"), norms_at_start(case, "cold", "new"))
    return _judged(case, ratios, "Logarithm of warm over cold, new data")


@of_first_case
def shrinking_balances(results: Results, case: CaseResults) -> Judgement:
    """Judge by how much closer to 1 the ratio of the norms is with the smallest factor than warm."""
    shrink = min(results.setting.grid(SHRINKS, desk=DESK_SHRINKS))
    pairs = zip(_new_to_old(case, "warm"), _new_to_old(case, shrunk_arm(shrink).label), strict=True)
    # Distances from a ratio of 1: shrinking may overshoot, so that the old gradient is the larger one.
    closer = [None if warm is None or shrunk is None else abs(warm) - abs(shrunk) for warm, shrunk in pairs]
    return _judged(
        case, closer, f"By how much the logarithm of new over old is closer to 0 with shrink {shrink:g} than warm"
    )


def _judged(case: CaseResults, logarithms: Sequence[float | None], what: str) -> Judgement:
    """Judge that the mean of logarithms is positive, if the half was fitted."""
    estimate = mean_interval(logarithms, confidence=case.confidence)
    judgement = positive(estimate, what, smallest=SMALLEST_LOG)
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
        "Norms are of at most 1,024 samples of each half, in batches of 128, in training mode, where normalization is "
        "by a batch's own mean and variance; a cold start besides, and the norm of the mean gradient, which no claim "
        "is judged by. The paper does not say how much noise follows the shrinking: here its standard deviation is "
        f"{SIGMA}."
    ),
    declare=_cases,
    desk=Desk(seeds=5),
    exhibits=_exhibits,
    claims=(
        Claim(
            "When a warm start meets new data, their gradient is larger than that of the old data.",
            new_is_larger,
            published="About 150 against 10 to 20; they meet after about 12,000 batches, read off the figure.",
            reproduction="Repeats the figure; with augmentation the gradients of old and new data are equal.",
            seeds=3,
        ),
        Claim(
            "Shrink-perturb brings the two closer.",
            shrinking_balances,
            published=(
                "New and old about 140 and 85 with shrink 0.9, 100 and 75 with 0.7, 65 and 60 with 0.5, 45 both with "
                "0.3, read off the figure."
            ),
            reproduction="Repeats the figure; its numbers are not known here.",
            seeds=3,
        ),
        Claim(
            "The gradient of new data is larger for a warm start than for a random initialisation.",
            larger_than_cold,
            published="Version 1 says so; no numbers are known.",
            seeds=3,
        ),
    ),
)
