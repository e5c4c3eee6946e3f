"""Results drawn from the published means and deviations, or from stated assumptions, without training.

A *truth* says what every arm of an experiment is drawn from. Where nothing was published on a deviation, these
assumptions hold:

- accuracies of one seed share an effect with a standard deviation of a point, which pairing removes;
- besides, every arm varies so that a paired difference has a standard deviation of 0.9 points: measured on CIFAR-10's
  10,000 test images;
- the logarithm of a cost has a standard deviation of 0.1.
"""

import math
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, wraps

import numpy as np

from results_by_hand import reading, record
from warmstart.paper import Results, Setting, Verdict, known_experiments
from warmstart.paper.kit.results import CaseResults
from warmstart.store import StudyRecords
from warmstart.studies import Arm

PAIRED = 0.009
# Two arms that vary alike and independently differ by PAIRED.
ARM = PAIRED / math.sqrt(2)
SEED = 0.01
COST = 0.1
# Nominal level of either of two looks by Pocock, which together have a level of 5 %.
TWO_LOOKS = 0.9706
# Both grids that claims are judged on: the paper's, and what two cores can carry.
SETTINGS = {"paper": Setting(), "desk": Setting(desk=True, digits="mnist-m")}


@dataclass(frozen=True)
class Level:
    """What an arm's rounds are drawn from.

    Args:
        accuracy: Mean of the accuracy, in [0, 1].
        deviation: Standard deviation over seeds, besides what all arms of a seed share.
        steps: Mean of the steps, roughly: the median.
        readings: Returns readings by name from the accuracy drawn and the generator. They are stored for step 0.
        cost: Standard deviation of the logarithm of the steps.
    """

    accuracy: float
    deviation: float = ARM
    steps: float = 1_000
    readings: Callable[[float, np.random.Generator], Mapping[str, float]] | None = None
    cost: float = COST


# The facets of a study and the name of the setting, an arm, the number of a round and of all rounds; None: no claim
# reads this round.
Truth = Callable[[Mapping[str, str], Arm, int, int], Level | None]


@dataclass(frozen=True)
class Simulation:
    """What an experiment's claims are tested with.

    Args:
        published: The truth in which every claim holds.
        wrong: For every claim a truth in which it does not hold: equal arms or, for claims that equality bears out, the
            reverse by two points.
        settings: Names of the settings that it is tested in.
    """

    published: Truth
    wrong: Sequence[Truth]
    settings: Sequence[str] = field(default=tuple(SETTINGS))


@cache
def _cases(experiment: str, setting: str, seeds: int):
    """Return the setting for the experiment, and its studies with their numbers of rounds."""
    declared = known_experiments()[experiment]
    found = declared.in_setting(replace(SETTINGS[setting], seeds=seeds))
    sizes = [found.fitted(case.study.data.name, case.study.data.subset) for case in declared.cases(found)]
    rounds = [len(case.study.stream.sizes(s)) for case, s in zip(declared.cases(found), sizes, strict=True)]
    return found, list(zip(declared.cases(found), rounds, strict=True))


def draw(experiment: str, setting: str, truth: Truth, seeds: int, generator: np.random.Generator) -> dict:
    """Return accuracy, steps and readings by study, arm, round and seed."""
    drawn = {}
    # Studies on the same data share what depends on the seed alone: split, arrivals and fresh draws.
    shared: dict[str, np.ndarray] = {}
    for place, (case, rounds) in enumerate(_cases(experiment, setting, seeds)[1]):
        of_seed = shared.setdefault(case.study.data.name, generator.normal(0, SEED, seeds))
        for arm in case.study.labels:
            for number in range(1, rounds + 1):
                level = truth({**case.facets, "setting": setting}, case.study.arm(arm), number, rounds)
                if level is None:
                    continue
                accuracies = level.accuracy + of_seed + generator.normal(0, level.deviation, seeds)
                steps = level.steps * np.exp(generator.normal(0, level.cost, seeds))
                for seed, (accuracy, count) in enumerate(zip(accuracies.tolist(), steps.tolist(), strict=True)):
                    found = {} if level.readings is None else level.readings(accuracy, generator)
                    drawn[place, arm, seed, number] = accuracy, round(count), found
    return drawn


def results(experiment: str, setting: str, drawn: dict, seeds: int, confidence: float) -> Results:
    """Return the results of the first seeds of what was drawn."""
    found, declared = _cases(experiment, setting, seeds)
    rounds: list[list] = [[] for _ in declared]
    histories: list[dict] = [{} for _ in declared]
    for (place, arm, seed, number), (accuracy, steps, readings) in drawn.items():
        if seed < seeds:
            rounds[place].append(record(arm, seed, number, accuracy, steps=steps))
            if readings:
                stored = [reading(name, value) for name, value in readings.items()]
                histories[place][arm, seed, number] = {"readings": stored}
    cases = [
        CaseResults(
            case.facets,
            case.study,
            StudyRecords({}, case.study.labels, count, seeds, tuple(rounds[place]), {}, {}),
            histories[place],
            confidence,
        )
        for place, (case, count) in enumerate(declared)
    ]
    return Results(known_experiments()[experiment], found, tuple(cases), len(cases), confidence)


@cache
def shares_reproduced(
    experiment: str, indices: tuple[int, ...], setting: str, truth: Truth, *, runs: int, two_looks: bool = False
) -> dict[int, tuple[float, float]]:
    """Return in which shares of runs claims are reproduced: in one look, and in either of two.

    Args:
        experiment: Id of the experiment.
        indices: Positions of the claims, which need equally many seeds; their results are the same.
        setting: Name of the setting.
        truth: What is drawn from.
        runs: How many experiments are drawn, each with as many seeds as the claims need.
        two_looks: Whether to look twice as well: with a confidence of 97.06 % each, and with twice the seeds at the
            second, if the first leaves the claim open; else the second share is 0.
    """
    claims = {index: known_experiments()[experiment].claims[index] for index in indices}
    (seeds,) = {claim.seeds for claim in claims.values()}
    # The same draws whatever runs before: a claim's share does not depend on which tests are chosen.
    generator = np.random.default_rng([zlib.crc32(experiment.encode()), *indices])
    once, twice = Counter[int](), Counter[int]()
    for _ in range(runs):
        drawn = draw(experiment, setting, truth, seeds * (1 + two_looks), generator)
        found = results(experiment, setting, drawn, seeds, 0.95)
        once.update(index for index, claim in claims.items() if claim.judge(found).verdict is Verdict.REPRODUCED)
        if not two_looks:
            continue
        cases = tuple(replace(case, confidence=TWO_LOOKS) for case in found.cases)
        first = replace(found, cases=cases, confidence=TWO_LOOKS)
        second = None
        for index, claim in claims.items():
            verdict = claim.judge(first).verdict
            if verdict is Verdict.INCONCLUSIVE:
                second = second or results(experiment, setting, drawn, 2 * seeds, TWO_LOOKS)
                verdict = claim.judge(second).verdict
            twice[index] += verdict is Verdict.REPRODUCED
    return {index: (once[index] / runs, twice[index] / runs) for index in claims}


def last(accuracy: Callable[[Mapping[str, str], Arm], Level | float]) -> Truth:
    """Return a truth that has the last round alone, from a function of a study's facets and an arm."""

    @wraps(accuracy)
    def truth(facets, arm, number, rounds):
        if number < rounds:
            return None
        found = accuracy(facets, arm)
        return found if isinstance(found, Level) else Level(found)

    return truth


@last
def equal(facets, arm):
    """All arms alike, in accuracy, cost and all else."""
    return 0.5
