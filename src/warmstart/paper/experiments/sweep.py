"""Figure 3: a sweep over learning rate and batch size."""

from collections.abc import Sequence
from functools import partial
from itertools import product

import torch

from warmstart.basics import generator_for
from warmstart.diagnostics import Correlation
from warmstart.paper.kit.exhibits import ACCURACY_AXIS, Axis, Curves, Exhibit, Source, Table
from warmstart.paper.kit.experiment import Case, Claim, Experiment, Judgement, Verdict, only_case
from warmstart.paper.kit.judge import as_costly, not_worse, of_first_case, untestable
from warmstart.paper.kit.points import estimate_point
from warmstart.paper.kit.pooled import by_halves, chosen_by_halves, chosen_text
from warmstart.paper.kit.published import published
from warmstart.paper.kit.results import CaseResults, Results
from warmstart.paper.kit.setting import Desk, Setting
from warmstart.paper.kit.tables import NO_VALUE, arms_table, number_text, percent
from warmstart.statistics import paired_difference, paired_ratio
from warmstart.strategies import Cold, Warm
from warmstart.studies import Arm
from warmstart.training import OptimizerKind

ID = "sweep"
# A learning rate and a batch size.
Pair = tuple[float, int]
PAIRS: tuple[Pair, ...] = tuple(product((0.1, 0.01, 0.001), (16, 32, 64, 128)))
DESK_PAIRS: tuple[Pair, ...] = tuple(product((0.3, 0.1, 0.03), (32, 128)))
DESK = Desk(samples=4_000, seeds=5)
# Of the 144 combinations for two rounds: all of them would be six times the work. With fewer than 16 settings a
# correlation of 0.7 between two of their properties could not be told from none.
WARM_ARMS, DESK_WARM_ARMS = 24, 16
NOTE = "Settings are learning rate/batch size, of both rounds for a warm start."


def cases(setting: Setting) -> Sequence[Case]:
    """Return the one study; it reads the correlation of weights with their start as well."""
    return only_case(
        setting,
        [
            *(_cold(pair) for pair in setting.grid(PAIRS, desk=DESK_PAIRS)),
            *(_warm(*pairs) for pairs in drawn_pairs(setting)),
        ],
        recipe=setting.recipe(OptimizerKind.SGD),
        measurements=[Correlation()],
    )


def drawn_pairs(setting: Setting) -> list[tuple[Pair, Pair]]:
    """Return the pairs of the warm arms' two rounds, without repeats."""
    pairs = setting.grid(PAIRS, desk=DESK_PAIRS)
    # A thinned grid has as many of them as cold arms.
    count = DESK_WARM_ARMS if setting.desk else WARM_ARMS if len(pairs) == len(PAIRS) else len(pairs)
    both = list(product(pairs, pairs))
    # The same draw whatever the seeds: arms are paired by seed, so all seeds need the same arms.
    order = torch.randperm(len(both), generator=generator_for(ID), device="cpu")
    return [both[index] for index in order[:count].tolist()]


def _cold(pair: Pair) -> Arm:
    rate, size = pair
    return Arm(Cold(), learning_rate=rate, batch_size=size)


def _warm(first: Pair, second: Pair) -> Arm:
    rate, size = second
    return Arm(Warm(), learning_rate=rate, batch_size=size, first_learning_rate=first[0], first_batch_size=first[1])


def cold_arms(setting: Setting) -> dict[str, str]:
    """Return the labels of the cold arms, with their names in sentences."""
    return {_cold(pair).label: f"cold {_text(pair)}" for pair in setting.grid(PAIRS, desk=DESK_PAIRS)}


def warm_arms(setting: Setting) -> dict[str, str]:
    """Return the labels of the warm arms, with their names in sentences."""
    return {_warm(*both).label: f"warm {', '.join(map(_text, both))}" for both in drawn_pairs(setting)}


def starts(setting: Setting) -> dict[str, str]:
    """Return whether an arm is cold or warm, by label."""
    return dict.fromkeys(cold_arms(setting), "cold") | dict.fromkeys(warm_arms(setting), "warm")


