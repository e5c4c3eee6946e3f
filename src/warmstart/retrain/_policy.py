"""The policy: which start a round has, and when a cheaper one has shown that it costs nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import numpy as np

from warmstart.analysis import plain, rebuilt
from warmstart.basics import ACCURACY, InputError, Metric, check_in_range, described, shown, unknown_name
from warmstart.statistics import student_quantile, times_text

from ._gate import gap_text

# Two-sided error of a trial's intervals, all looks together: a licence reads one end of them.
TRIAL_ALPHA: Final = 0.2
# A trial has at most 18 looks, after 3 to 20 differences. Of t intervals with this confidence at each of them, any
# misses the mean of normal differences in at most TRIAL_ALPHA of trials. A sequential interval, which stays valid for
# ever, pays for looks that never come: it would license far fewer starts without any loss.
LOOK_CONFIDENCE: Final = 0.965
FIRST_LOOK: Final = 3
# So young a lineage has taken little harm from its starts: what adds up over rounds does not show yet.
ROUNDS_NOT_COUNTED: Final = 2
MOST_DIFFERENCES: Final = 20
# A bad audit is below the mean of those before it by more than so many standard deviations, too.
UNUSUAL: Final = 2.0
# A trial that will hardly get a licence ends early: from so many differences on, where even a mean that rises by 1.28
# of its standard deviations, a chance of one in ten, would not be enough with the interval of 20. At a noise of twice
# the tolerance, trials of a start that costs it take 7 audits on average, and end with hardly fewer licences.
FIRST_FORECAST: Final = 5
FORECAST_QUANTILE: Final = 1.28
# Half-width of the interval of 20 differences, in standard errors.
LAST_HALF_WIDTH: Final = student_quantile(MOST_DIFFERENCES - 1, LOOK_CONFIDENCE)
# Where differences never arrive, such as without labels, a trial would double the cost for ever.
MOST_TRIAL_ROUNDS: Final = 60
FIRST_REVOCATION: Final = 60
# Of a cold start, audits included. A trial of 22 nights at three quarters of its cost is paid back after 165 nights of
# such a saving; with less, hardly ever.
LEAST_SAVING: Final = 0.1
_STATUSES: Final = ("untried", "trial", "licensed", "revoked")
_PREFERENCES: Final = ("cost", "accuracy")


@dataclass(frozen=True)
class ArmState:
    """What is known of one start.

    Attributes:
        spec: The strategy, such as ``shrink-perturb:shrink=0.6``.
        status: ``untried``; on ``trial`` beside a cold start; ``licensed`` to run alone; ``revoked`` until ``retry``.
        differences: The arm's score minus the cold start's, one per audit of this trial and since.
        steps: What one row of each audit could change in its difference.
        rounds: Of the audits, as far as they were noted.
        shared: Variance that the mean of the differences has because some rows judge in more than one audit.
        started: Round in which the trial began, or its lineage began anew.
        retry: First round in which a revoked arm may be on trial again.
        revocations: How often it was revoked; each lasts twice as long as the one before.
        interval: Mean, low and high of the differences; None: too few, or none.
        spent: What the rounds of its trial have cost: the arm itself, and the cold starts beside it.
        reason: Why it has its status, in one sentence.
    """

    spec: str
    status: Literal["untried", "trial", "licensed", "revoked"] = "untried"
    differences: tuple[float, ...] = ()
    steps: tuple[float, ...] = ()
    rounds: tuple[int, ...] = ()
    shared: float = 0.0
    started: int = 0
    retry: int = 0
    revocations: int = 0
    interval: tuple[float, float, float] | None = None
    spent: tuple[float, float] = (0.0, 0.0)
    reason: str = ""

    def __post_init__(self) -> None:
        """Check what may come from a file."""
        if not isinstance(self.spec, str) or not self.spec:
            raise InputError(f"spec of an arm must be a strategy, got {described(self.spec)}.")
        if self.status not in _STATUSES:
            raise unknown_name("status", self.status, _STATUSES, place=f"arm {shown(self.spec)}")
        if len(self.differences) != len(self.steps):
            raise InputError(f"arm {shown(self.spec)} must have a step for each of its differences.")
        for number in (*self.differences, *(self.interval or ()), *self.spent):
            check_in_range(f"difference of {self.spec}", number, -math.inf, math.inf, low_open=True, high_open=True)
        check_in_range(f"shared variance of {self.spec}", self.shared, 0, math.inf, high_open=True)
        for count in (*self.rounds, self.started, self.retry, self.revocations):
            check_in_range(f"round of {self.spec}", count, 0, 2**53)
        if self.status == "licensed" and self.interval is None:
            raise InputError(f"arm {shown(self.spec)} is licensed without an interval that says why.")

    def needs(self, tolerance: float) -> float:
        """Return the difference that a licence needs: minus the tolerance, or 0 for another cold start.

        A cold start of another scale saves nothing, so it has to be no worse at all.

        Example:
            >>> ArmState("warm").needs(0.01), ArmState("cold:scale=0.5").needs(0.01)
            (-0.01, 0.0)
        """
        return 0.0 if self.spec.partition(":")[0] == "cold" else -tolerance

    @property
    def deviation(self) -> float:
        """Standard deviation of the differences, at least that of one row; 0 with fewer than two."""
        if len(self.differences) < 2:
            return 0.0
        # Else trials on arrivals of few rows would often end with a licence because three differences were equal by
        # chance.
        return max(float(np.std(self.differences, ddof=1)), math.sqrt(np.square(self.steps).mean()))

    def error(self, count: int) -> float:
        """Return the standard error of the mean of so many differences: sqrt(s^2 / count + shared)."""
        return math.sqrt(self.deviation**2 / count + self.shared)

    def revoked(self, number: int, why: str) -> ArmState:
        """Return the arm revoked for 60 rounds after round ``number``, or twice as many as the time before."""
        rounds = FIRST_REVOCATION * 2**self.revocations
        reason = f"{self.spec} is revoked until round {number + rounds + 1}: {why}"
        changed = replace(self, status="revoked", retry=number + rounds + 1, revocations=self.revocations + 1)
        return replace(changed, reason=reason)

    def on_trial(self, number: int, reason: str) -> ArmState:
        """Return the arm on a trial that begins in round ``number``, without differences."""
        return ArmState(
            self.spec, "trial", started=number, retry=self.retry, revocations=self.revocations, reason=reason
        )

    def with_difference(self, difference: float, *, number: int, step: float, shared: float) -> ArmState:
        """Return the arm with the difference of one more round, and the interval of the last 20.

        mean -+ t(K - 1 degrees of freedom, 96.5 %) * sqrt(s^2 / K + shared)
        """
        last = 1 - MOST_DIFFERENCES
        differences, steps = (*self.differences[last:], difference), (*self.steps[last:], step)
        rounds = (*self.rounds[last:], number)
        arm = replace(self, differences=differences, steps=steps, rounds=rounds, shared=shared)
        count, mean = len(differences), float(np.mean(differences))
        if count < FIRST_LOOK:
            return arm
        half = student_quantile(count - 1, LOOK_CONFIDENCE) * arm.error(count)
        return replace(arm, interval=(mean, mean - half, mean + half))


@dataclass(frozen=True)
class Plan:
    """What a round trains.

    Attributes:
        number: Of the round.
        arm: The strategy to train. It continues from the model of its own lineage, not from the cold start of an audit
            beside it, so that harm that adds up over rounds shows.
        audit: Whether a cold start is trained beside it, on the same data with the same seed.
        reason: One sentence.
        begins_trial: Whether the arm's trial begins. It should then continue from the newest cold start where the
            lineage is another arm's, whose harm it would be blamed for.
    """

    number: int
    arm: str
    audit: bool
    reason: str
    begins_trial: bool = False


@dataclass(frozen=True)
class PolicyState:
    """The policy ``auto``: a cheaper start must show on your data that it costs at most the tolerance.

    It is shown beside a cold start, round by round, by intervals of which all looks of a trial together are valid. Then
    the start runs alone. It is audited from an account of ``audit_share`` of the training cost, and one bad result
    sends it back to trial. Nothing here is changed in place: every method returns what comes next.

    Attributes:
        arms: By cost, the cheapest first; the last is the cold start, to which all others are compared.
        prefer: ``cost``: the cheapest licensed arm; ``accuracy``: that with the best lower bound, where a cold start
            has 0.
        audit_share: Share of the cost of training that audits outside trials may cost.
        account: What audits have left, in the unit of the costs; below 0 after an audit on suspicion.
        costs: Last known cost per arm.

    Example:
        >>> state = PolicyState.initial(("warm", "cold"))
        >>> state.plan(number=1, can_continue=False).reason
        'cold start: there is no model to continue from'
        >>> plan = state.plan(number=2)
        >>> plan.arm, plan.audit, plan.reason
        ('warm', True, 'warm goes on trial beside a cold start: it is untried')
        >>> state = state.after_training(plan, {"warm": 20.0, "cold": 100.0})
        >>> for number in range(4, 9):
        ...     state, sentences = state.after_difference("warm", 0.001 * (number % 2), number=number, tolerance=0.01)
        >>> sentences
        ()
        >>> state.plan(number=9).reason, state.arms[0].reason
        ('warm runs alone: it is licensed',
         'warm is licensed: 0.0 [-0.1, 0.2] points beside a cold start over 3 audits, a loss of 1.0 points allowed')
    """

    arms: tuple[ArmState, ...]
    prefer: Literal["cost", "accuracy"] = "cost"
    audit_share: float = 0.2
    account: float = 0.0
    costs: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the options, and what may come from a file."""
        specs = self.specs
        if not specs or specs[-1] != "cold" or len(set(specs)) != len(specs):
            raise InputError(f"arms must be different strategies by cost, of which the last is cold, got {specs}.")
        if self.prefer not in _PREFERENCES:
            raise unknown_name("preference", self.prefer, _PREFERENCES)
        check_in_range("audit_share", self.audit_share, 0, 1)
        check_in_range("account", self.account, -math.inf, math.inf, low_open=True, high_open=True)
        for spec, cost in self.costs.items():
            check_in_range(f"cost of {shown(spec)}", cost, 0, math.inf, high_open=True)
        if self.arms[-1].status != "licensed":
            raise InputError("the cold start must be licensed: there is nothing else to return to.")

    @classmethod
    def initial(
        cls, arms: tuple[str, ...], *, prefer: Literal["cost", "accuracy"] = "cost", audit_share: float = 0.2
    ) -> PolicyState:
        """Return the state before the first round, with every arm but the last untried."""
        cold = ArmState(arms[-1], "licensed", interval=(0.0, 0.0, 0.0)) if arms else ()
        states = (*(ArmState(spec) for spec in arms[:-1]), cold) if isinstance(cold, ArmState) else ()
        return cls(states, prefer=prefer, audit_share=audit_share)

    @property
    def specs(self) -> list[str]:
        """The strategies of its arms, by cost."""
        return [arm.spec for arm in self.arms]

    @property
    def cold(self) -> str:
        """The arm that all others are compared with."""
        return self.arms[-1].spec

    def arm(self, spec: str) -> ArmState:
        """Return what is known of an arm.

        Raises:
            InputError: If there is none of this name.
        """
        for state in self.arms:
            if state.spec == spec:
                return state
        raise unknown_name("arm", spec, self.specs)

    def plan(
        self, *, number: int, can_continue: bool = True, suspicion: str | None = None, cold_cost: float | None = None
    ) -> Plan:
        """Return what round ``number`` trains.

        Args:
            number: Of the round.
            can_continue: Whether there is a model to continue from; else the start is cold.
            suspicion: Why the arm should be audited now, as a clause such as "the watch raised an alarm";
                None: nothing.
            cold_cost: About what a cold start would cost now; None: what the last one did.
        """
        if not can_continue:
            return Plan(number, self.cold, audit=False, reason="cold start: there is no model to continue from")
        licensed = [arm for arm in self.arms if arm.status == "licensed"]
        chosen = licensed[0]
        if self.prefer == "accuracy":
            # The first of equal ones, which is the cheapest.
            chosen = max(licensed, key=lambda arm: arm.interval[1] if arm.interval else -math.inf)
        cheaper = self.arms[: self.arms.index(chosen)] if self.prefer == "cost" else self.arms
        for arm in cheaper:
            if arm.status == "trial":
                counted = len(arm.differences)
                audits = "1 audit has" if counted == 1 else f"{counted} audits have"
                reason = f"{arm.spec} is on trial beside a cold start, {audits} counted so far"
                return Plan(number, arm.spec, audit=True, reason=reason)
        for arm in cheaper:
            if arm.status == "untried" or (arm.status == "revoked" and number >= arm.retry):
                why = "its revocation has ended" if arm.revocations else "it is untried"
                reason = f"{arm.spec} goes on trial beside a cold start: {why}"
                return Plan(number, arm.spec, audit=True, reason=reason, begins_trial=True)
        if chosen.spec == self.cold:
            if len(licensed) > 1:
                return Plan(number, self.cold, audit=False, reason="cold start: no licensed arm is shown to be better")
            retries = [arm.retry for arm in self.arms if arm.status == "revoked"]
            later = f" before round {min(retries)}" if retries else ""
            return Plan(number, self.cold, audit=False, reason=f"cold start: nothing else may run alone{later}")
        known = self.costs.get(self.cold) if cold_cost is None else cold_cost
        return self._licensed_plan(number, chosen, suspicion, known)

    def _licensed_plan(self, number: int, arm: ArmState, suspicion: str | None, cold_cost: float | None) -> Plan:
        if cold_cost is None:
            return Plan(number, arm.spec, audit=True, reason=f"{arm.spec} is audited: a cold start's cost is unknown")
        if self.account >= cold_cost:
            return Plan(
                number, arm.spec, audit=True, reason=f"{arm.spec} is audited: its account pays for a cold start"
            )
        # Without a limit a suspicion every night would double the cost, whatever share is promised.
        if suspicion and self.account > -cold_cost:
            return Plan(number, arm.spec, audit=True, reason=f"{arm.spec} is audited: {suspicion}")
        overdrawn = f", not audited though {suspicion}: the account is overdrawn" if suspicion else ""
        return Plan(number, arm.spec, audit=False, reason=f"{arm.spec} runs alone: it is licensed{overdrawn}")

    def after_training(self, plan: Plan, costs: Mapping[str, float]) -> PolicyState:
        """Return the state after a round was trained.

        Args:
            plan: Of the round.
            costs: Of what was trained, per arm, always in the same unit.

        Returns:
            The state; where it ends a trial, the arm's ``reason`` says why.

        Raises:
            InputError: If the cost of a trained arm is missing.
        """
        for spec in (plan.arm, self.cold) if plan.audit else (plan.arm,):
            if spec not in costs:
                raise InputError(f"costs must name what was trained, {shown(spec)} too, got {sorted(costs)}.")
        arm, state = self.arm(plan.arm), replace(self, costs={**self.costs, **costs})
        begins = plan.begins_trial and arm.status != "licensed"  # by a rehearsal, while the round was interrupted
        if begins:
            arm = arm.on_trial(plan.number, plan.reason)
        if arm.status == "trial" and plan.audit:
            arm = replace(arm, spent=(arm.spent[0] + costs[arm.spec], arm.spent[1] + costs[self.cold]))
            state = state._with(arm)
        if begins:
            return state
        rounds = plan.number - arm.started
        if arm.status == "trial" and rounds >= MOST_TRIAL_ROUNDS:
            return state._with(arm.revoked(plan.number, f"no answer in {MOST_TRIAL_ROUNDS} rounds of trial"))
        if arm.status == "trial" and self.prefer == "cost" and rounds >= FIRST_FORECAST and arm.needs(1):
            # Over the trial: where rounds stop early, the costs of one differ by a factor of two either way.
            share = arm.spent[0] / arm.spent[1] if arm.spent[1] else 1.0
            if share * (1 + self.audit_share) > 1 - LEAST_SAVING:
                why = f"it costs {times_text(share)} of a cold start, which with its audits saves next to nothing"
                arm = arm.revoked(plan.number, why)
                state = state._with(arm)
                later = state.arms[state.arms.index(arm) + 1 :]
                costlier = [one for one in state._not_tried() if one in later and one.needs(1)]
                return state._postponed(costlier, arm.retry, f"{arm.spec} is cheaper and saves next to nothing")
        if arm.spec == self.cold:
            # Also where no model was there to continue from: the lineage of an arm on trial begins anew.
            for other in self.arms:
                if other.status == "trial":
                    state = state._with(replace(other, started=plan.number + 1))
        elif arm.status == "licensed":
            spent = costs[self.cold] if plan.audit else 0.0
            state = replace(state, account=state.account + self.audit_share * costs[arm.spec] - spent)
        return state

    def after_difference(
        self,
        arm: str,
        difference: float,
        *,
        number: int,
        tolerance: float,
        step: float = 0.0,
        shared: float = 0.0,
        metric: Metric = ACCURACY,
    ) -> tuple[PolicyState, tuple[str, ...]]:
        """Return the state after an audit's two models were scored on what neither has seen, and what that changed.

            on trial   mean - r >= -tolerance: licensed;   mean + r < -tolerance: revoked
                       20 differences, or from 5 on less than about one chance in ten of a licence: revoked, and
                       with it the arms that are not tried yet, where the noise would keep even a
                       start without any loss from a licence more often than not
            licensed   difference < -2 tolerance, and below the mean by more than two standard deviations, or
                       mean + r < -tolerance: on trial again

        where mean -+ r is the t interval at 96.5 %, looked at after each difference from the third on; all looks of a
        trial together have 80 %. The first two rounds of a trial do not count. Of simulated trials with normal
        differences whose true mean is minus the tolerance 9 % end with a licence; where few large losses make the
        mean, it is more: 17 % at a skewness of -1, 27 % at -2 (``benchmarks/licence_simulation.py``).
        Differences that share rows are not independent: the mean of K of them has the variance s^2 / K + ``shared``.
        The standard deviation is at least one row: shares of few rows are often equal by chance, and three equal
        differences would else be proof.

        Args:
            arm: That was trained beside a cold start.
            difference: Its score minus the cold start's, on rows that neither was trained on; higher is better.
            number: Round that trained both.
            tolerance: In the unit of the difference. Errors that change with the seasons are better given as shares of
                the cold start's error, as then the tolerance is.
            step: What one row could change in the difference: the range of a score over the number of rows; 0: scores
                have no range.
            shared: Variance that the mean of the trial's differences, this one included, has because some rows judge in
                more than one of its audits; see
                :func:`warmstart.statistics.shared_variance`.
            metric: Of the scores, for the sentences.

        Returns:
            The state and a sentence for each arm whose status changed.

        Raises:
            InputError: If there is no such arm, or the difference is no finite number: see :meth:`after_failure`.
        """
        check_in_range("difference", difference, -math.inf, math.inf, low_open=True, high_open=True)
        check_in_range("step", step, 0, math.inf, high_open=True)
        check_in_range("shared", shared, 0, math.inf, high_open=True)
        before = self.arm(arm)
        if arm == self.cold or number < before.started or before.status not in ("trial", "licensed"):
            return self, ()  # the answer to a question that is no longer asked
        needed = before.needs(tolerance)
        allowed = f"{f'a loss of {metric.text(-needed, difference=True)}' if needed else 'no loss'} allowed"
        after = before
        if before.status == "licensed":
            # A licence from elsewhere has an interval that these differences are no part of.
            if before.differences:
                after = before.with_difference(difference, number=number, step=step, shared=shared)
            lost = _reason_lost(before, after, difference, number, tolerance, metric)
            if lost:
                after = before.on_trial(number + 1, f"{arm} lost its licence and is on trial again: {lost}, {allowed}")
        elif number >= before.started + ROUNDS_NOT_COUNTED:
            after = before.with_difference(difference, number=number, step=step, shared=shared)
            after = _tried(after, number, needed, allowed, metric)
        state = self._with(after)
        if after.status == before.status:
            return state, ()
        # What is as good as a cold start would fare no better: the noise is that of two trainings, not of the arm. One
        # that was shown to lose tells nothing of others, and one that was revoked for itself has its own time.
        # Where even one without any loss would fail more often than not, trials are not worth what they cost.
        is_noise = (
            after.status == "revoked"
            and len(after.differences) >= FIRST_FORECAST
            and after.interval is not None
            and after.interval[2] >= needed
            and LAST_HALF_WIDTH * after.error(MOST_DIFFERENCES) > tolerance
        )
        others = self._not_tried()
        if not (is_noise and others):
            return state, (after.reason,)
        varying = metric.text(after.deviation, difference=True)
        why = (
            f"differences vary by {varying} from night to night, so {MOST_DIFFERENCES} audits could hardly tell "
            f"whether a start loses more than {metric.text(tolerance, difference=True)}"
        )
        state = state._postponed(others, after.retry, why)
        names = " and ".join(filter(None, [", ".join(other.spec for other in others[:-1]), others[-1].spec]))
        verb = "are" if len(others) > 1 else "is"
        advice = "larger arrivals, a larger tolerance or `warmstart retrain rehearse` could"
        return state, (after.reason, f"{names} {verb} not tried before round {after.retry}: {why}; {advice}")

    def after_failure(
        self, arm: str, *, number: int, what: str = "its training diverged"
    ) -> tuple[PolicyState, tuple[str, ...]]:
        """Return the state after an arm gave no model in round ``number``: a trial ends, a licence goes back to trial.

        Args:
            arm: That failed.
            number: Of the round.
            what: Why, as a clause.
        """
        before = self.arm(arm)
        if arm == self.cold or before.status not in ("trial", "licensed"):
            return self, ()
        after = before.revoked(number, f"{what} in round {number}")
        if before.status == "licensed":
            reason = f"{arm} lost its licence and is on trial again: {what} in round {number}"
            after = before.on_trial(number + 1, reason)
        return self._with(after), (after.reason,)

    def with_licences(
        self, licences: Mapping[str, tuple[float, float, float]], *, tolerance: float, source: str = "a rehearsal"
    ) -> PolicyState:
        """Return the state with licences from elsewhere, such as from a study of the same data in time order.

        Args:
            licences: Mean, low and high of the difference to a cold start, per arm.
            tolerance: In the same unit.
            source: What showed it, for the sentence.

        Raises:
            InputError: If an arm is unknown, cold, or its lower end says that it may cost more than the tolerance.
        """
        state = self
        for spec, (mean, low, high) in licences.items():
            arm = self.arm(spec)
            if spec == self.cold or not low <= mean <= high:
                raise InputError(f"licence of {shown(spec)} must be a mean within its interval, and not of cold.")
            if not low >= arm.needs(tolerance):
                raise InputError(
                    f"licence of {shown(spec)} needs a lower end of {arm.needs(tolerance):g}, got {low:g}."
                )
            changed = ArmState(spec, "licensed", revocations=arm.revocations, interval=(mean, low, high))
            state = state._with(replace(changed, reason=f"{spec} is licensed: {source} has shown it"))
        if self.prefer == "cost":
            cheapest = next(arm.spec for arm in state.arms if arm.status == "licensed")
            for arm in state.arms[state.specs.index(cheapest) :]:
                # Two trials at a time would be one too many, should the cheaper arm lose its licence.
                if arm.status == "trial":
                    state = state._with(ArmState(arm.spec, revocations=arm.revocations))
        return state

    def to_dict(self) -> dict[str, Any]:
        """Return the state as JSON knows it."""
        return {"kind": "auto", **plain(self)}

    def _not_tried(self) -> list[ArmState]:
        """Return the arms that have never been revoked for themselves, and are not on trial or licensed."""
        return [one for one in self.arms if one.status in ("untried", "revoked") and not one.revocations]

    def _postponed(self, arms: Sequence[ArmState], retry: int, why: str) -> PolicyState:
        """Return the state with arms that are not tried before a round."""
        state = self
        for arm in arms:
            reason = f"{arm.spec} is not tried before round {retry}: {why}"
            state = state._with(replace(arm, status="revoked", retry=retry, reason=reason))
        return state

    def _with(self, changed: ArmState) -> PolicyState:
        return replace(self, arms=tuple(changed if arm.spec == changed.spec else arm for arm in self.arms))


