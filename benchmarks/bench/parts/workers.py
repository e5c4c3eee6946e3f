"""What a second worker brings to a study, and what storing and scheduling take of it."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bench._part import Part, Setting
from bench._pictures import dataset
from bench._spans import watched
from bench._tables import Table
from bench._turns import Way, ratio, seconds_of, spread, spreads, take_turns
from bench._words import percent_text, ratio_text, time_text
from warmstart.data import Dataset
from warmstart.executors import Execution, Workers
from warmstart.models import MLP
from warmstart.strategies import Cold, Warm
from warmstart.streams import TwoPhase
from warmstart.studies import Study, run_study
from warmstart.training import StoppingRule

_MANY = 2
_WORK = {
    "warmstart.trial._round.fitting": "fit",
    "warmstart.trial._round.recalibrate_": "recalibrating",
    "warmstart.trial._round.evaluate": "evaluating",
}


def _measure(setting: Setting) -> dict[str, Any]:
    held = dataset(setting.some(12_000, 300))
    study = _study(seeds=setting.some(4, 2), epochs=setting.some(6, 1))
    with _started(setting, held) as (workers, starting):
        one, two = _one(study, held, setting), _two(study, held, workers)
        found = take_turns([one, two], max(1, setting.repeats // 2))
    return {
        "starting": starting,
        "seconds": spreads({name: found[name] for name in ("one", "two")}),
        "one_to_two": ratio(found, "one", "two"),
        "training_two_to_one": ratio(found, "two, training", "one, training"),
        "around_work": spread(found["one, around work"]),
        "trials": len(study.labels) * study.seeds,
    }


def _study(*, seeds: int, epochs: int) -> Study:
    stop = StoppingRule(None, patience=None, max_epochs=epochs)
    return Study([Cold(), Warm()], architecture=MLP(), stream=TwoPhase(), stop=stop, seeds=seeds)


@contextmanager
def _started(setting: Setting, held: Dataset) -> Iterator[tuple[Workers, float]]:
    """Yield two workers that have done something already, and the seconds that their start took with it."""
    with Workers(Execution(workers=_MANY, threads=setting.threads, device="cpu")) as workers:
        least = _study(seeds=_MANY, epochs=1)
        yield workers, seconds_of(lambda: _run(least, held, workers=workers))


def _one(study: Study, held: Dataset, setting: Setting) -> Way:
    execution = Execution(workers=1, threads=setting.threads, device="cpu")

    def way() -> dict[str, float]:
        with watched(_WORK) as spans:
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
    # A first round that the other arm has taken over was finished once, and stands in two records.
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
        ["training's own clock, two : one", ratio_text(measured["training_two_to_one"])],
        ["starting two workers, with a study of the least", f"{measured['starting']:.1f} s"],
        ["one worker: neither training nor evaluating", percent_text(measured["around_work"])],
    ]
    return [Table("Two workers beside one", ("what", "figure"), rows)]


PART = Part(
    name="workers",
    title="Workers",
    prose="""
A study of an MLP on random pictures, two arms that share their first rounds, run by this process and by two workers
that were started before. The ratio cannot exceed 2. *Training's own clock* says how much longer the same training
takes when both cores work: what two processes take from each other in caches and memory, and whatever else runs on
the machine; scheduling has no part in it. The last row is what a study with one worker spends on everything that is
neither `fit` nor recalibration nor evaluation: storing, scheduling, splitting and copying data, drawing models.
""",
    measure=_measure,
    tables=_tables,
)
