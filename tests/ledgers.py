"""Ledgers of retraining projects, filled by hand: arrivals, rounds and models without any training."""

import hashlib

from warmstart.retrain._ledger import LEDGER, ArrivalRow, Ledger, ModelRow, RoundRow, SampleRow
from warmstart.retrain._objects import draft_file, file_digest, store_object
from warmstart.retrain._settings import RetrainSettings, write_project

TIME = "2026-01-01T00:00:00+00:00"


def digest(text):
    return hashlib.sha256(str(text).encode()).hexdigest()


def sample(arrival, row, key=None, side="train", label="a", **options):
    key = key or f"{arrival}/{row}"
    return SampleRow(arrival, row, key, key, side, label, **options)


def arrival(number, *, rows=0, state="accepted", object_id=None, size=0):
    labelled = rows
    content = digest(f"content {number}")
    return ArrivalRow(
        *(object_id or digest(number), number, state, content, f"{number}.csv", rows, labelled, 1, size, TIME)
    )


def finished_round(number, *, state="kept", arrivals=None):
    latest = number if arrivals is None else arrivals
    ended = None if state in ("open", "trained", "judged") else TIME
    return RoundRow(number, f"token {number}", {"pid": 1}, state, {"arm": "warm"}, latest, TIME, ended=ended)


def model(name, number, *, state="undecided", start=None, size=0, strategy="warm"):
    manifest, cost = {"classes": ["a", "b"]}, {"steps": 10}
    return ModelRow(name, number, strategy, start, 0, number, manifest, cost, "plateau", state, size, TIME)


def new_object(directory, kind, content):
    """Store an object and return its id and its size."""
    with draft_file(directory, "new") as draft:
        draft.write_bytes(content)
        name = file_digest(draft)
        store_object(directory, kind, draft, name)
    return name, len(content)


def project(directory, *, promoted=("A", "B", "C"), arrivals=3):
    """Make a project in which each round has promoted a model that continues the one before; return their ids."""
    write_project(directory, RetrainSettings(), {})
    names = []
    with Ledger.create(directory / LEDGER) as ledger, ledger.transaction():
        for number in range(1, arrivals + 1):
            name, size = new_object(directory, "arrivals", f"arrival {number}".encode())
            ledger.insert(arrival(number, rows=4, object_id=name, size=size))
            ledger.add_samples([sample(number, row, side="holdout" if row == 0 else "train") for row in range(4)])
        for number, text in enumerate(promoted, 1):
            name, size = new_object(directory, "models", f"model {text}".encode())
            start = names[-1] if names else None
            ledger.insert(finished_round(number, state="promoted"))
            ledger.join(number, number, 30)
            ledger.insert(model(name, number, state="candidate", start=start, size=size))
            ledger.promote(name, kind="gate", reason="better", round_number=number, as_anchor=True)
            names.append(name)
    return names
