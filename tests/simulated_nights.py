"""365 nights of a policy with simulated models: what it costs and what it loses, beside a cold start every night."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from warmstart.retrain._policy import PolicyState

COSTS = {
    "warm": 0.2,
    "shrink-perturb:shrink=0.8": 0.6,
    "shrink-perturb:shrink=0.6": 0.7,
    "shrink-perturb:shrink=0.4": 0.8,
    "cold": 1.0,
}
ARMS = tuple(COSTS)
NIGHTS = 365


@dataclass(frozen=True)
class Outcome:
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
    noise: float = 0.01,
    nights: int = NIGHTS,
    suspicion: Callable[[int], str | None] = lambda night: None,
) -> Outcome:
    """Run a policy; ``effect`` is an arm's true score minus the cold start's in a night."""
    generator = np.random.default_rng(seed)
    state = state or PolicyState.initial(ARMS)
    cost = score = audits = audited_from = 0.0
    licensed, states = dict.fromkeys(ARMS, 0), []
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
            state, _ = state.after_difference(plan.arm, found, number=night, tolerance=0.01)
        states.append(state)
    return Outcome(cost / nights, score / nights, audits, audited_from, licensed, tuple(states))
