"""Small stores of trials for tests."""

import hashlib
from contextlib import contextmanager

from warmstart.store import RoundRecord, TrialStore, checkpoint_file

KEY, OTHER = "0123456789abcdef" * 2, "f" * 32
HEADER = {"strategy": "warm", "seed": 3, "lr": 0.1}
RUN = {"version": "1", "device": "cpu"}
HISTORY = {"columns": ["steps", "train_loss"], "epochs": [[2, 0.5], [4, 0.25]]}
_VALUES = {
    "arm": "warm",
    "seed": 3,
    "samples_seen": 20,
    "samples_trained_on": 10,
    "score": 1 / 3,
    "metrics": {"loss": 0.1 + 0.2},
    "train_score": 0.99,
    "stop_reason": "converged",
    "epochs": 2,
    "steps": 4,
    "samples": 40,
    "tokens": None,
    "flops": 1e6,
    "seconds": 0.25,
}


def record(number, **changes):
    return RoundRecord(**{**_VALUES, "round": number, **changes})


def write_checkpoint(directory, key, number, content=None):
    """Write a file in a checkpoint's place, and return its digest."""
    path = directory / checkpoint_file(key, number)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content or f"round {number}".encode())
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def writing(directory, key=KEY, **options):
    store = TrialStore(directory)
    with store.lock(key):
        yield store.open(key, HEADER, **options)


def add_rounds(directory, *numbers, key=KEY, run=RUN, checkpoints=True, **options):
    with writing(directory, key, **options) as writer:
        for number in numbers:
            digest = write_checkpoint(directory, key, number) if checkpoints else None
            writer.append(record(number), history=HISTORY, run=run, checkpoint_digest=digest, content=f"{key} {number}")


def log_path(directory, key=KEY):
    return directory / "trials" / f"{key}.jsonl"


def checkpoints(directory, key=KEY):
    return sorted(path.name for path in (directory / "checkpoints" / key).glob("*"))
