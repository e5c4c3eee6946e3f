"""The report of a study as a document: tables, charts, and the words around them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from warmstart.analysis import COST_TITLES, ArmSummary, RoundSummary, Summary, metric_of, share_text
from warmstart.basics import METRICS, PERCENT
from warmstart.statistics import Estimate

from ._document import Block, Bullets, Column, Document, Group, Note, Paragraph, Table, settings_table
from ._format import (
    NOTHING,
    cost_text,
    cost_with_factor,
    difference_text,
    ratio_text,
    score_text,
    stop_reasons_text,
)
from ._terminal import rich_table
from .charts import capitalized, charts_of

if TYPE_CHECKING:
    from rich.console import RenderableType

_EVALUATED: Final = {
    "holdout": (
        "data held out of training",
        " The holdouts of different seeds overlap, so intervals speak about seeds on these data, not about new data.",
    ),
    "test": (
        "the official test set",
        " It is the same for all seeds, so intervals speak about seeds on these data, not about new data.",
    ),
}
_MOST_CLASSES: Final = 20
_COUNTED: Final = {
    "steps": "optimizer steps",
    "samples": "samples processed (repeats counted)",
    "tokens": "tokens processed (repeats counted)",
    "flops": "floating-point operations",
    "seconds": "wall-clock seconds",
}


def study_document(summary: Summary, *, drawn: bool = True) -> Document:
    """Return the report of a study.

    Args:
        summary: What the study says, complete or not.
        drawn: Whether it has charts, for which the extra ``report`` is needed.
    """
    labels, data = [arm.arm for arm in summary.arms], summary.data.get("name")
    names = f"{len(labels)} strategies" if len(labels) > 3 else _listed(labels)
    rounds_of = "1 round" if summary.rounds_expected == 1 else f"{summary.rounds_expected} rounds"
    seeds = "1 seed" if summary.seeds_expected == 1 else f"{summary.seeds_expected} seeds"
    state = "" if summary.complete else f" ({summary.rounds_finished} of {summary.rounds_planned} rounds finished)"
    charts = {chart.name: chart for chart in (charts_of(summary) if drawn else ())}
    next_arrivals = [*([charts.pop("next-score")] if "next-score" in charts else []), *over_time(summary)]
    sections: list[tuple[str, Sequence[Block]]] = [
        ("Score over time", next_arrivals),
        *((chart.title, (chart,)) for chart in charts.values()),
        ("Churn", churn(summary)),
        ("Metrics", metrics(summary)),
        ("All costs", (costs(summary),)),
        ("Data", tuple(Bullets(tuple(map(str, notes))) for notes in [summary.data.get("notes")] if notes)),
        ("How to read it", tuple(map(Paragraph, how_to_read(summary)))),
    ]
    # What has a place of its own is not repeated among the settings.
    facts = {name: value for name, value in summary.data.items() if name not in ("notes", "description")}
    folds = {
        "Round by round": rounds(summary),
        "Settings": settings_table(summary.study),
        "Data": settings_table(facts),
        "Provenance": settings_table(summary.provenance),
    }
    return Document(
        kicker="Study report",
        title=f"{names} on {data}" if data else names,
        subtitle=f"{rounds_of}, {seeds}{state}",
        blocks=(
            Note("Verdict", summary.verdict, summary.notes, summary.context),
            Group("section", (results(summary),), "Results", is_brief=True),
            *(Group("section", tuple(blocks), title) for title, blocks in sections if blocks),
            Group("section", tuple(Group("fold", (table,), title) for title, table in folds.items()), "Details"),
        ),
    )


def results(summary: Summary) -> Table:
    """Return one row per strategy: score, difference, training score, churn, costs and how its rounds ended."""
    metric, cost = summary.metric, summary.costs[0]
    # A column and how it is read stand together, so that one can be added without counting places.
    columns: dict[Column, Callable[[ArmSummary], str]] = {
        Column("strategy"): lambda arm: arm.arm,
        Column(metric.name, is_tight=True): lambda arm: score_text(metric, arm.score),
        Column(f"difference to {summary.reference}"): lambda arm: difference_text(metric, arm.score_difference),
    }
    if any(arm.train_score.n for arm in summary.arms):
        title = Column(f"training {summary.learner_metric.name}", is_tight=True, brief="training", is_optional=True)
        columns[title] = lambda arm: score_text(summary.learner_metric, arm.train_score)
    if any(arm.churn.value.n for arm in summary.arms):
        title = Column("churn", is_tight=True, is_optional=True)
        columns[title] = lambda arm: score_text(METRICS["churn"], arm.churn.value)
    columns |= {
        Column(f"{cost}, all rounds", is_number=True, brief=None): lambda arm: cost_with_factor(cost, arm.total[cost]),
        Column(f"{cost}, last round", is_number=True): lambda arm: cost_with_factor(cost, arm.last_round[cost]),
        Column("seconds, all rounds", is_number=True): lambda arm: cost_text("seconds", arm.total["seconds"].value),
        Column("rounds ended", brief="ended"): lambda arm: stop_reasons_text(arm.stop_reasons),
    }
    caption = (
        f"After round {summary.compared_round}, with {100 * summary.confidence:g} % intervals over seeds; differences "
        f"and factors are to {summary.reference}."
    )
    rows = [tuple(read(arm) for read in columns.values()) for arm in summary.arms]
    return Table(tuple(columns), rows, caption, style="compact")


def over_time(summary: Summary) -> list[Table]:
    """Return one row per strategy and baseline with its score on the next arrival; nothing where none was scored."""
    metric = summary.learner_metric
    rows = [
        (arm.arm, score_text(metric, arm.next_score), difference_text(metric, arm.next_difference))
        for arm in summary.arms
        if arm.next_score.n
    ]
    if not rows:
        return []
    rows += [(f"{name} (learns nothing)", score_text(metric, one), "") for name, one in summary.next_baselines.items()]
    titles = (Column("predictor"), Column(f"{metric.name} on the next arrival", is_tight=True))
    caption = f"Mean over rounds, with {100 * summary.confidence:g} % intervals over seeds."
    return [Table((*titles, Column(f"difference to {summary.reference}")), rows, caption)]


def churn(summary: Summary) -> list[Table]:
    """Return one row per strategy: how many predictions an update changes, and how many of them for the worse."""
    rows = []
    for arm in summary.arms:
        if arm.churn.value.n:
            cells = [arm.arm]
            for found in (arm.churn, arm.negative_flips):
                cells += [score_text(METRICS["churn"], found.value), ratio_text(found.ratio)]
            rows.append(tuple(cells))
    if not rows:
        return []
    factor = Column(f"times {summary.reference}")
    titles = (Column("churn", is_tight=True), factor, Column("negative flips", is_tight=True), factor)
    caption = (
        "Share of the predictions on the evaluation data that an update changes, and that were right before and are "
        f"wrong afterwards; mean over the updates up to round {summary.compared_round}."
    )
    return [Table((Column("strategy"), *titles), rows, caption)]


def metrics(summary: Summary) -> list[Table]:
    """Return one row per strategy and baseline with all of their metrics, and one row per class with its recall."""
    own = summary.learner_metric
    names = dict.fromkeys(name for arm in summary.arms for name in arm.metrics if not name.startswith("recall: "))
    named = {own.name: own} | {name: metric_of(name, own) for name in names}
    values = {arm.arm: {own.name: arm.own_score, **arm.metrics} for arm in summary.arms}
    values |= {f"{name} (learns nothing)": found for name, found in summary.baselines.items()}
    missing = Estimate(None, None, None, 0)
    rows = [
        (label, *(score_text(metric, found.get(name, missing)) for name, metric in named.items()))
        for label, found in values.items()
    ]
    titles = (Column(metric.name, is_tight=True) for metric in named.values())
    caption = f"On the evaluation data after round {summary.compared_round}."
    tables = [Table((Column("predictor"), *titles), rows, caption)] if len(named) > 1 and summary.rounds else []
    recalls = dict.fromkeys(name for arm in summary.arms for name in arm.metrics if name.startswith("recall: "))
    if 0 < len(recalls) <= _MOST_CLASSES:
        rows = []
        for name in recalls:
            label = name.partition(": ")[2]
            share = summary.class_shares.get(label)
            cells = [score_text(metric_of(name, own), arm.metrics.get(name, missing)) for arm in summary.arms]
            rows.append((label, NOTHING if share is None else share_text(share), *cells))
        titles = (Column("class"), Column("share", is_number=True))
        arms = (Column(arm.arm, is_tight=True) for arm in summary.arms)
        caption = "Recall: share of the samples of a class that are classified correctly."
        tables.append(Table((*titles, *arms), rows, caption))
    return tables


def costs(summary: Summary) -> Table:
    """Return one row per strategy and counted cost: over all rounds and of the last round, with the factors."""
    rows = []
    for arm in summary.arms:
        for cost in summary.costs:
            cells = [arm.arm, COST_TITLES[cost]]
            for scope in (arm.total, arm.last_round):
                # A cost can be missing of one strategy where it is known of another.
                is_missing = scope[cost].value.mean is None and scope["seconds"].value.mean is not None
                text = "not counted" if is_missing else cost_text(cost, scope[cost].value)
                cells += [text, ratio_text(scope[cost].ratio)]
            rows.append(tuple(cells))
    factor = Column(f"times {summary.reference}")
    amounts = (Column("all rounds", is_number=True), factor, Column("last round", is_number=True), factor)
    return Table((Column("strategy"), Column("cost"), *amounts), rows)


def rounds(summary: Summary) -> Table:
    """Return one row per round and strategy."""
    metric, own, cost = summary.metric, summary.learner_metric, summary.costs[0]
    columns: dict[Column, Callable[[RoundSummary], str]] = {
        Column("round", is_number=True): lambda row: str(row.round),
        Column("samples seen", is_number=True): lambda row: f"{row.samples_seen:,}",
        Column("strategy"): lambda row: row.arm,
        Column(metric.name, is_tight=True): lambda row: score_text(metric, row.score),
        Column(f"difference to {summary.reference}"): lambda row: difference_text(metric, row.score_difference),
    }
    if any(row.train_score.n for row in summary.rounds):
        columns[Column(f"training {own.name}", is_tight=True)] = lambda row: score_text(own, row.train_score)
    if any(row.next_score.n for row in summary.rounds):
        columns[Column(f"next {own.name}", is_tight=True)] = lambda row: score_text(own, row.next_score)
    if any(row.churn.n for row in summary.rounds):
        columns[Column("churn", is_tight=True)] = lambda row: score_text(METRICS["churn"], row.churn)
    columns |= {
        Column(cost, is_number=True): lambda row: cost_text(cost, row.cost[cost]),
        Column("seconds", is_number=True): lambda row: cost_text("seconds", row.cost["seconds"]),
    }
    return Table(tuple(columns), [tuple(read(row) for read in columns.values()) for row in summary.rounds])


def result_table(summary: Summary) -> "RenderableType":
    """Return one row per strategy, ready for a rich console and fit for one of 80 columns.

    Columns: score with half its interval, the difference to the reference, a cost of the last round with its factor,
    seconds over all rounds, and how the rounds ended; training score and churn where there is room for them.
    """
    return rich_table(results(summary))


def how_to_read(summary: Summary) -> list[str]:
    """Return what the numbers mean, one paragraph each."""
    metric, data, reference = summary.metric, summary.data, summary.reference
    unit = "percentage points" if metric.unit == PERCENT else metric.unit
    in_unit = f" Differences of {metric.name} are in {unit}." if unit else ""
    direction = "" if metric.higher_is_better else f" A lower {metric.name} is better."
    place, shared = _EVALUATED.get(str(data.get("evaluate")), ("the evaluation data", ""))
    size = data.get("evaluation_samples")
    count = f" ({size:,} samples)" if isinstance(size, int) else ""
    # Trials side by side slow each other down, which is in the seconds and in nothing else.
    workers = summary.provenance.get("workers")
    beside = f" (here {workers} trials at a time)" if isinstance(workers, int) and workers > 1 else ""
    uncounted = "" if "flops" in summary.costs else " Floating-point operations could not be counted."
    is_two_phase = summary.study.get("stream", {}).get("name") == "two-phase"
    first_round = (
        " With two phases round 1 is the same for cold and warm, so the factor over all rounds understates what an "
        "update saves."
    )
    by_results = isinstance(summary.study.get("seeds"), str)
    looked = (
        "; of differences and factors sequential ones, which stay valid however often one looks" if by_results else ""
    )
    return [
        "Every strategy was trained with the same seeds: the same split, the same arrivals and the same fresh draws. A "
        f"difference to {reference} is taken within each seed first, so that what the seeds have in common cancels.",
        f"Intervals are {100 * summary.confidence:g} % confidence intervals over seeds (Student's t{looked}). A "
        "difference counts as detected when its interval excludes zero. 'No difference detected' does not say that two "
        f"strategies are equal: the interval says how large a difference may still be.{in_unit}{direction}",
        f"{capitalized(metric.name)} is measured after each round on {place}{count}, never on what the round was "
        f"trained on.{shared}",
        *(
            [
                "Training scores are measured on the data that a round was trained on. Where they are far above those "
                "on held-out data, the models memorize."
            ]
            if any(arm.train_score.n for arm in summary.arms)
            else []
        ),
        "Costs cover the training of the rounds alone, without loading and evaluation: "
        f"{_listed([_COUNTED[cost] for cost in summary.costs])}. Seconds depend on the machine and on what else ran on "
        f"it{beside}; the other costs do not.{uncounted}",
        f"Factors are geometric means of the ratio to {reference} within each seed. Those of the verdict are over all "
        "rounds; the last round alone, which is what the next retraining costs, has its own column."
        f"{first_round if is_two_phase else ''}",
        "How rounds ended: 'converged' met the target of the stopping rule, 'plateau' made no progress any more, "
        "'limit' was stopped by a limit before either, 'diverged' lost its training. A strategy whose rounds end at "
        f"limits is not trained to the end, so its {metric.name} and its cost say less.",
    ]


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
