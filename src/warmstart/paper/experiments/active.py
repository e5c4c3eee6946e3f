"""Version 1: active online learning."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from warmstart.paper.kit.exhibits import ACCURACY_AXIS, SAMPLES_SEEN, Curves, Exhibit, Point
from warmstart.paper.kit.experiment import Case, Claim, Experiment, Judgement, paper_study
from warmstart.paper.kit.judge import DifferenceJudge, better, if_trained, missing, not_worse, untestable, worse
from warmstart.paper.kit.points import round_points
from warmstart.paper.kit.results import CaseResults, Results
from warmstart.paper.kit.setting import Desk, Setting
from warmstart.paper.kit.tables import arms_table
from warmstart.queries import Entropy, LeastConfidence, Margin, Query, Random
from warmstart.statistics import paired_difference
from warmstart.strategies import Cold, ShrinkPerturb, Warm
from warmstart.streams import Active

# Claims are about the first and the last, which a thinned grid keeps.
QUERIES: tuple[tuple[str, Query], ...] = (
    ("margin", Margin()),
    ("entropy", Entropy()),
    ("least-confidence", LeastConfidence()),
    ("random", Random()),
)
DESK_POOL = 20_000
NO_CHOICE = untestable("Fewer than three rounds: no query has had a choice.")


def _cases(setting: Setting) -> Sequence[Case]:
    arms = [Cold(), Warm(), ShrinkPerturb()]
    stream = Active(arrival_size=setting.arrival_size("cifar10"))
    cases: list[Case] = []
    for name, query in setting.grid(QUERIES, desk=(QUERIES[0], QUERIES[-1])):
        stream, data, others = replace(stream, query=query), setting.source("cifar10"), arms
        if setting.desk:
            # From a pool of which most is never asked for, so that there is a choice.
            stream, data = replace(stream, rounds=setting.plan.arrivals), setting.source("cifar10", DESK_POOL)
            # Only a cold start is compared with a random choice.
            others = arms[:1] if isinstance(query, Random) else arms
        cases.append(Case({"query": name}, paper_study(setting, others, stream=stream, data=data)))
    return cases


def _exhibits(results: Results) -> Sequence[Exhibit]:
    queries: list[Point] = []
    charts: list[Curves] = []
    for case in results.cases:
        query = case.facets["query"]
        # Only of the cold start, since every strategy's own model picks its samples.
        queries += round_points(case, ["cold"], names={"cold": query})
        caption = f"Accuracy after every round where each strategy's own model picks the next samples: query {query}."
        points = tuple(round_points(case, case.arms))
        charts.append(Curves(f"accuracy-{query}", caption, SAMPLES_SEEN, ACCURACY_AXIS, points))
    caption = "Accuracy when all data have arrived, and every query has picked the same samples."
    by_query = "Accuracy of the cold start after every round, by the query that picked its samples."
    return [
        arms_table("accuracy", caption, results.cases),
        Curves("queries", by_query, SAMPLES_SEEN, ACCURACY_AXIS, tuple(queries)),
        *charts,
    ]


def _chosen_rounds(results: Results, case: CaseResults) -> range:
    """Return the rounds that a query decides: not the first, which is drawn at random, nor one that has all samples."""
    pool = results.setting.fitted(case.study.data.name, DESK_POOL)
    return range(2, case.rounds + (sum(case.study.stream.sizes(pool)) < pool))


def margin_is_better(results: Results) -> Judgement:
    """Judge the cold starts of two studies, by the mean accuracy over the rounds that the query decides."""
    margin, chance = results.first(query="margin"), results.first(query="random")
    if margin is None or chance is None:
        return missing()
    rounds = _chosen_rounds(results, min(margin, chance, key=lambda case: case.rounds))
    judgement = NO_CHOICE
    # In the mean over rounds, since in a single one a query is ahead by chance more often.
    if rounds:
        accuracies, others = margin.mean_accuracies("cold", rounds), chance.mean_accuracies("cold", rounds)
        what = f"Mean accuracy over rounds {rounds[0]} to {rounds[-1]}, margin against random, cold start"
        judgement = better(paired_difference(accuracies, others, confidence=results.confidence), what)
    return if_trained(margin, ["cold"], if_trained(chance, ["cold"], judgement))


def _with_margin(judge: DifferenceJudge, arm: str) -> Callable[[Results], Judgement]:
    """Return a judge of an arm against the cold start, by the mean accuracy over the rounds that the query decides."""

    def judged(results: Results) -> Judgement:
        case = results.first(query="margin")
        if case is None:
            return missing()
        rounds = _chosen_rounds(results, case)
        if not rounds:
            return NO_CHOICE
        what = f"Mean accuracy over rounds {rounds[0]} to {rounds[-1]}, {arm} against cold, margin sampling"
        difference = case.mean_difference(arm, "cold", rounds, confidence=case.confidence)
        return if_trained(case, ["cold", arm], judge(difference, what))

    return judged


EXPERIMENT = Experiment(
    id="active",
    number=4,
    title="Active online learning",
    where="Version 1",
    question="Does warm starting hurt as well where the model itself chooses what it learns next?",
    paper_setting=(
        "The loop of passive online learning - CIFAR-10, ResNet-18, arrivals of 1,000 - where margin sampling with the "
        "current model picks the next samples."
    ),
    deviations=(
        "Optimizer and stopping rule are those of passive online learning; besides margin sampling also entropy, least "
        "confidence and a random choice, and besides cold and warm starts also shrink-perturb."
    ),
    declare=_cases,
    desk=Desk(seeds=5),
    exhibits=_exhibits,
    claims=(
        Claim(
            "With margin sampling, too, warm starting is less accurate than training from scratch.",
            _with_margin(worse, "warm"),
            published="Warm starting is still worse. No numbers are known.",
            seeds=5,
        ),
        Claim(
            "With a cold start, margin sampling picks better samples than chance does.",
            margin_is_better,
            published="Not claimed; it asks whether the query is of any use here. No numbers are known.",
            seeds=9,
        ),
        Claim(
            "With margin sampling, too, shrink-perturb is no less accurate than training from scratch.",
            _with_margin(not_worse, "shrink-perturb"),
            published="Not claimed: version 1 ends without a remedy. No numbers are known.",
            seeds=5,
        ),
    ),
)
