"""The loop over the rounds of a trial."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from warmstart.basics import InputError, choice, copy_model, derived_seed, generator_for
from warmstart.diagnostics import Moment, Reading, When
from warmstart.learners import Round, TensorLearner, churn, negative_flips
from warmstart.strategies import RoundContext
from warmstart.streams import PoolOrder, check_arrival
from warmstart.training import (
    Lane,
    Normalization,
    OptimizerState,
    Pause,
    StopReason,
    TensorData,
    Work,
    batches,
    reset_statistics_,
    run_alone,
    set_memory_format_,
)

from ._data import TrialData, encode, labels_before, preparation_of, prepared, taken
from ._result import RoundResult
from ._round_state import RoundState, in_shape, renew_head_
from ._trial import TrainOn, Trial, check_source

OnReport = Callable[[int, Mapping[str, float]], None]
_BATCH = 128  # of data sets of the user's own, where no recipe says


def run(
    trial: Trial,
    data: TrialData,
    *,
    round_state: RoundState | None = None,
    on_report: OnReport | None = None,
    graphs: bool = False,
) -> Iterator[RoundResult]:
    """Run a trial round by round.

    Args:
        trial: The settings.
        data: On the device where the trial is to run.
        round_state: Where to resume after an interruption; the rounds that follow are those of an uninterrupted trial.
        on_report: Called with the round's number and what training reports, usually after every epoch.
        graphs: Whether steps on a GPU are recorded; see :func:`warmstart.training.fit`.

    Yields:
        Each round as it ends.

    Raises:
        InputError: If the stream, the model or the data do not fit together.

    Example:
        >>> from warmstart.learners import Classifier
        >>> from warmstart.models import LogisticRegression
        >>> from warmstart.streams import TwoPhase
        >>> data = TensorData(torch.eye(2).repeat(8, 1), torch.tensor([0, 1] * 8))
        >>> trial = Trial(Classifier(LogisticRegression()), TwoPhase())
        >>> [result.samples_seen for result in run(trial, TrialData(data, data, classes=2))]
        [8, 16]
    """
    work = run_in_turns(trial, data, round_state=round_state, on_report=on_report, graphs=graphs)
    return (item for item in Lane(work, data.device) if isinstance(item, RoundResult))


def run_in_turns(
    trial: Trial,
    data: TrialData,
    *,
    round_state: RoundState | None = None,
    on_report: OnReport | None = None,
    graphs: bool = False,
) -> Generator[Pause | RoundResult, Any, None]:
    """Return the work of :func:`run`: it yields each round as it ends, and a pause wherever others may take a turn."""
    trial, before, data = _bound(trial, data), data.rounds_before_stream, encoded(trial, data)
    sizes = trial.stream.sizes(len(data.pool))
    state, learner = round_state or RoundState(), trial.learner_of(2)
    if data.source is not None:
        check_source(trial, data.classes, source=data.source.classes)
    seen = torch.empty(0, dtype=torch.int64) if state.seen is None else state.seen
    # What models have had no say in is not stored: it is drawn again.
    for number in range(before + 1, state.round + 1 if state.seen is None else 0):
        seen = torch.cat([seen, _arrival(trial, data, number, seen, None)])
    first_arrival = seen[: sizes[0]] if len(seen) else _arrival(trial, data, before + 1, seen, None)
    data = prepared(data, learner, first_arrival)
    if state.model is not None:
        # As training left it: what was stored has another layout in memory, and sums over it would round otherwise.
        known = data.pool if data.source is None or state.round > 1 else data.source.pool
        channels_last = learner.channels_last(state.model, known)
        if channels_last is not None:
            set_memory_format_(state.model, channels_last=channels_last)
    for number in range(state.round + 1, before + len(sizes) + 1):
        if number <= before:
            assert data.source is not None, "a round before the stream is that on the source"
            everything = torch.arange(len(data.source.pool))
            plan = RoundPlan(data.source, everything, everything[:0], None, len(everything))
            has_outputs = data.source.classes == data.classes
        else:
            arrival = _arrival(trial, data, number, seen, state.model)
            old = taken(data.pool, seen) if len(seen) else None
            if old is None and data.source is not None and data.source.classes == data.classes:
                old = data.source.pool  # else the model has no outputs for its classes any more
            total = len(seen) + len(arrival) + (0 if data.source is None else len(data.source.pool))
            plan = RoundPlan(data, arrival, seen, old, total)
            if trial.train_on is TrainOn.SEEN:
                plan = replace(plan, earlier=tuple(accumulate(sizes[: number - before - 1])))
            seen, has_outputs = torch.cat([seen, arrival]), True
        comes_later = trial.stream.keeps_order and not trial.stream.reads_model
        if comes_later and has_outputs and number < before + len(sizes):
            upcoming = _arrival(trial, data, number + 1, seen, None)
            if len(upcoming):
                plan = replace(plan, next=taken(data.pool, upcoming), before_next=labels_before(data, upcoming))
        result = yield from _round_in_turns(trial, plan, state, number, on_report, graphs)
        has_say = trial.stream.reads_model and state.model is not None and number > before
        state = replace(result.round_state, seen=seen if has_say else state.seen)
        yield replace(result, round_state=state, preparation=preparation_of(data) if number == 1 else None)


@dataclass(frozen=True, eq=False)
class RoundPlan:
    """The data of one round.

    Args:
        data: Of the stream or of the source, as a model takes them: encoded, and on the scale that training takes.
        arrival: int64 indices into the pool of what arrives.
        seen: Those of what had arrived before.
        old: The samples that had arrived before, as penalties and measurements look back on them; None: none.
        samples_seen: How many samples have arrived in all.
        next: What arrives in the next round, where arrivals stand in time order; None: there is none.
        before_next: For each sample of that, the label of the one before it.
        earlier: Where all that was seen is trained on: how much that was in each earlier round of the stream.
        validation: Mask over the samples trained on, in their order, of what early stopping holds apart. None: the
            learner draws it.
    """

    data: TrialData
    arrival: torch.Tensor
    seen: torch.Tensor
    old: Any
    samples_seen: int
    next: Any = None
    before_next: torch.Tensor | None = None
    earlier: tuple[int, ...] = ()
    validation: torch.Tensor | None = None


def run_round(
    trial: Trial,
    plan: RoundPlan,
    state: RoundState,
    number: int,
    *,
    on_report: OnReport | None = None,
    graphs: bool = False,
) -> RoundResult:
    """Run one round of a trial on data that the caller has chosen: the same code as a round of :func:`run`.

    Args:
        trial: The settings; its stream is not read.
        plan: The data of the round.
        state: What the round before has passed on.
        number: Of the round, counted from 1; with the seed it decides all draws.
        on_report: Called with the round's number and what training reports.
        graphs: Whether steps on a GPU are recorded.

    Raises:
        InputError: If the model and the data do not fit together, or ``plan.validation`` is not a mask over the samples
            trained on.

    Example:
        >>> from warmstart.learners import Classifier
        >>> from warmstart.models import LogisticRegression
        >>> data = TensorData(torch.eye(2).repeat(8, 1), torch.tensor([0, 1] * 8))
        >>> plan = RoundPlan(TrialData(data, data, classes=2), torch.arange(16), torch.arange(0), None, 16)
        >>> run_round(Trial(Classifier(LogisticRegression())), plan, RoundState(), 1).samples_trained_on
        16
    """
    return run_alone(_round_in_turns(trial, plan, state, number, on_report, graphs), plan.data.device)


def _round_in_turns(
    trial: Trial, plan: RoundPlan, state: RoundState, number: int, on_report: OnReport | None, graphs: bool
) -> Work[RoundResult]:
    """Return the work of a round."""
    running = _RunningRound(trial, plan, state, number, on_report, graphs)
    yield from running.learner.steps(running.model, running.round)
    return running.end()


def _bound(trial: Trial, data: TrialData) -> Trial:
    """Return the trial with the stream of its own pool."""
    stream = trial.stream.for_pool(data.order or PoolOrder.of_all(len(data.pool)))
    return trial if stream is trial.stream else replace(trial, stream=stream)


def _arrival(trial: Trial, data: TrialData, number: int, seen: torch.Tensor, model: nn.Module | None) -> torch.Tensor:
    """Return what arrives in a round of the stream."""
    round, count = number - data.rounds_before_stream, len(data.pool)
    asks = trial.stream.reads_model and round > 1 and model is not None
    # A stream that does not ask finds its generator in one state in all rounds: it can cut one random order into them.
    generator = generator_for(trial.seed, "query", number) if asks else generator_for(trial.seed, "stream")
    arrival = trial.stream.select(round, data.pool, seen, model if trial.stream.reads_model else None, generator)
    check_arrival(trial.stream, arrival, round, seen, count)
    return arrival


def encoded(trial: Trial, data: TrialData, *, device: torch.device | None = None) -> TrialData:
    """Return data whose table columns are numbers; where they are so already, the data as they are.

    What fills gaps and which categories are known is fitted on the source where there is one, else on the first arrival
    alone, which is all that is known when the trial begins.

    Args:
        trial: The settings.
        data: Of the trial.
        device: Where the numbers are to be. None: where the data are.
    """
    if data.encoding is None:
        return data
    if data.source is None:
        first = _arrival(_bound(trial, data), data, 1, torch.empty(0, dtype=torch.int64), None)
        known = data.pool.take(first)
    else:
        known = data.source.pool
    return encode(data, known, device or data.device)


def first_start(trial: Trial, data: TrialData) -> str:
    """Return the digest of the model that round 1 of a trial starts from; see :attr:`RoundResult.start`."""
    data = encoded(trial, data)
    held = data if data.source is None else data.source
    nothing = torch.empty(0, dtype=torch.int64)
    plan = RoundPlan(held, nothing, nothing, None, 0)
    return _digest(_start(trial, plan, RoundState(), 1)[0])


def _start(
    trial: Trial, plan: RoundPlan, state: RoundState, number: int
) -> tuple[nn.Module, nn.Module, RoundContext, bool]:
    """Return the model that a round starts from, the fresh one, the context, and whether the previous one fitted."""
    learner, seed, pool = trial.learner_of(number), trial.seed, plan.data.pool
    carry_over = learner.carry_over
    fresh = learner.build(pool, derived_seed(seed, "fresh", number))
    previous = in_shape(state, fresh, head=carry_over.head)
    context = RoundContext(
        round=number,
        generator=generator_for(seed, "strategy", number),
        first=lambda: learner.build(pool, derived_seed(seed, "fresh", 1)),
        another=lambda: learner.build(pool, derived_seed(seed, "another fresh", number)),
        previous=previous,
        old=lambda samples: _drawn(plan.old, samples, trial, ("penalty", number)),
        new=lambda samples: _drawn(taken(pool, plan.arrival), samples, trial, ("new samples", number)),
    )
    model = trial.strategy(previous, fresh, context)
    if trial.strategy.continues and previous is not state.model and state.model is not None:
        renew_head_(model, state.model, fresh, head=carry_over.head)
    if carry_over.normalization is Normalization.RESET:
        reset_statistics_(model)
    return model, fresh, context, previous is state.model


class _RunningRound:
    """One round: its start when it is made, its end by :meth:`end`; in between, the learner trains the model."""

    def __init__(
        self, trial: Trial, plan: RoundPlan, state: RoundState, number: int, on_report: OnReport | None, graphs: bool
    ) -> None:
        self._trial, self._plan, self._state, self._on_report = trial, plan, state, on_report
        self.learner = trial.learner_of(number)
        self.model, self._fresh, context, self._fits = _start(trial, plan, state, number)
        self._start_digest = _digest(self.model) if number == 1 else ""
        rows = torch.cat([plan.seen, plan.arrival]) if trial.train_on is TrainOn.SEEN else plan.arrival
        if plan.validation is not None and (
            plan.validation.dtype != torch.bool or plan.validation.shape != (len(rows),)
        ):
            raise InputError(
                f"validation must be a mask over the {len(rows)} samples trained on, bool of shape ({len(rows)},), got "
                f"{plan.validation.dtype} of shape {tuple(plan.validation.shape)}."
            )
        self._readings: list[Reading] = []
        # Measurements compare with the start, which training changes in place.
        self._begun = copy_model(self.model) if trial.measurements else self.model
        self.round = Round(
            number=number,
            trial_seed=trial.seed,
            data=taken(plan.data.pool, rows),
            train=rows,
            arrival=plan.arrival,
            context=context,
            device=plan.data.device,
            graphs=graphs,
            # After a source of other classes the model is another one, and its optimizer begins anew.
            optimizer_state=state.optimizer if self._fits else None,
            earlier=plan.earlier,
            validation=plan.validation,
            on_report=self._reported,
        )
        self._measure(When.START)
        self._began = time.perf_counter()

    def _reported(self, values: Mapping[str, float]) -> None:
        if math.isfinite(values.get("train_loss", 0.0)):
            self._measure(When.EPOCH)
        if self._on_report is not None:
            self._on_report(self.round.number, values)

    def _evaluated(self, model: nn.Module) -> dict[str, float]:
        return self.learner.evaluate(model, self._plan.data.evaluation).by_name

    def _measure(self, when: When) -> None:
        """Let every measurement look at the model, and keep what it reads."""
        plan, history = self._plan, self.round.history
        epoch, steps = (int(history[-1][name]) for name in ("epoch", "steps")) if history else (0, 0)
        for measurement in self._trial.measurements:
            moment = Moment(
                when=when,
                epoch=epoch,
                steps=steps,
                model=self.model,
                start=self._begun,
                fresh=self._fresh,
                training=self.round.data,
                old=plan.old,
                new=taken(plan.data.pool, plan.arrival),
                evaluation=plan.data.evaluation,
                evaluate=self._evaluated,
                loss=self.learner.objective if isinstance(self.learner, TensorLearner) else None,
                generator=generator_for(self._trial.seed, "probe", self.round.number),
            )
            for name, value in measurement(moment).items():
                known = value if value is not None and math.isfinite(value) else None
                self._readings.append(Reading(name, known, when, epoch, steps))

    def end(self) -> RoundResult:
        """Evaluate the trained model, and return the round."""
        trial, round, number, model, plan = self._trial, self.round, self.round.number, self.model, self._plan
        seconds = time.perf_counter() - self._began if round.seconds is None else round.seconds
        stop_reason = choice(StopReason, round.stop_reason, name="stop_reason")
        scores = self.learner.evaluate(model, plan.data.evaluation)
        previous, next_scores = None, None
        if stop_reason is StopReason.DIVERGED or not scores.is_finite:
            stop_reason = StopReason.DIVERGED
            # The next round takes over what came from the round before.
            state = replace(self._state, round=number)
        else:
            # Of the model itself, as a resumed trial has it, rather than what the last round found.
            if self._state.model is not None and self._fits and scores.predictions is not None:
                previous = self.learner.evaluate(self._state.model, plan.data.evaluation)
            if plan.next is not None:
                next_scores = self.learner.evaluate(model, plan.next)
            # First: measurements copy the model, which what trainers leave in it may prevent.
            seed = derived_seed(trial.seed, "fresh", 1)
            self.model = self.learner.rebuilt(model, plan.data.pool, seed)
            self._measure(When.END)
            # A cold start has no use for the state of another model's optimizer.
            keeps = self.learner.carry_over.optimizer_state is OptimizerState.KEEP and trial.strategy.continues
            state = RoundState(number, self.model, round.optimizer_state if keeps else None)
        before, baselines = labels_before(plan.data), self.learner.baselines
        return RoundResult(
            number=number,
            samples_seen=plan.samples_seen,
            samples_trained_on=len(round.train),
            history=tuple(round.history),
            counts=dict(round.counts),
            seconds=seconds,
            stop_reason=stop_reason,
            scores=None if stop_reason is StopReason.DIVERGED else scores,
            readings=tuple(self._readings),
            notes=tuple(round.notes),
            start=self._start_digest,
            round_state=state,
            churn=None if previous is None else churn(previous, scores),
            negative_flips=None if previous is None else negative_flips(previous, scores),
            next_scores=next_scores,
            baselines=baselines(round.data, plan.data.evaluation, before),
            next_baselines={} if plan.next is None else baselines(round.data, plan.next, plan.before_next),
        )


def _drawn(
    data: Any, samples: int, trial: Trial, purpose: tuple[str, int]
) -> Iterable[tuple[torch.Tensor, torch.Tensor]]:
    """Return up to so many samples, drawn at random, as batches."""
    if data is None:
        return ()
    order = torch.randperm(len(data), generator=generator_for(trial.seed, *purpose), device="cpu")[:samples]
    size = trial.learner.recipe.batch_size if isinstance(trial.learner, TensorLearner) else _BATCH
    if isinstance(data, TensorData):
        return (data.batch(part) for part in batches(order.to(data.device), size))
    return DataLoader(taken(data, order), batch_size=size)


def _digest(model: nn.Module) -> str:
    """Return a digest of all that training begins with: names, types and bytes of parameters and buffers."""
    digest = hashlib.sha256(type(model).__qualname__.encode())
    frozen = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
    digest.update(repr(frozen).encode())
    for name, value in model.state_dict().items():
        if isinstance(value, torch.Tensor):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)};".encode())
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        else:
            digest.update(f"{name} {value!r};".encode())
    return digest.hexdigest()[:32]
