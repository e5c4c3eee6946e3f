"""How often a trial of the policy ``auto`` ends with a licence, and what a year of it costs, by simulation.

    python benchmarks/licence_simulation.py --json results/licence-simulation.json --page docs/judging.md

simulates trials of a start with a known loss, and years of nights with starts of known losses and costs. Nothing is
trained: the differences that audits would find are drawn, and the policy decides as it does in a project.
"""

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recorded_page import write_page, write_result
from warmstart.reports._markdown import grid
from warmstart.retrain._definition import ARMS
from warmstart.retrain._policy import MOST_DIFFERENCES, PolicyState
from warmstart.statistics import shared_variance
from warmstart.store import provenance

TOLERANCE = 0.01
NIGHTS = 365
COSTS: Mapping[str, float] = dict(zip(ARMS, (0.2, 0.6, 0.7, 0.8, 1.0), strict=True))
"""Of a round, beside a cold start."""
LOSSES, NOISES = (0.0, 0.5, 1.0, 1.5, 2.0), (0.5, 1.0, 2.0, 3.0)
"""In tolerances: of a start, and of its difference to a cold start from one night to the next (standard deviation)."""

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
# With mean 0 and variance 1.
SHAPES: Mapping[str, Draw] = {
    "normal": lambda generator, size: generator.standard_normal(size),
    "Laplace": lambda generator, size: generator.laplace(scale=math.sqrt(0.5), size=size),
    "skewness 1": lambda generator, size: generator.gamma(4, size=size) / 2 - 2,
    "skewness -1": lambda generator, size: 2 - generator.gamma(4, size=size) / 2,
    "skewness -2": lambda generator, size: 1 - generator.exponential(size=size),
}


@dataclass(frozen=True)
class Rows:
    """Which rows judge in the audits of a trial.

    Args:
        held_out: Held out at first.
        more: Held out of each arrival.
        arrival: Other rows of an arrival, which judge once.
        by_row: Standard deviation of the difference from row to row, the same in every audit.
        by_night: From night to night, the same for every row.
        by_both: From row to row and night to night.
    """

    held_out: int
    more: int
    arrival: int
    by_row: float
    by_night: float
    by_both: float

    def trial(self, generator: np.random.Generator, *, loss: float) -> Iterator[tuple[float, float]]:
        """Yield the difference that each audit finds, and what their mean so far owes to shared rows, as a variance."""
        of_rows = generator.normal(0, self.by_row, self.held_out + MOST_DIFFERENCES * self.more)
        judged = np.full((MOST_DIFFERENCES, len(of_rows) + MOST_DIFFERENCES * self.arrival), np.nan)
        for audit, row in enumerate(judged):
            kept, new = self.held_out + self.more * audit, len(of_rows) + self.arrival * audit
            night = generator.normal(0, self.by_night) - loss
            row[:kept] = of_rows[:kept] + night + generator.normal(0, self.by_both, kept)
            row[new : new + self.arrival] = generator.normal(night, math.hypot(self.by_row, self.by_both), self.arrival)
            yield float(np.nanmean(row)), shared_variance(judged[: audit + 1])


ROWS: Mapping[str, Rows] = {
    "20 held out at first, 18 of 60 each night": Rows(20, 18, 42, 0.1, 0.01, 0.18),
    "20 held out at first, 6 of 60 each night": Rows(20, 6, 54, 0.1, 0.01, 0.18),
    "200 held out once, 20 others each night": Rows(200, 0, 20, 0.1, 0.0, 0.1),
    "60 held out at first, 18 of 60 each night, only rows differ": Rows(60, 18, 42, 0.3, 0.0, 0.0),
    "groups: 1 day held out at first, 1 of 8 each week": Rows(1, 1, 7, 0.15, 0.02, 0.1),
}


def trial_outcome(audits: Iterator[tuple[float, float]], *, step: float = 0.0) -> tuple[bool, int]:
    """Run one trial to its end; return whether it gave a licence, and after how many audits that count.

    Args:
        audits: Their differences, and what :func:`warmstart.statistics.shared_variance` says of those so far.
        step: What one row can change in a difference.
    """
    state = PolicyState.initial(("warm", "cold"))
    state = state.after_training(state.plan(number=1), {"warm": 0.2, "cold": 1.0})
    for number, (difference, shared) in enumerate(audits, 3):
        state, _ = state.after_difference(
            "warm", difference, number=number, tolerance=TOLERANCE, step=step, shared=shared
        )
        if state.arm("warm").status != "trial":
            break
    return state.arm("warm").status == "licensed", len(state.arm("warm").differences)


def normal_trials(generator: np.random.Generator, draw: Draw, *, loss: float, noise: float, count: int) -> Any:
    """Yield the audits of each trial, as :func:`trial_outcome` takes them; loss and noise in tolerances."""
    differences = TOLERANCE * (noise * draw(generator, (count, MOST_DIFFERENCES)) - loss)
    return (iter([(float(one), 0.0) for one in trial]) for trial in differences)


@dataclass(frozen=True)
class Year:
    """Of one simulated year; cost and score relative to a cold start every night."""

    cost: float
    score: float
    audits: float
    audited_from: float
    licensed: Mapping[str, int]
    states: tuple[PolicyState, ...]