@dataclass(frozen=True)
class FixedPolicy:
    """One start in every round, without trials.

    Attributes:
        arm: The strategy.
        audits: Whether a suspicion, such as a request, has a cold start trained beside it.

    Example:
        >>> FixedPolicy("warm").plan(number=7).reason
        'warm: the policy is fixed'
    """

    arm: str
    audits: bool = False

    def __post_init__(self) -> None:
        """Check the options."""
        if not isinstance(self.arm, str) or not self.arm:
            raise InputError(f"arm must be a strategy, got {described(self.arm)}.")

    @property
    def specs(self) -> list[str]:
        """The strategies that it may train."""
        return [self.arm, self.cold]

    @property
    def cold(self) -> str:
        """The start where there is nothing to continue from, and of audits."""
        return "cold"

    def plan(
        self, *, number: int, can_continue: bool = True, suspicion: str | None = None, cold_cost: float | None = None
    ) -> Plan:
        """As :meth:`PolicyState.plan`."""
        if not can_continue:
            return Plan(number, self.cold, audit=False, reason="cold start: there is no model to continue from")
        if suspicion and self.audits and self.arm != self.cold:
            return Plan(number, self.arm, audit=True, reason=f"{self.arm} is audited: {suspicion}")
        return Plan(number, self.arm, audit=False, reason=f"{self.arm}: the policy is fixed")

    def after_training(self, plan: Plan, costs: Mapping[str, float]) -> FixedPolicy:
        """Return the same policy."""
        return self

    def after_difference(
        self,
        arm: str,
        difference: float,
        *,
        number: int,
        tolerance: float,
        step: float = 0.0,
        shared: float = 0.0,
        metric: Metric = ACCURACY,
    ) -> tuple[FixedPolicy, tuple[str, ...]]:
        """Return the same policy, and a sentence where the arm has lost more than is allowed."""
        if difference >= -tolerance:
            return self, ()
        return self, (f"{arm} lost in round {number}: {gap_text(metric, difference)} beside a cold start",)

    def after_failure(
        self, arm: str, *, number: int, what: str = "its training diverged"
    ) -> tuple[FixedPolicy, tuple[str, ...]]:
        """Return the same policy, and a sentence that says so."""
        return self, (f"{arm} failed in round {number}: {what}",)

    def to_dict(self) -> dict[str, Any]:
        """Return the policy as JSON knows it."""
        return {"kind": "fixed", **plain(self)}


