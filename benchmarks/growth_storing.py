"""Costs of a study's keeping of the books, as its rounds and trials grow."""

import dataclasses
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from itertools import count
from pathlib import Path

import numpy as np

import warmstart as ws
from growth_curves import Action, Curve, timed
from warmstart.data import Dataset, LabelledArrays
from warmstart.reports import write_report
from warmstart.store import RoundRecord, Store
from warmstart.studies import is_complete, read_study
from warmstart.studies._first_rounds import Work
from warmstart.studies._study import study_identity
from warmstart.trial import TrainOn

ONE = ws.Execution(workers=1, device="cpu")
ROUNDS = (100, 1_000, 10_000, 100_000)
TIMES = 20
TRIALS = (10, 100, 1_000, 10_000)
HISTORY = (
    '{"columns": ["steps", "train_accuracy", "train_loss"], "epochs": [' + "[100, 0.123456, 0.123456789], " * 20 + "]}"
)


def study_of(trials: int, rounds: int) -> ws.Study:
    return ws.Study([ws.Cold(), ws.Warm()], stream=ws.Growing(rounds=rounds), seeds=trials // 2)


def stored(folder: Path, study: ws.Study, rounds: int, done: int) -> Store:
    """Return the store of a study of which each trial has finished so many rounds, without training any."""
    store = Store(folder)
    described = {"study": study_identity(study), "labels": study.labels, "rounds_expected": rounds, "data": {}}
    store.create(described)
    run = store.begin_run({"created": "benchmark"})
    (folder / "checkpoint").touch()
    with closing(sqlite3.connect(store.path)) as connection, connection:
        rows = _rows(study, done, run)
        connection.executemany(f"INSERT INTO round VALUES ({', '.join('?' * 17)})", rows)
    return store


def _rows(study: ws.Study, done: int, run: int) -> Iterable[tuple[object, ...]]:
    for seed in range(study.seeds):
        for arm in study.labels:
            for number in range(1, done + 1):
                record = record_of(arm, seed, number)
                yield (*dataclasses.astuple(record), run, HISTORY, "checkpoint")


def record_of(arm: str, seed: int, number: int) -> RoundRecord:
    noise = (hash((arm == "cold", seed, number)) % 1009) / 1e5
    seen, steps = 100 * number, 90 + (seed + number) % 9
    return RoundRecord(
        arm, seed, number, seen, seen, 0.9 + noise, 0.3, 0.99, "converged", 9, steps, 4500, 1e9, 1 + noise
    )


def per_time(action: Action) -> Action:
    return lambda: action() / TIMES


def asked(question: Callable[[Store, ws.Study], object]) -> Callable[[int, Path], Action]:
    """Prepare a question, asked many times, to a complete study of so many rounds, ten of each trial."""

    def prepare(rounds: int, folder: Path) -> Action:
        study = study_of(rounds // 10, 10)
        store = stored(folder, study, 10, 10)

        def ask() -> None:
            with store.kept_open():
                for _ in range(TIMES):
                    question(store, study)

        return per_time(timed(ask))

    return prepare


def adding(rounds: int, folder: Path) -> Action:
    store = stored(folder, study_of(rounds // 10, 10), 10, 10)
    seeds = count(rounds)

    def add() -> None:
        with store.kept_open():
            for _ in range(TIMES):
                store.add(record_of("cold", next(seeds), 1), run=1, history=HISTORY, checkpoint=None)

    return per_time(timed(add))


def going_on(trials: int, folder: Path) -> Action:
    """Find out what is left of a study of which every trial has finished one round of three."""
    study = study_of(trials, 3)
    store = stored(folder, study, 3, 1)

    def begin() -> None:
        with store.kept_open():
            work = Work(store, study, 3, lambda _: None)
            work.forget_lost()
            assert len(work.beginning()) == trials

    return timed(begin)


def reading(trials: int, folder: Path) -> Action:
    stored(folder, study_of(trials, 3), 3, 3)
    return timed(lambda: read_study(folder))


def summing_up(trials: int, folder: Path) -> Action:
    stored(folder, study_of(trials, 3), 3, 3)
    records = read_study(folder)
    return timed(lambda: ws.summarize(records))


def summing_up_rounds(rounds: int, folder: Path) -> Action:
    stored(folder, study_of(10, rounds), rounds, rounds)
    records = read_study(folder)
    return timed(lambda: ws.summarize(records))


def reporting(trials: int, folder: Path) -> Action:
    stored(folder, study_of(trials, 3), 3, 3)
    summary = ws.summarize(read_study(folder))
    return timed(lambda: write_report(summary, folder))


def beside_training(rounds: int, folder: Path) -> Action:
    """Run a study of one trial of so many rounds, each of one epoch, and return what it takes beside its training."""
    numbers = np.random.default_rng(0)
    samples = LabelledArrays(numbers.random((6 * rounds, 4), np.float32), numbers.integers(0, 2, 6 * rounds))
    data = Dataset("random numbers", samples, None, ("no", "yes"))
    study = ws.Study(
        [ws.Warm()],
        architecture=ws.LogisticRegression(),
        stream=ws.Growing(rounds=rounds),
        stop=ws.StoppingRule(None, max_epochs=1),
        train_on=TrainOn.ARRIVAL,
        seeds=1,
    )
    names = count()

    def action() -> float:
        begin = time.perf_counter()
        records = ws.run_study(study, folder / str(next(names)), dataset=data, execution=ONE)
        return time.perf_counter() - begin - sum(record.seconds for record in records.rounds)

    return action


CURVES = (
    Curve(
        "rounds",
        "a study's time beside its training",
        "Every round costs the same, above all three waits until the disk has its checkpoint and its results for good, "
        "and the counting of floating-point operations. What is made once lets the curve begin flat.",
        (2, 20, 200, 2_000),
        beside_training,
    ),
    Curve("rounds", "adding a round", "A tree finds the place; the rest is the wait for the disk.", ROUNDS, adding),
    Curve(
        "rounds",
        "where a trial goes on",
        "One look into the index: a tree, whose depth hardly grows.",
        ROUNDS,
        asked(lambda store, _: store.last_round("cold", 3)),
    ),
    Curve(
        "rounds",
        "whether a study is complete",
        "The rounds are counted, in the index alone.",
        ROUNDS,
        asked(lambda store, study: is_complete(study, store.directory)),
    ),
    Curve(
        "rounds",
        "summing up, ten trials",
        "Each round's totals are those before it and its own.",
        (10, 100, 1_000, 10_000),
        summing_up_rounds,
    ),
    Curve(
        "trials",
        "what is left of a study",
        "One question for all trials; the rest is the making of their tasks.",
        TRIALS,
        going_on,
    ),
    Curve("trials", "reading results", "Each round is read once.", TRIALS, reading, memory=True),
    Curve("trials", "summing up", "Each round is looked at a fixed number of times.", TRIALS, summing_up, memory=True),
    Curve(
        "trials",
        "writing a report",
        "Charts have at most a fixed number of points, which is most of the time of a small study's report; only the "
        "JSON file holds every round.",
        TRIALS,
        reporting,
    ),
)
