import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest

from simulated_projects import made
from warmstart.analysis._summary import Summary, summarize
from warmstart.basics import Metric
from warmstart.reports import study_document
from warmstart.reports._html import as_html
from warmstart.reports.retrain._document import retrain_document
from warmstart.retrain import read_report_data
from warmstart.store._records import RoundRecord, StudyRecords

ARMS = ("cold", "warm", "shrink-perturb:shrink=0.6")


@dataclass(frozen=True)
class Character:
    """How one strategy behaves: its final accuracy below cold's, and its steps in later rounds as a share of cold's."""

    gap: float
    effort: float
    noise: float = 0.006


CHARACTERS = {ARMS[0]: Character(0, 1), ARMS[1]: Character(0.021, 0.3), ARMS[2]: Character(0.001, 0.6)}


def _record(arm: str, seed: int, number: int, rounds: int) -> RoundRecord:
    character = CHARACTERS.get(arm, Character(0.005, 0.5))
    shared, own = Random(f"{seed}"), Random(f"{arm} {seed} {number}")
    seen = 1198 * number // rounds
    gap = character.gap * (number > 1)
    accuracy = 0.99 - 0.45 * math.exp(-seen / 350) + shared.gauss(0, 0.012) - gap + own.gauss(0, character.noise)
    epochs = round((14 + own.randint(-2, 2)) * (character.effort if number > 1 else 1)) + 1
    steps, limit = epochs * math.ceil(seen / 64), arm == "warm" and own.random() < 0.1
    return RoundRecord(
        arm=arm,
        seed=seed,
        round=number,
        samples_seen=seen,
        samples_trained_on=seen,
        score=min(1.0, round(accuracy * 597) / 597),
        metrics={"loss": 0.4 - accuracy / 3},
        train_score=0.95 if limit else 0.992,
        stop_reason="limit" if limit else "converged",
        epochs=epochs,
        steps=steps,
        samples=epochs * seen,
        tokens=None,
        flops=epochs * seen * 6.1e5,
        seconds=0.011 * steps * own.uniform(0.9, 1.3),
    )


def make_records(
    *,
    arms: tuple[str, ...] = ARMS,
    seeds: int = 8,
    rounds: int = 4,
    keep: int | None = None,
    change: Callable[[RoundRecord], RoundRecord] = lambda record: record,
) -> StudyRecords:
    finished = [
        change(_record(arm, seed, number, rounds))
        for seed in range(seeds)
        for arm in arms
        for number in range(1, rounds + 1)
    ]
    return StudyRecords(
        study={
            "data": {"name": "digits", "subset": None},
            "model": {"name": "mlp", "hidden": [100, 100]},
            "stream": {"name": "growing", "rounds": rounds},
            "recipe": {"optimizer": "sgd", "learning_rate": 0.1, "batch_size": 64, "augment": False},
            "stop": {"train_accuracy": 0.99, "cap_epochs": 350},
            "strategies": list(arms),
            "seeds": seeds,
        },
        arms=arms,
        rounds_expected=rounds,
        seeds_expected=seeds,
        rounds=tuple(finished[:keep]),
        data={
            "name": "digits",
            "train_samples": 1797,
            "fit_samples": 1198,
            "evaluation_samples": 597,
            "evaluate": "holdout",
            "classes": [str(digit) for digit in range(10)],
            "input_shape": [1, 8, 8],
            "fingerprint": "6f9c" * 16,
        },
        provenance={"version": "0.1.0", "created": "2025-06-01T12:00:00+00:00", "torch": "2.6.0", "workers": 2},
    )


def lose(record: RoundRecord) -> RoundRecord:
    """Let the warm trials of the first two seeds diverge in the last of four rounds."""
    lost = record.arm == "warm" and record.seed < 2 and record.round == 4
    return replace(record, score=None, metrics={}, stop_reason="diverged") if lost else record


def lose_all(record: RoundRecord) -> RoundRecord:
    return replace(record, score=None, metrics={}, stop_reason="diverged")


