"""Costs of training, querying, storing, scheduling, reading and reporting, at sizes over three decades."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from torch.utils.benchmark import Timer

import warmstart as ws
from warmstart.basics import generator_for
from warmstart.data import Dataset, LabelledArrays
from warmstart.reports import write_report
from warmstart.store import RoundRecord, TrialStore, TrialWriter, checkpoint_file, write_study_index
from warmstart.studies import is_complete, read_study
from warmstart.studies._keys import TrialKeys, trial_keys
from warmstart.studies._schedule import Schedule
from warmstart.studies._study import study_identity
from warmstart.training import EpochReport
from warmstart.trial import TrainOn

PERCEPTRON, FEATURES, CLASSES, BATCH = ws.MLP(width=32), 16, 10, 128
SAMPLES = (1_000, 10_000, 100_000, 1_000_000)
COUNTS = (10, 100, 1_000, 10_000)
ROUNDS = (20, 200, 2_000, 20_000)
ROUNDS_OF_TRIAL = 10
HISTORY = {"columns": ["steps", "train_score", "train_loss"], "epochs": [[100, 0.123456, 0.123456789]] * 20}
RUN = {"created": "benchmark"}
DIGEST = "0" * 64  # of a checkpoint; only loading it compares the two


@dataclass(frozen=True)
class Curve:
    """A cost that is measured at several sizes.

    Args:
        axis: What grows: "samples", "epochs", "rounds" or "trials".
        name: What costs.
        sizes: The sizes at which it is measured.
        prepare: Takes a size and an empty folder; returns a timer of the work.
        limit: The largest power of the size with which it may grow: 1.25 instead of 1 is a factor of 3 over two
            decades, more than a busy machine or the processor's caches add.
    """

    axis: str
    name: str
    sizes: tuple[int, ...]
    prepare: Callable[[int, Path], Timer]
    limit: float = 1.25


def timer(call: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> Timer:
    """Return a timer of a call, by a clock in seconds."""
    return Timer("call()", globals={"call": call}, timer=clock)


def table(samples: int) -> ws.TensorData:
    inputs = torch.randn(samples, FEATURES, generator=generator_for(samples, "benchmark"))
    return ws.TensorData(inputs, torch.randint(CLASSES, (samples,), generator=generator_for(samples, "labels")))


def epoch(samples: int, _: Path) -> Timer:
    data, model = table(samples), PERCEPTRON.build((FEATURES,), CLASSES, generator=generator_for(0))
    stop, recipe = ws.StoppingRule(None, patience=None, max_epochs=1), ws.Recipe(batch_size=BATCH)
    return timer(lambda: ws.fit(model, data, recipe=recipe, stop=stop, generator=generator_for(0)))


def querying(samples: int, _: Path) -> Timer:
    """Query nine tenths of the samples, as an active round does early in its stream."""
    pool, model = table(samples), PERCEPTRON.build((FEATURES,), CLASSES, generator=generator_for(0))
    left = torch.randperm(samples, generator=generator_for(0))[samples // 10 :]
    return timer(lambda: ws.Margin()(ws.predict(model, pool.take(left)), 10, generator=generator_for(0)))


def patience(count: int, _: Path) -> Timer:
    """Ask the rule after every epoch of a round that always makes progress."""
    reports = [EpochReport(number, number, number / (2 * count), 1.0) for number in range(1, count + 1)]
    rule = ws.StoppingRule(patience=20, max_epochs=count + 1)

    def ask() -> None:
        history: list[EpochReport] = []
        for report in reports:
            history.append(report)
            assert rule.stop_reason(history) is None, "there was progress"

    return timer(ask)


def study_of(trials: int, rounds: int) -> ws.Study:
    return ws.Study([ws.Cold(), ws.Warm()], stream=ws.Growing(rounds=rounds), seeds=trials // 2)


def keys_of(study: ws.Study) -> TrialKeys:
    return trial_keys(study, data=["benchmark"], signature="benchmark")


def stored(folder: Path, study: ws.Study, rounds: int, done: int) -> TrialStore:
    """Return the store of a study of which each trial has finished so many rounds, without training any."""
    store, keys = TrialStore(folder), keys_of(study).trials
    index = {
        "study": study_identity(study),
        "labels": study.labels,
        "rounds_expected": rounds,
        "data": {"fingerprint": "benchmark"},
        "model_signature": "benchmark",
        "keys": keys,
    }
    # What a benchmark prepares need not survive a power failure; waiting for the disk would take most of the time.
    with mock.patch("os.fsync", return_value=None):
        write_study_index(folder, index)
        for label in study.labels:
            for seed, key in enumerate(keys[label]):
                with store.lock(key):
                    writer = store.open(key, {"arm": label, "seed": seed})
                    for number in range(1, done + 1):
                        add_round(store, writer, key, record_of(label, seed, number))
    return store


def add_round(store: TrialStore, writer: TrialWriter, key: str, record: RoundRecord) -> None:
    """Append a round with an empty checkpoint."""
    checkpoint = store.directory / checkpoint_file(key, record.round)
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.touch()
    writer.append(record, history=HISTORY, run=RUN, checkpoint_digest=DIGEST)


def record_of(arm: str, seed: int, number: int) -> RoundRecord:
    noise = (hash((arm == "cold", seed, number)) % 1009) / 1e5
    seen, steps = 100 * number, 90 + (seed + number) % 9
    return RoundRecord(
        arm, seed, number, seen, seen, 0.9 + noise, {"loss": 0.3 - noise}, 0.99, "converged", 9, steps, 4500, None,
        1e9, 1 + noise,
    )  # fmt: skip


def adding(rounds: int, folder: Path) -> Timer:
    """Add rounds to a trial that has so many."""
    study = study_of(2, rounds)
    store, key = stored(folder, study, rounds, rounds), keys_of(study).trials["cold"][0]
    store.lock(key)  # held by the store from here on; writing needs it
    writer, numbers = store.open(key, {}), count(rounds + 1)
    return timer(lambda: add_round(store, writer, key, record_of("cold", 0, next(numbers))))


def resuming(rounds: int, folder: Path) -> Timer:
    """Open a trial that has so many rounds, to append to it."""
    study = study_of(2, rounds)
    store, key = stored(folder, study, rounds, rounds), keys_of(study).trials["cold"][0]

    def resume() -> None:
        with store.lock(key):
            assert store.open(key, {}).rounds == rounds

    return timer(resume)


def asking_whether_complete(rounds: int, folder: Path) -> Timer:
    study = study_of(rounds // ROUNDS_OF_TRIAL, ROUNDS_OF_TRIAL)
    stored(folder, study, ROUNDS_OF_TRIAL, ROUNDS_OF_TRIAL)

    def ask() -> None:
        assert is_complete(study, folder), "all rounds are stored"

    return timer(ask)


def scheduling(trials: int, folder: Path) -> Timer:
    """Find out what is left of a study of which every trial has finished one round of three, and draw two trials."""
    study = study_of(trials, 3)
    store, keys = stored(folder, study, 3, 1), keys_of(study)

    def begin() -> None:
        heard = []
        schedule = Schedule(store, study, keys, dict.fromkeys(study.labels, (1, 2, 3)), RUN, 2, heard.append)
        assert heard[0].done == trials
        assert len(schedule.draw()) == 2
        schedule.close()

    return timer(begin)


def reading(trials: int, folder: Path) -> Timer:
    stored(folder, study_of(trials, 3), 3, 3)
    return timer(lambda: read_study(folder))


def summarizing(trials: int, rounds: int, folder: Path) -> Timer:
    stored(folder, study_of(trials, rounds), rounds, rounds)
    records = read_study(folder)
    return timer(lambda: ws.summarize(records))


def reporting(trials: int, folder: Path) -> Timer:
    stored(folder, study_of(trials, 3), 3, 3)
    summary = ws.summarize(read_study(folder))
    return timer(lambda: write_report(summary, folder))


def beside_training(rounds: int, folder: Path) -> Timer:
    """Run a study of one trial of so many rounds, each of one epoch, by a clock that stands still while it trains."""
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
    names, trained = count(), [0.0]

    def run() -> None:
        execution = ws.Execution(workers=1, device="cpu")
        records = ws.run_study(study, folder / str(next(names)), dataset=data, execution=execution)
        trained[0] += sum(record.seconds for record in records.rounds)

    return timer(run, lambda: time.perf_counter() - trained[0])


CURVES = (
    Curve("samples", "an epoch of `fit`", SAMPLES, epoch),
    Curve("samples", "an active round's query (margin)", SAMPLES, querying),
    Curve("epochs", "the stopping rule's part in it", COUNTS, patience),
    Curve("rounds", "a study's time beside its training", (2, 20, 200, 2_000), beside_training),
    Curve("rounds", "adding a round", ROUNDS, adding, limit=0.25),
    Curve("rounds", "where a trial resumes", ROUNDS, resuming),
    Curve("rounds", "whether a study is complete", ROUNDS, asking_whether_complete),
    Curve("rounds", "summarizing ten trials", COUNTS, lambda rounds, folder: summarizing(10, rounds, folder)),
    Curve("trials", "what is left of a study", COUNTS, scheduling),
    Curve("trials", "reading results", COUNTS, reading),
    Curve("trials", "summarizing", COUNTS, lambda trials, folder: summarizing(trials, 3, folder)),
    Curve("trials", "writing a report", COUNTS, reporting),
)