def _text(pair: Pair) -> str:
    return f"{pair[0]:g}/{pair[1]}"


def most_accurate(case: CaseResults, arms: Sequence[str]) -> str:
    """Return the arm of the highest mean accuracy; one with missing seeds comes after, one without results last."""
    found = {arm: case.accuracy(arm) for arm in arms}
    most = max(estimate.n for estimate in found.values())
    # Over fewer seeds a mean is noisier, and the highest of many noisy means is the luckiest.
    return max(arms, key=lambda arm: (found[arm].n == most, -1.0 if (mean := found[arm].mean) is None else mean))


def best_cold(results: Results, case: CaseResults) -> str:
    """Return the most accurate cold arm."""
    return most_accurate(case, list(cold_arms(results.setting)))


def _exhibits(results: Results) -> Sequence[Exhibit]:
    def other_costs(case: CaseResults, arm: str) -> dict[str, str]:
        # Steps of different batch sizes cannot be compared; costs of single settings were not published.
        costs = {name: case.cost(arm, name).mean for name in ("samples", "seconds")}
        return {
            f"{name}, last round": NO_VALUE if cost is None else (f"{cost:,.0f}" if cost >= 10 else f"{cost:.2g}")
            for name, cost in costs.items()
        }

    caption = "Accuracy after training on everything; the reference is the most accurate cold setting."
    reference = partial(best_cold, results)
    last = "Accuracy against the samples processed in the last round, a point for each setting."
    both = "The same with those of both rounds for the warm starts; a cold start has no use for its first round."
    exhibits: list[Exhibit] = [arms_table("accuracy", caption, results.cases, reference=reference, extra=other_costs)]
    for case in results.cases:
        exhibits += [
            _frontier(results, case),
            _scatter(results, case, "last-round", last, total=False),
            _scatter(results, case, "both-rounds", both, total=True),
        ]
    return exhibits


def _scatter(results: Results, case: CaseResults, name: str, caption: str, *, total: bool) -> Curves:
    series = starts(results.setting)
    # In samples, as in the claims: seconds depend on the machine, and steps on the batch size.
    costs = {arm: case.cost(arm, "samples", total=total and start == "warm").mean for arm, start in series.items()}
    points = tuple(estimate_point(series[arm], x, case.accuracy(arm)) for arm, x in costs.items() if x is not None)
    return Curves(name, caption, Axis("samples processed", log=True), ACCURACY_AXIS, points, joined=False)


def _frontier(results: Results, case: CaseResults) -> Table:
    """Return the most accurate cold and warm setting beside what can be read off the figure."""
    rows: list[tuple[str, ...]] = []
    for start, arms in {"cold": cold_arms(results.setting), "warm": warm_arms(results.setting)}.items():
        for number in published(ID, by=Source.PAPER, arm=start):
            rows.append((start, "paper", f"{float(number.facets['seconds']):g}", number_text(number)))
        best = most_accurate(case, list(arms))
        seconds, name = case.cost(best, "seconds").mean, arms[best].removeprefix(start).strip()
        seconds_text = NO_VALUE if seconds is None else f"{seconds:.3g}"
        rows.append((start, f"ours, {name}", seconds_text, percent(case.accuracy(best))))
    caption = (
        "The most accurate settings here, and points of the paper's frontier, read off its figure; seconds are those "
        "of either machine. Settings are learning rate/batch size, of both rounds for a warm start."
    )
    return Table("frontier", caption, ("start", "whose", "seconds, last round", "accuracy %"), tuple(rows))


Chosen = tuple[str, str]


