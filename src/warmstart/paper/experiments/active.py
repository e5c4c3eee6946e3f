"""Version 1: active online learning."""

from collections.abc import Callable, Sequence

from warmstart.paper._exhibits import Axis, Curves, Exhibit, Format
from warmstart.paper._experiment import Case, Claim, Experiment, Judgement
from warmstart.paper._judge import better, if_trained, missing, not_worse, untestable, worse
from warmstart.paper._results import CaseResults, Results
from warmstart.paper._setting import Setting
from warmstart.paper._show import arms_table, over_rounds
from warmstart.queries import Entropy, LeastConfidence, Margin, Query, Random
from warmstart.statistics import PairedDifference, paired_difference
from warmstart.strategies import Cold, ShrinkPerturb, Warm
from warmstart.streams import Active
from warmstart.studies import Study

from ._study import paper_study

ID = "active"
QUERIES: tuple[tuple[str, Query], ...] = (
    # Claims are about the first and the last, which a thinned grid keeps.
    ("margin", Margin()),
    ("entropy", Entropy()),
    ("least-confidence", LeastConfidence()),
    ("random", Random()),
)


def _cases(setting: Setting) -> Sequence[Case]:
    return [Case({"query": name}, _study(setting, query)) for name, query in setting.grid(QUERIES)]


def _study(setting: Setting, query: Query) -> Study:
    return paper_study(
        setting,
        [Cold(), Warm(), ShrinkPerturb()],
        stream=Active(query, setting.arrival_size("cifar10")),
    )


def _exhibits(results: Results) -> Sequence[Exhibit]:
    caption = "Accuracy when all data have arrived, and every query has picked the same samples."
    table = arms_table("accuracy", caption, results.cases)
    return [table, _queries(results), *(_chart(case) for case in results.cases)]


def _queries(results: Results) -> Curves:
    points = [
        point for case in results.cases for point in over_rounds(case, ["cold"], names={"cold": case.facets["query"]})
    ]
    return Curves(
        "queries",
        "Accuracy of the cold start after every round, by the query that picked its samples.",
        Axis("training samples seen"),
        Axis("accuracy", Format.SHARE),
        tuple(points),
    )


def _chart(case: CaseResults) -> Curves:
    query = case.facets["query"]
    return Curves(
        f"accuracy-{query}",
        f"Accuracy after every round where each strategy's own model picks the next samples: query {query}.",
        Axis("training samples seen"),
        Axis("accuracy", Format.SHARE),
        tuple(over_rounds(case, case.arms)),
    )


def _warm_is_worse(results: Results) -> Judgement:
    case = results.first(query="margin")
    if case is None:
        return missing()
    return _while_picking(case, "warm", worse)


def _margin_is_better(results: Results) -> Judgement:
    margin, chance = results.first(query="margin"), results.first(query="random")
    if margin is None or chance is None:
        return missing()
    judgement = _better_while_picking(margin, chance)
    return if_trained(margin, ["cold"], if_trained(chance, ["cold"], judgement))


def _rounds_of_choice(case: CaseResults) -> range:
    """Return the rounds that a query decides: the first is drawn at random, and in the last all samples are there."""
    return range(2, case.rounds)


NO_CHOICE = untestable("Fewer than three rounds: no query has had a choice.")


def _while_picking(case: CaseResults, arm: str, judge: Callable[[PairedDifference, str], Judgement]) -> Judgement:
    """Judge an arm against the cold start by the mean accuracy over the rounds that the query decides."""
    rounds = _rounds_of_choice(case)
    if not rounds:
        return NO_CHOICE
    what = f"Mean accuracy over rounds {rounds[0]} to {rounds[-1]}, {arm} against cold, margin sampling"
    return if_trained(case, ["cold", arm], judge(case.mean_difference(arm, "cold", rounds), what))


def _better_while_picking(one: CaseResults, other: CaseResults) -> Judgement:
    rounds = _rounds_of_choice(min(one, other, key=lambda case: case.rounds))
    if not rounds:
        return NO_CHOICE
    difference = paired_difference(one.mean_accuracies("cold", rounds), other.mean_accuracies("cold", rounds))
    what = f"Mean accuracy over rounds {rounds[0]} to {rounds[-1]}, margin against random, cold start"
    return better(difference, what)


def _shrinking_closes_the_gap(results: Results) -> Judgement:
    case = results.first(query="margin")
    if case is None:
        return missing()
    return _while_picking(case, "shrink-perturb", not_worse)


EXPERIMENT = Experiment(
    id=ID,
    number=4,
    title="Active online learning",
    where="Version 1",
    question="Does warm starting hurt as well where the model itself chooses what it learns next?",
    paper_setting=(
        "The loop of passive online learning - CIFAR-10, ResNet-18, arrivals of 1,000 - where margin sampling with the "
        "current model picks the next samples."
    ),
    deviations=(
        "Optimizer and stop rule are those of passive online learning; besides margin sampling also entropy, least "
        "confidence and a random choice, and besides cold and warm starts also shrink-perturb."
    ),
    cases=_cases,
    exhibits=_exhibits,
    claims=(
        Claim(
            "With margin sampling, too, warm starting is less accurate than training from scratch.",
            _warm_is_worse,
            published="Warm starting is still worse. No numbers are known.",
        ),
        Claim(
            "With a cold start, margin sampling picks better samples than chance does.",
            _margin_is_better,
            published="Not claimed; it asks whether the query is of any use here. No numbers are known.",
        ),
        Claim(
            "With margin sampling, too, shrink-perturb is no less accurate than training from scratch.",
            _shrinking_closes_the_gap,
            published="Not claimed: version 1 ends without a remedy. No numbers are known.",
        ),
    ),
)