def run_nights(
    effect: Callable[[str, int], float],
    seed: int,
    *,
    state: PolicyState | None = None,
    noise: float = TOLERANCE,
    nights: int = NIGHTS,
    suspicion: Callable[[int], str | None] = lambda night: None,
) -> Year:
    """Run a policy; ``effect`` is an arm's true score minus the cold start's in a night."""
    generator = np.random.default_rng(seed)
    state = state or PolicyState.initial(ARMS)
    cost = score = audits = audited_from = 0.0
    licensed: dict[str, int] = dict.fromkeys(ARMS, 0)
    states: list[PolicyState] = []
    for night in range(1, nights + 1):
        plan = state.plan(number=night, can_continue=night > 1, suspicion=suspicion(night))
        is_licensed = state.arm(plan.arm).status == "licensed"
        trained = {plan.arm, state.cold} if plan.audit else {plan.arm}
        cost += sum(COSTS[arm] for arm in trained)
        if is_licensed and plan.arm != state.cold:
            audits += COSTS[state.cold] * plan.audit
            audited_from += COSTS[plan.arm]
        licensed[plan.arm] += is_licensed
        # On trial the cold start beside it serves.
        score += effect(plan.arm, night) if is_licensed else 0.0
        state = state.after_training(plan, {arm: COSTS[arm] for arm in trained})
        if plan.audit:
            found = effect(plan.arm, night) + noise * generator.standard_normal()
            state, _ = state.after_difference(plan.arm, found, number=night, tolerance=TOLERANCE)
        states.append(state)
    return Year(cost / nights, score / nights, audits, audited_from, licensed, tuple(states))


# By start and night, in tolerances.
EFFECTS: Mapping[str, Callable[[str, int], float]] = {
    "none loses": lambda arm, night: 0.0,
    "warm loses 4 tolerances": lambda arm, night: -4.0 * (arm == "warm"),
    "all but cold lose 4 tolerances": lambda arm, night: -4.0 * (arm != "cold"),
    "warm loses 4 tolerances from night 150 on": lambda arm, night: -4.0 * (arm == "warm" and night >= 150),
}


def simulated(trials: int, years: int, seed: int = 0) -> dict[str, Any]:
    """Return the result: how many trials of each kind ended with a licence, and what each year gave."""

    def summary(outcomes: Sequence[tuple[bool, int]]) -> dict[str, Any]:
        licensed, audits = zip(*outcomes, strict=True)
        return {"licensed": sum(licensed), "audits": float(np.mean(audits))}

    generator = np.random.default_rng(seed)
    by_loss, by_shape, by_rows, by_year = [], [], [], []
    for loss in LOSSES:
        for noise in NOISES:
            drawn = normal_trials(generator, SHAPES["normal"], loss=loss, noise=noise, count=trials)
            by_loss.append({"loss": loss, "noise": noise, **summary([trial_outcome(one) for one in drawn])})
    for name, draw in SHAPES.items():
        drawn = normal_trials(generator, draw, loss=1.0, noise=1.0, count=trials)
        by_shape.append({"shape": name, **summary([trial_outcome(one) for one in drawn])})
    for name, rows in ROWS.items():
        found: dict[str, Any] = {"rows": name, **asdict(rows)}
        for is_known in (True, False):
            outcomes = [
                trial_outcome((d, s * is_known) for d, s in rows.trial(generator, loss=TOLERANCE))
                for _ in range(trials)
            ]
            found["counted" if is_known else "not_counted"] = summary(outcomes)
        by_rows.append(found)
    for name, effect in EFFECTS.items():
        for noise in NOISES:
            of = [
                run_nights(lambda arm, night: TOLERANCE * effect(arm, night), one, noise=noise * TOLERANCE)  # noqa: B023
                for one in range(years)
            ]
            by_year.append({
                "effect": name,
                "noise": noise,
                "cost": [round(one.cost, 4) for one in of],
                "score": [round(one.score / TOLERANCE, 4) for one in of],
            })  # fmt: skip
    return {
        "trials": trials,
        "years": years,
        "seed": seed,
        "nights": NIGHTS,
        "costs": dict(COSTS),
        "by_loss": by_loss,
        "by_shape": by_shape,
        "by_rows": by_rows,
        "by_year": by_year,
        "provenance": provenance(device="cpu", workers=1, threads=1),
    }


def blocks(result: Mapping[str, Any]) -> dict[str, str]:
    """Return the page's tables, by the name of their marks."""
    trials = result["trials"]

    def share(found: Mapping[str, Any]) -> str:
        return f"{100 * found['licensed'] / trials:.0f} %"

    def cell(found: Mapping[str, Any]) -> str:
        return f"{share(found)}, {found['audits']:.0f}"

    def year(found: Mapping[str, Any]) -> str:
        return f"{np.mean(found['cost']):.2f}, {np.mean(found['score']):+.2f}"

    def rows(key: str, by: str, text: Callable[[Mapping[str, Any]], str]) -> Iterator[list[str]]:
        for name in dict.fromkeys(one[by] for one in result[key]):
            yield [str(name), *(text(one) for one in result[key] if one[by] == name)]

    noises = [f"noise {noise:g}" for noise in NOISES]
    shapes = [[one["shape"], share(one)] for one in result["by_shape"]]
    shared = [[one["rows"], share(one["counted"]), share(one["not_counted"])] for one in result["by_rows"]]
    return {
        "licences": grid(["loss", *noises], list(rows("by_loss", "loss", cell))),
        "shapes": grid(["differences", "licences"], shapes),
        "shared-rows": grid(["what judges", "licences", "if shared rows were not counted"], shared),
        "years": grid(["starts", *noises], list(rows("by_year", "effect", year))),
    }


def main(arguments: Sequence[str]) -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=4000, help="of each kind")
    parser.add_argument("--years", type=int, default=60, help="of each kind")
    parser.add_argument("--json", type=Path, help="write the result here")
    parser.add_argument("--page", type=Path, help="write the tables of this page")
    options = parser.parse_args(arguments)
    result = simulated(options.trials, options.years)
    tables = blocks(result)
    if options.json:
        write_result(result, options.json)
    if options.page:
        write_page(options.page, tables, {})
    print("\n\n".join(tables.values()))


if __name__ == "__main__":
    main(sys.argv[1:])