Policy = PolicyState | FixedPolicy


def policy_from_dict(value: Mapping[str, Any]) -> Policy:
    """Return the policy that ``to_dict`` wrote.

    Raises:
        InputError: If it is none.

    Example:
        >>> policy_from_dict(FixedPolicy("warm").to_dict())
        FixedPolicy(arm='warm', audits=False)
    """
    kinds: dict[str, type[PolicyState] | type[FixedPolicy]] = {"auto": PolicyState, "fixed": FixedPolicy}
    try:
        options = dict(value)
        return rebuilt(kinds[options.pop("kind")], options)
    except InputError:
        raise
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise InputError(f"policy must be what to_dict wrote, got {described(value)}: {error}.") from None


def _reason_lost(
    before: ArmState, after: ArmState, difference: float, number: int, tolerance: float, metric: Metric
) -> str | None:
    """Return why an arm loses its licence after an audit, as a clause; None: it does not."""
    needed = before.needs(tolerance)
    # What the trial has varied by is no news: at a noise of five times the tolerance a third of the audits of a start
    # without any loss would be bad ones.
    usual = math.inf
    if len(before.differences) >= FIRST_LOOK:
        usual = float(np.mean(before.differences)) - UNUSUAL * before.deviation
    if difference < min(needed - tolerance, usual):
        return f"{gap_text(metric, difference)} beside a cold start in round {number}"
    if after.differences and after.interval is not None and after.interval[2] < needed:
        return f"{gap_text(metric, *after.interval)} beside a cold start over the last {len(after.differences)} audits"
    return None


