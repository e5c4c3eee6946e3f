"""The speed-up of a second worker, what storing and scheduling take of a study, and how long workers need to start."""

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from bench._part import Part, Setting
from bench._pictures import dataset
from bench._processes import run_python
from bench._spans import watched
from bench._tables import Table
from bench._turns import Way, clocked, ratio, seconds_of, spread, spreads, take_turns
from bench._words import percent_text, ratio_text, time_text
from warmstart.data import Dataset
from warmstart.executors import Execution, Runner, Workers
from warmstart.models import MLP
from warmstart.strategies import Cold, Warm
from warmstart.streams import TwoPhase
from warmstart.studies import Study, run_study
from warmstart.training import StoppingRule, Work

_MANY = 2
_STARTED, _AGAIN, _TORCH = "start", "two more tasks", "import torch"
WORK = {
    "warmstart.learners._tensor_learner.fitting": "fit",
    "warmstart.learners._tensor_learner.recalibrate_": "recalibrating",
    "warmstart.learners._classifier.evaluate_samples": "evaluating",
}
"""Functions whose time is work proper, by the place of the call."""


def _measure(setting: Setting) -> dict[str, Any]:
    held = dataset(setting.some(12_000, 300))
    study = _study(seeds=setting.some(4, 2), epochs=setting.some(6, 1))
    with _started(setting, held) as (workers, starting):
        one, two = _one(study, held, setting), _two(study, held, workers)
        found = take_turns([one, two], max(1, setting.repeats // 2))
    starts = take_turns(_starts(setting), setting.repeats)
    return {
        "starting": starting,
        "starts": {"seconds": spreads(starts), "to_import_torch": ratio(starts, _STARTED, _TORCH)},
        "seconds": spreads({name: found[name] for name in ("one", "two")}),
        "one_to_two": ratio(found, "one", "two"),
        "training_two_to_one": ratio(found, "two, training", "one, training"),
        "around_work": spread(found["one, around work"]),
        "trials": len(study.labels) * study.max_seeds,
    }


def _study(*, seeds: int, epochs: int) -> Study:
    stop = StoppingRule(None, patience=None, max_epochs=epochs)
    return Study([Cold(), Warm()], architecture=MLP(), stream=TwoPhase(), stop=stop, seeds=seeds)


@contextmanager
def _started(setting: Setting, held: Dataset) -> Iterator[tuple[Workers, float]]:
    """Yield two workers that have run a minimal study, and the seconds that this and their start took."""
    with Workers(Execution(workers=_MANY, threads=setting.threads, device="cpu")) as workers:
        minimal = _study(seeds=_MANY, epochs=1)
        yield workers, seconds_of(lambda: _run(minimal, held, workers=workers))


def _starts(setting: Setting) -> list[Way]:
    """Return ways to two tasks that run: in new workers, then in the same ones; and a fresh process beside them."""
    execution = Execution(workers=_MANY, threads=setting.threads, device="cpu")

    def way() -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            with Workers(execution) as workers:
                started = running(workers, Path(folder)) - begin
                begin = time.perf_counter()
                again = running(workers, Path(folder)) - begin
        return {_STARTED: started, _AGAIN: again}

    return [way, clocked(_TORCH, lambda: run_python(["-c", "import torch"], threads=setting.threads))]


def running(workers: Workers, directory: Path) -> float:
    """Give each worker a task, and return the time, of `perf_counter`, when all of them had said that they run."""
    seen: dict[int, float] = {}

    def handle(process: int) -> list[Any]:
        seen[process] = time.perf_counter()
        return []

    count = workers.execution.worker_count
    workers.perform(range(count), _announcing(), directory=directory, handle=handle)
    assert len(seen) == count, "each task has a process of its own"
    return max(seen.values())


def _announcing() -> Runner:
    """Return a runner whose tasks send the number of their process and end."""

    # A local class is sent by value. One of this module would be imported by each worker, and all other parts with it.
    class Announcing:
        def steps(self, task: Any, directory: Path, device: str, emit: Callable[[Any], None]) -> Work[None]:
            emit(os.getpid())
            yield from ()

        def remaining(self, task: Any, message: Any) -> Any:
            return task

        def shared(self, directory: Path) -> AbstractContextManager[Runner]:
            return nullcontext(self)

    return Announcing()


def _one(study: Study, held: Dataset, setting: Setting) -> Way:
    execution = Execution(workers=1, threads=setting.threads, device="cpu")

    def way() -> dict[str, float]:
        with watched(WORK) as spans:
            seconds, training = _timed(study, held, execution=execution)
        around = 1 - sum(spans.seconds.values()) / seconds
        return {"one": seconds, "one, training": training, "one, around work": around}

    return way


def _two(study: Study, held: Dataset, workers: Workers) -> Way:
    def way() -> dict[str, float]:
        seconds, training = _timed(study, held, workers=workers)
        return {"two": seconds, "two, training": training}

    return way


def _timed(study: Study, held: Dataset, **how: Any) -> tuple[float, float]:
    """Return the seconds of a study, and those that its rounds report as training."""
    records: list[Any] = []
    seconds = seconds_of(lambda: records.append(_run(study, held, **how)))
    # A first round that the other arm has taken over was trained once and is in two records.
    rounds = {(record.seed, record.round, record.seconds) for record in records[0].rounds}
    return seconds, sum(spent for _, _, spent in rounds)


def _run(study: Study, held: Dataset, **how: Any) -> object:
    with tempfile.TemporaryDirectory() as folder:
        return run_study(study, folder, dataset=held, **how)


def _tables(measured: Mapping[str, Any]) -> list[Table]:
    seconds = measured["seconds"]
    rows = [
        [f"one worker, {measured['trials']} trials", time_text(seconds["one"])],
        [f"two workers, {measured['trials']} trials", time_text(seconds["two"])],
        ["one : two", ratio_text(measured["one_to_two"])],
        ["time reported by training, two : one", ratio_text(measured["training_two_to_one"])],
        ["starting two workers and running a minimal study", f"{measured['starting']:.1f} s"],
        ["one worker: neither training nor evaluating", percent_text(measured["around_work"])],
    ]
    tables = [Table("One worker and two", ("what", "figure"), rows)]
    if "starts" in measured:  # not in files of version 0.1
        started = measured["starts"]["seconds"]
        rows = [
            ["from `Workers(...)` until two tasks run", time_text(started[_STARTED])],
            ["until two more tasks run in the same workers", time_text(started[_AGAIN])],
            ["a fresh process that imports PyTorch", time_text(started[_TORCH])],
            ["start : fresh process", ratio_text(measured["starts"]["to_import_torch"])],
        ]
        tables.append(Table("Starting two workers", ("what", "figure"), rows))
    return tables


PART = Part(
    name="workers",
    title="Workers",
    prose="""
A study of an MLP on random pictures, two arms that share their first rounds, run by this process and by two workers
that were started before. The ratio cannot exceed 2. *Time reported by training* says how much longer the same training
takes when both cores work: what two processes take from each other in caches and memory, and whatever else runs on
the machine; scheduling has no part in it. The last row is what a study with one worker spends on everything that is
neither `fit` nor recalibration nor evaluation: storing, scheduling, splitting and copying data, building models.

*Starting two workers* is timed from the call of `Workers(...)` until this process has heard from a task in each of
them. Workers are forked from a process that imports PyTorch once, so that a start cannot be much faster than a fresh
process with that import, which takes its turns beside it.
""",
    measure=_measure,
    tables=_tables,
)