def best_of_both(case: CaseResults) -> tuple[Chosen, Chosen] | None:
    """Return the most accurate cold and warm settings, one for each half of the seeds; None if none was trained.

    Each half is judged by the settings that are best on the other: of many settings the best looks better than it is on
    the seeds that it was chosen by, the more so the more there are, and there are twice as many warm ones.
    """
    chosen: list[Chosen] = []
    for continues in (False, True):
        arms = [arm for arm in case.arms if case.study.arm(arm).strategy.continues is continues]
        columns = {arm: case.accuracies(arm) for arm in arms if case.training_problem([arm]) is None}
        if not any(value is not None for column in columns.values() for value in column):
            return None
        chosen.append(chosen_by_halves(columns))
    return chosen[0], chosen[1]


@of_first_case
def some_match(results: Results, case: CaseResults) -> Judgement:
    """Judge the most accurate warm setting against the most accurate cold one."""
    best = best_of_both(case)
    if best is None:
        return untestable("No cold or no warm setting was trained to the end.")
    cold, warm = (by_halves({arm: case.accuracies(arm) for arm in case.arms}, chosen) for chosen in best)
    difference = paired_difference(warm, cold, confidence=case.confidence)
    judgement = not_worse(difference, _in_words(case, best))
    return Judgement(judgement.verdict, (*judgement.reasons, NOTE), judgement.needed)


@of_first_case
def matching_takes_as_long(results: Results, case: CaseResults) -> Judgement:
    """Judge the cost of the same settings, if the warm ones match."""
    match, best = some_match(results), best_of_both(case)
    if match.verdict is not Verdict.REPRODUCED or best is None:
        return Judgement(Verdict.INCONCLUSIVE, ("No warm setting is known to match the best cold one.",), match.needed)
    # In samples: a step of a larger batch is fewer steps, not less work.
    samples = {arm: case.costs(arm, "samples") for arm in case.arms}
    cold, warm = (by_halves(samples, chosen) for chosen in best)
    ratio = paired_ratio(warm, cold, confidence=case.confidence)
    judgement = as_costly(ratio, f"Samples processed in the last round, {_in_words(case, best)}")
    return Judgement(judgement.verdict, (*judgement.reasons, NOTE), judgement.needed)


def _in_words(case: CaseResults, best: tuple[Chosen, Chosen]) -> str:
    cold, warm = ([_text_of(case, arm) for arm in chosen] for chosen in best)
    warm_count = sum(case.study.arm(arm).strategy.continues for arm in case.arms)
    cold_text = chosen_text((cold[0], cold[1]), len(case.arms) - warm_count)
    return f"Warm, {chosen_text((warm[0], warm[1]), warm_count)}, against cold, {cold_text}"


def _text_of(case: CaseResults, label: str) -> str:
    arm = case.study.arm(label)
    rounds = [(arm.first_learning_rate, arm.first_batch_size), (arm.learning_rate, arm.batch_size)]
    return ", ".join(f"{rate:g}/{size}" for rate, size in rounds if rate is not None)


EXPERIMENT = Experiment(
    id=ID,
    number=6,
    title="Learning rates and batch sizes",
    where="Figure 3",
    question="Can hyper-parameters close the gap, and at what cost?",
    paper_setting=(
        "CIFAR-10, ResNet-18; half of the data, then everything; learning rate 0.1, 0.01 or 0.001, batches of 16, 32, "
        "64 or 128; the warm starts' second round draws its own pair; until 99 % training accuracy."
    ),
    deviations=(
        "SGD, since the optimizer is not said; of the 144 combinations for two rounds a fixed random draw of 24; time "
        "is counted in samples processed, since a step of a larger batch is more work."
    ),
    declare=cases,
    desk=DESK,
    exhibits=_exhibits,
    claims=(
        Claim(
            "Some warm settings match the best cold setting's accuracy.",
            some_match,
            published="Fast warm starts reach about 77 %, training from scratch about 79 %, read off the figure.",
            reproduction="Some warm settings match training from scratch.",
            seeds=10,
        ),
        Claim(
            "Those that match take at least as long.",
            matching_takes_as_long,
            published=(
                "From scratch 77 % in 300 seconds and 79 % in 1,100; the fast warm starts take about 100, read off the "
                "figure."
            ),
            reproduction="Some warm settings match training from scratch and are faster.",
            seeds=12,
        ),
    ),
)