def measured(record: RoundRecord) -> RoundRecord:
    """Add what is measured on a table of two classes in time order, of which there are five rounds at least."""
    noise = Random(f"{record.arm} {record.seed} {record.round}").gauss(0, 0.01)
    effort, first, last = CHARACTERS.get(record.arm, Character(0, 1)).effort, record.round == 1, record.round == 5
    score = record.score or 0.0
    return replace(
        record,
        metrics={"loss": 0.4 - score / 3, "balanced_accuracy": score - 0.1, "recall: no": score, "recall: yes": 0.5},
        churn=None if first else 0.1 * effort + noise,
        negative_flips=None if first else 0.04 * effort + noise / 3,
        next_score=None if last else score - 0.08 + noise,
        baselines={
            "majority": {"accuracy": 0.731, "balanced_accuracy": 0.5, "loss": 0.58},
            "persistence": {"accuracy": 0.852, "balanced_accuracy": 0.84},
        },
        next_baselines={} if last else {"majority": 0.72 + noise, "persistence": 0.84 + noise},
    )


def arrivals_records(*, rounds: int = 5, **options) -> StudyRecords:
    """Records with all that is measured, and with data that say what they are."""
    records = make_records(rounds=rounds, change=measured, **options)
    data = {**records.data, "name": "churn", "classes": ["yes", "no"], "class_counts": {"yes": 269, "no": 731}}
    notes = ["Columns turned to numbers: contract ('monthly' in row 2)."]
    return replace(records, data={**data, "notes": notes})


def alike(record: RoundRecord) -> RoundRecord:
    """Let every strategy do what cold does."""
    twin = _record("cold", record.seed, record.round, 4)
    return replace(twin, arm=record.arm, seconds=record.seconds)


STUDIES: dict[str, Callable[[], StudyRecords]] = {
    "four rounds": make_records,
    "two rounds": lambda: make_records(rounds=2),
    "one round": lambda: make_records(rounds=1),
    "one seed": lambda: make_records(seeds=1),
    "one strategy": lambda: make_records(arms=("cold",)),
    "no cold": lambda: make_records(arms=("warm", "l2-init")),
    "diverged": lambda: make_records(change=lose),
    "all lost": lambda: make_records(arms=("cold", "warm"), change=lose_all),
    "unfinished": lambda: make_records(keep=37),
    "nothing yet": lambda: make_records(keep=0),
    "odd labels": lambda: make_records(arms=("cold", "</script><b>|x", "warm [bold]*_`")),
    "arrivals": arrivals_records,
    "130 arrivals": lambda: arrivals_records(arms=("cold", "warm"), seeds=3, rounds=130),
    "alike": lambda: make_records(change=alike),
    "many": lambda: make_records(arms=("cold", *(f"shrink-perturb:shrink=0.{n}" for n in range(1, 9)))),
}


@pytest.fixture(scope="session")
def make_summary() -> Callable[..., Summary]:
    return lambda **options: summarize(make_records(**options))


@pytest.fixture(scope="session")
def make_arrivals() -> Callable[..., StudyRecords]:
    return arrivals_records


@pytest.fixture(scope="session")
def summary_of() -> Callable[[str], Summary]:
    return lambda name: summarize(STUDIES[name]())


@pytest.fixture(scope="session")
def summary(summary_of: Callable[[str], Summary]) -> Summary:
    return summary_of("four rounds")


@pytest.fixture(params=list(STUDIES))
def any_summary(request: pytest.FixtureRequest, summary_of: Callable[[str], Summary]) -> Summary:
    return summary_of(request.param)


@pytest.fixture(scope="session")
def page_of(summary_of: Callable[[str], Summary]) -> Callable[[str], str]:
    """Return the page of a study by its name; a page is made once, because bundling its scripts takes a second."""
    return functools.cache(lambda name: as_html(study_document(summary_of(name))))


@pytest.fixture(scope="session")
def rmse_summary() -> Summary:
    """A study whose scores are errors in a unit, and which counted neither steps nor operations."""
    records = make_records()
    rounds = tuple(replace(one, score=3 - 2 * (one.score or 0), steps=None, flops=None) for one in records.rounds)
    return summarize(replace(records, rounds=rounds, metric=Metric("rmse", "°C", higher_is_better=False)))


@pytest.fixture(scope="session")
def project_of(tmp_path_factory) -> Callable[[str], Path]:
    """Return the folder of a made-up retraining project by its name; do not change it."""
    return functools.cache(lambda name: made(name, tmp_path_factory.mktemp("project")))


@pytest.fixture(scope="session")
def project_page(project_of) -> Callable[[str], str]:
    """Return the page of a made-up retraining project by its name."""
    return functools.cache(lambda name: as_html(retrain_document(read_report_data(project_of(name))), has_images=False))
