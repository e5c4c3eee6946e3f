"""Costs of storing, scheduling, reading and reporting a study, as its rounds and trials grow."""

import time
from itertools import count
from pathlib import Path
from unittest import mock

import numpy as np

import warmstart as ws
from growth_curves import Action, Curve, timed
from warmstart.data import Dataset, LabelledArrays
from warmstart.reports import write_report
from warmstart.store import RoundRecord, TrialStore, TrialWriter, checkpoint_file, write_study_index
from warmstart.studies import is_complete, read_study
from warmstart.studies._keys import TrialKeys, trial_keys
from warmstart.studies._schedule import Schedule
from warmstart.studies._study import study_identity
from warmstart.trial import TrainOn

ONE = ws.Execution(workers=1, device="cpu")
ROUNDS = (20, 200, 2_000, 20_000)
ROUNDS_OF_TRIAL = 10
TIMES = 20
TRIALS = (10, 100, 1_000, 10_000)
HISTORY = {"columns": ["steps", "train_score", "train_loss"], "epochs": [[100, 0.123456, 0.123456789]] * 20}
RUN = {"created": "benchmark"}
DIGEST = "0" * 64  # of a checkpoint; only loading it compares the two


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
        arm=arm,
        seed=seed,
        round=number,
        samples_seen=seen,
        samples_trained_on=seen,
        score=0.9 + noise,
        metrics={"loss": 0.3 - noise},
        train_score=0.99,
        stop_reason="converged",
        epochs=9,
        steps=steps,
        samples=4500,
        tokens=None,
        flops=1e9,
        seconds=1 + noise,
    )


def adding(rounds: int, folder: Path) -> Action:
    """Add rounds to a trial that has so many."""
    study = study_of(2, rounds)
    store, key = stored(folder, study, rounds, rounds), keys_of(study).trials["cold"][0]
    store.lock(key)  # held by the store from here on; writing needs it
    writer, numbers = store.open(key, {}), count(rounds + 1)

    def add() -> None:
        for _ in range(TIMES):
            add_round(store, writer, key, record_of("cold", 0, next(numbers)))

    action = timed(add)
    return lambda: action() / TIMES


def resuming(rounds: int, folder: Path) -> Action:
    """Open a trial that has so many rounds, to append to it."""
    study = study_of(2, rounds)
    store, key = stored(folder, study, rounds, rounds), keys_of(study).trials["cold"][0]

    def resume() -> None:
        with store.lock(key):
            assert store.open(key, {}).rounds == rounds

    return timed(resume)


def asking_whether_complete(rounds: int, folder: Path) -> Action:
    study = study_of(rounds // ROUNDS_OF_TRIAL, ROUNDS_OF_TRIAL)
    stored(folder, study, ROUNDS_OF_TRIAL, ROUNDS_OF_TRIAL)

    def ask() -> None:
        assert is_complete(study, folder), "all rounds are stored"

    return timed(ask)


def scheduling(trials: int, folder: Path) -> Action:
    """Find out what is left of a study of which every trial has finished one round of three, and draw two trials."""
    study = study_of(trials, 3)
    store, keys = stored(folder, study, 3, 1), keys_of(study)

    def begin() -> None:
        heard = []
        schedule = Schedule(store, study, keys, dict.fromkeys(study.labels, (1, 2, 3)), RUN, 2, heard.append)
        assert heard[0].done == trials
        assert len(schedule.draw()) == 2
        schedule.close()

    return timed(begin)


def reading(trials: int, folder: Path) -> Action:
    stored(folder, study_of(trials, 3), 3, 3)
    return timed(lambda: read_study(folder))


def summarizing(trials: int, folder: Path) -> Action:
    stored(folder, study_of(trials, 3), 3, 3)
    records = read_study(folder)
    return timed(lambda: ws.summarize(records))


def summarizing_rounds(rounds: int, folder: Path) -> Action:
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
        "Every round costs the same, mostly the waits until its checkpoint and its results have reached the disk, and "
        "the counting of floating-point operations. A fixed cost of starting the study makes the curve begin flat.",
        (2, 20, 200, 2_000),
        beside_training,
    ),
    Curve(
        "rounds",
        "adding a round",
        "A line is appended to the trial's file, whatever its length; the rest is the wait for the disk.",
        ROUNDS,
        adding,
    ),
    Curve(
        "rounds",
        "where a trial resumes",
        "Each line of the trial's file is read and its digest is checked.",
        ROUNDS,
        resuming,
    ),
    Curve(
        "rounds",
        "whether a study is complete",
        f"The file of each trial, here with {ROUNDS_OF_TRIAL} rounds, is read, and each line's digest is checked. "
        "Settings, which are compared first, make the curve begin flat.",
        ROUNDS,
        asking_whether_complete,
    ),
    Curve(
        "rounds",
        "summarizing ten trials",
        "Each round's totals are those before it and its own.",
        (10, 100, 1_000, 10_000),
        summarizing_rounds,
    ),
    Curve(
        "trials",
        "what is left of a study",
        "The file of each trial is read once. Only as many trials as can run are locked and made tasks.",
        TRIALS,
        scheduling,
    ),
    Curve("trials", "reading results", "The file of each trial is read once.", TRIALS, reading, memory=True),
    Curve("trials", "summarizing", "Each round is read a fixed number of times.", TRIALS, summarizing, memory=True),
    Curve(
        "trials",
        "writing a report",
        "Charts have a limited number of points and take most of the time of a small study's report; only the JSON "
        "file contains every round.",
        TRIALS,
        reporting,
    ),
)