def _tried(arm: ArmState, number: int, needed: float, allowed: str, metric: Metric) -> ArmState:
    """Return an arm on trial with what its interval says of it."""
    count = len(arm.differences)
    if arm.interval is None:
        return arm
    shown_as = f"{gap_text(metric, *arm.interval)} beside a cold start over {count} audits, {allowed}"
    if arm.interval[1] >= needed:
        return replace(arm, status="licensed", reason=f"{arm.spec} is licensed: {shown_as}")
    if arm.interval[2] < needed:
        return arm.revoked(number, shown_as)
    if count >= MOST_DIFFERENCES:
        return arm.revoked(number, f"{shown_as}, which {count} audits cannot tell")
    if count >= FIRST_FORECAST:
        spread = arm.deviation * math.sqrt(1 / count - 1 / MOST_DIFFERENCES)
        if _would_hardly_pass(arm.interval[0], spread, arm.error(MOST_DIFFERENCES), needed):
            return arm.revoked(number, f"{shown_as}, which {MOST_DIFFERENCES} audits would hardly tell")
    return arm


def _would_hardly_pass(mean: float, spread: float, error: float, needed: float) -> bool:
    """Return whether a trial has less than about one chance in ten of a licence after 20 differences.

    Their mean is expected at ``mean``, with a standard deviation of ``spread``, and will have a standard ``error``.
    """
    return mean + FORECAST_QUANTILE * spread - LAST_HALF_WIDTH * error < needed
