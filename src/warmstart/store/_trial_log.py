"""A trial's file: a header, and one line per finished round.

The lines are JSON, each sealed with a digest that is chained to the line before::

    {"format": 2, "header": {...}, "digest": ...}
    {"run": {...}, "digest": ...}                       provenance of the rounds that refer to it by its number
    {"round": {...}, "history": {...}, "checkpoint": ..., "content": ..., "run": 0, "digest": ...}
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warmstart.basics import InputError, printable, shown

from ._lines import check_format, unseal
from ._records import STOP_REASONS, RoundRecord
from ._storage import CHECKPOINT, CHECKPOINTS

_TEXTS = ("arm",)
_COUNTS = ("seed", "samples_seen", "samples_trained_on", "epochs")
_OPTIONAL_COUNTS = ("steps", "samples", "tokens")
_SCORES = ("score", "train_score", "next_score")
_SHARES = ("churn", "negative_flips")


@dataclass(frozen=True)
class StoredRound:
    """A finished round and all that is stored of it.

    Attributes:
        record: Its results.
        history: Its epochs, measurements and notes, as plain values.
        checkpoint: File for the next round, relative to the store's directory; None if there was no model to pass on.
            Only those of the last round, and of the first where it was kept, still exist.
        checkpoint_digest: SHA-256 of that file.
        content: Digest of all that decides the round, by which equal rounds of other trials are found; None: not given.
        run: Provenance of the process that added it.
    """

    record: RoundRecord
    history: dict[str, Any]
    checkpoint: str | None
    checkpoint_digest: str | None
    content: str | None
    run: Mapping[str, Any]


@dataclass(frozen=True)
class StoredTrial:
    """What is stored of a trial.

    Attributes:
        key: Of the trial.
        header: What describes it.
        rounds: The finished ones in order, from round 1 without gaps; at least one.
        runs: Provenance of every process that added rounds, each once, in order.
    """

    key: str
    header: dict[str, Any]
    rounds: tuple[StoredRound, ...]
    runs: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class TrialLog:
    """A trial's file as it was read, and what a writer must know to append to it.

    Attributes:
        trial: The content.
        runs: Provenance by number, also where no round refers to it.
        digest: Of the last complete line.
        size: Bytes up to its end; what follows was cut off when it was written.
    """

    trial: StoredTrial
    runs: tuple[Mapping[str, Any], ...]
    digest: str
    size: int


def checkpoint_file(key: str, number: int) -> str:
    """Return the name of the file with what the round passes to the next one, relative to the store's directory.

    Example:
        >>> checkpoint_file("0" * 32, 3)
        'checkpoints/00000000000000000000000000000000/round-0003.safetensors'
    """
    return f"{CHECKPOINTS}/{key}/round-{number:04d}{CHECKPOINT}"


def damage(path: Path, what: str) -> InputError:
    """Return the error that says what is wrong with a trial's file, and the way out."""
    return InputError(
        f"{printable(str(path))} is damaged ({what}); restore it from a copy, or delete it to train this trial again."
    )


def parse_log(content: bytes, path: Path, key: str) -> TrialLog:
    """Return what a trial's file says.

    Args:
        content: Of the file. A last line without an end was cut off by a kill or a full disk, and is left out.
        path: Of the file, for messages.
        key: Of the trial; the chain of digests begins with it, so that a file of another trial is none of this one.

    Raises:
        InputError: If the file is damaged, or a later version has written it.
    """
    *lines, tail = content.split(b"\n")
    digest, header = key, {}
    runs: list[Mapping[str, Any]] = []
    rounds: list[StoredRound] = []
    if lines:
        check_format(lines[0], path)
    for number, line in enumerate(lines, 1):
        try:
            values, digest = unseal(line + b"\n", digest)
            if number == 1:
                header = _typed(values, "header", dict)
            elif "round" in values:
                rounds.append(_parse_round(values, len(rounds) + 1, runs, key))
            else:
                runs.append(_typed(values, "run", dict))
        except (ValueError, TypeError) as error:
            raise damage(path, f"line {number}, round {len(rounds) + 1}: {error}") from error
    # The file is made with its first round in it, so one without is no trial that has just begun.
    if not rounds:
        raise damage(path, "it ends before its first round")
    used = tuple(run for run in runs if any(found.run is run for found in rounds))
    return TrialLog(StoredTrial(key, header, tuple(rounds), used), tuple(runs), digest, len(content) - len(tail))


