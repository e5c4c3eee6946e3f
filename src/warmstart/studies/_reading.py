"""What is in a study's directory, read without PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from warmstart.basics import InputError, StorageError, checked_path, shown
from warmstart.store import RESULTS, Store, StudyRecords


def read_study(directory: str | Path) -> StudyRecords:
    """Return the results in a study's directory, complete or not.

    Raises:
        InputError: If the directory holds no study.
    """
    store = Store(checked_path("directory", directory))
    if not store.exists():
        raise InputError(
            f"{shown(directory)} must be a directory with a study's results, but there is no {RESULTS} in it."
        )
    try:
        with store.kept_open():
            return _read(store)
    except InputError:
        raise
    except (StorageError, AttributeError, KeyError, TypeError, ValueError) as error:  # not all that is there is ours
        reason = shown(error.__cause__ or f"they are damaged, {type(error).__name__}: {error}")
        raise InputError(f"The results in {shown(directory)} cannot be read: {reason}.") from error


def _read(store: Store) -> StudyRecords:
    identity = store.entry("study")
    return StudyRecords(
        study=identity,
        arms=_labels(store, identity),
        rounds_expected=store.entry("rounds_expected"),
        seeds_expected=identity["seeds"],
        rounds=tuple(store.rounds()),
        data=store.entry("data"),
        provenance=_last_provenance(store),
    )


def _labels(store: Store, identity: dict[str, Any]) -> tuple[str, ...]:
    kept = store.entry("labels")
    if kept is None:
        # A store from before labels were kept: only the strategies themselves, which load PyTorch, know theirs.
        from ._study import study_from_dict

        return study_from_dict(identity).labels
    return tuple(kept)


def _last_provenance(store: Store) -> dict[str, Any]:
    """Return the last run's provenance; where earlier ones differ, with what theirs were."""
    runs = store.runs()
    if not runs:
        return {}
    last = dict(runs[-1])
    for key in last:
        values = list(dict.fromkeys(str(run.get(key, "unknown")) for run in runs if key != "created"))
        if len(values) > 1:
            last[key] = ", then ".join(values)
    return last