def _parse_round(values: dict[str, Any], number: int, runs: list[Mapping[str, Any]], key: str) -> StoredRound:
    record = _typed(values, "round", dict)
    check_record(record, number)
    run, checkpoint = _typed(values, "run", int), _typed(values, "checkpoint", str | None)
    if not 0 <= run < len(runs):
        raise ValueError(f"run must be the number of a run above, got {run}")
    return StoredRound(
        record=RoundRecord(**record),
        history=_typed(values, "history", dict),
        # Made, not read: a name in the file could lead anywhere.
        checkpoint=None if checkpoint is None else checkpoint_file(key, number),
        checkpoint_digest=checkpoint,
        content=_typed(values, "content", str | None),
        run=runs[run],
    )


def _typed(values: dict[str, Any], name: str, kind: Any) -> Any:
    value = values.get(name)
    if not isinstance(value, kind):
        raise ValueError(f"{name} must be {getattr(kind, '__name__', kind)}, got {shown(repr(value))}")
    return value


def check_record(values: Mapping[str, Any], number: int) -> None:
    """Raise a ValueError unless these are the values of round ``number``; the reason as part of a sentence."""
    for name, allowed, fits in _requirements(values, number):
        if not fits:
            raise ValueError(f"{name} must be {allowed}, got {shown(repr(values.get(name)))}")


def _requirements(values: Mapping[str, Any], number: int) -> Iterator[tuple[str, str, bool]]:
    """Yield name, allowed values in words, and whether the value is one, of each field that is there."""
    yield "round", str(number), _is_count(values.get("round")) and values["round"] == number
    yield "stop_reason", " or ".join(STOP_REASONS), values.get("stop_reason") in STOP_REASONS
    seconds = values.get("seconds")
    yield "seconds", "a number of at least 0", seconds is not None and _is_number(seconds) and seconds >= 0
    flops = values.get("flops")
    yield "flops", "a number of at least 0, or null", flops is None or (_is_number(flops) and flops >= 0)
    metrics = values.get("metrics", {})
    # Not finite ones are left alone: a metric of the user's may be undefined on some data.
    are_numbers = isinstance(metrics, Mapping) and all(
        isinstance(name, str) and isinstance(value, int | float) for name, value in metrics.items()
    )
    yield "metrics", "numbers by name", are_numbers
    for name in values.keys() & {*_TEXTS}:
        yield name, "a text", isinstance(values[name], str)
    for name in values.keys() & {*_COUNTS}:
        yield name, "a whole number of at least 0", _is_count(values[name])
    for name in values.keys() & {*_OPTIONAL_COUNTS}:
        yield name, "a whole number of at least 0, or null", values[name] is None or _is_count(values[name])
    for name in values.keys() & {*_SCORES}:
        yield name, "a finite number, or null", values[name] is None or _is_number(values[name])
    for name in values.keys() & {*_SHARES}:
        value = values[name]
        yield name, "a number in [0, 1], or null", value is None or (_is_number(value) and 0 <= value <= 1)
    by_baseline, next_scores = values.get("baselines", {}), values.get("next_baselines", {})
    fits = isinstance(by_baseline, Mapping) and all(
        isinstance(name, str) and _are_numbers(metrics) for name, metrics in by_baseline.items()
    )
    yield "baselines", "finite numbers by metric, by baseline", fits
    yield "next_baselines", "finite numbers by baseline", _are_numbers(next_scores)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _are_numbers(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(name, str) and _is_number(value[name]) for name in value)
