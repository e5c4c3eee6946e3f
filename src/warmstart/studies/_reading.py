"""What is in a study's directory, read without PyTorch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from warmstart.analysis import AutoSeeds, looks, read_seeds
from warmstart.basics import ACCURACY, InputError, Metric, checked_path, shown
from warmstart.store import StoredRound, StudyRecords, TrialStore, read_study_index

INDEX = "study.json"
_KEY = re.compile(r"[0-9a-f]{32}")


def has_study(directory: str | Path) -> bool:
    """Return whether a directory contains a study, complete or not."""
    return (Path(directory) / INDEX).exists()


def store_of(directory: Path, index: Mapping[str, Any]) -> TrialStore:
    """Return the store of a study's trials: in its directory, or in one of those around it."""
    return TrialStore(directory / index.get("store", "."))


def read_index(directory: Path) -> dict[str, Any] | None:
    """Return what the study in a directory consists of; None where there is none.

    Raises:
        InputError: If the file is damaged, or its values are not those of an index: it could lead to any file.
    """
    index = read_study_index(directory)
    if index is None:
        return None
    problem = next(_problems(index), None)
    if problem is not None:
        raise InputError(
            f"{shown(directory / INDEX)} is damaged ({problem}); delete it and run the study in this directory again: "
            "its trials are stored apart and are kept."
        )
    return index


def _problems(index: Any) -> Iterator[str]:
    """Yield what is wrong with an index, in words."""
    if not isinstance(index, dict):
        yield "it is no table"
        return
    kinds = {"study": dict, "labels": list, "rounds_expected": int, "data": dict, "keys": dict}
    wrong = [name for name, kind in kinds.items() if not isinstance(index.get(name), kind)]
    if wrong:
        yield f"{wrong[0]}: {shown(repr(index.get(wrong[0])))}"
        return
    study, keys, data = index["study"], index["keys"], index["data"]
    try:
        seeds = read_seeds(study.get("seeds"))
    except InputError:
        yield f"seeds: {shown(repr(study.get('seeds')))}"
        return
    most = seeds.max if isinstance(seeds, AutoSeeds) else seeds
    if not isinstance(data.get("fingerprint"), str):
        yield f"fingerprint: {shown(repr(data.get('fingerprint')))}"
    if set(map(str, index["labels"])) != set(keys):
        yield "labels and keys differ"
    for label, of_seeds in keys.items():
        if not isinstance(of_seeds, list) or len(of_seeds) != most:
            yield f"keys of {shown(label)}: there must be one for each seed"
        elif not all(isinstance(key, str) and _KEY.fullmatch(key) for key in of_seeds):
            yield f"keys of {shown(label)}: they must be 32 hexadecimal digits"
    store = index.get("store", ".")
    if not isinstance(store, str) or set(store.split("/")) - {".", ".."}:
        yield f"store: {shown(repr(store))}"


def read_study(directory: str | Path) -> StudyRecords:
    """Return the results in a study's directory, complete or not; also from media that cannot be written.

    Raises:
        InputError: If the directory contains no study, or a file in it is damaged.
    """
    folder = checked_path("directory", directory)
    index = read_index(folder)
    if index is None:
        raise InputError(f"{shown(folder)} must be a directory with a study's results, but there is no {INDEX} in it.")
    return records_of(folder, index)


def records_of(directory: Path, index: Mapping[str, Any]) -> StudyRecords:
    """Return the results of the study that an index describes.

    Where results decided how many seeds there are, those of the seeds that count: others may be stored, which were
    under way at the time, or belong to another study.

    Raises:
        InputError: If a trial's file is damaged.
    """
    rounds_found = _rounds(store_of(directory, index), index)
    metrics = [stored.history["metric"] for _, stored in rounds_found if "metric" in stored.history]
    metric = Metric(**metrics[0]) if metrics else ACCURACY
    seeds, arms, rounds = read_seeds(index["study"]["seeds"]), tuple(index["labels"]), index["rounds_expected"]
    if isinstance(seeds, AutoSeeds):
        last = {
            (label, stored.record.seed): stored.record.score
            for label, stored in rounds_found
            if stored.record.round == rounds
        }
        seeds = next((look.seeds for look in looks(seeds, last, arms, metric) if look.is_last), seeds.max)
        rounds_found = [(label, stored) for label, stored in rounds_found if stored.record.seed < seeds]
    return StudyRecords(
        study=index["study"],
        arms=arms,
        rounds_expected=rounds,
        seeds_expected=seeds,
        rounds=tuple(replace(stored.record, arm=label) for label, stored in rounds_found),
        data=index["data"],
        provenance=_merged([stored.run for _, stored in rounds_found]),
        metric=metric,
    )


def read_histories(directory: str | Path) -> dict[tuple[str, int, int], Mapping[str, Any]]:
    """Return what is known of every finished round's epochs, by arm, seed and round.

    Each has ``columns`` and ``epochs``, ``readings`` where there were measurements, and ``notes`` where training left
    any.

    Raises:
        InputError: If a file is damaged.
    """
    folder = Path(directory)
    index = read_index(folder) or {"keys": {}}
    rounds_found = _rounds(store_of(folder, index), index)
    return {(label, stored.record.seed, stored.record.round): stored.history for label, stored in rounds_found}


def _rounds(store: TrialStore, index: Mapping[str, Any]) -> list[tuple[str, StoredRound]]:
    """Return a study's finished rounds with the labels that it gives them, by seed, arm and round."""
    rounds_found = []
    seeds = max((len(keys) for keys in index["keys"].values()), default=0)
    for seed in range(seeds):
        for label, keys in sorted(index["keys"].items()):
            trial = store.read(keys[seed])
            rounds_found += [(label, stored) for stored in (() if trial is None else trial.rounds)]
    return rounds_found


def _merged(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the last run's provenance; where those of other rounds differ, with what theirs were."""
    if not runs:
        return {}
    # By time, not by trial: another process may have run the first ones last.
    distinct = sorted({id(run): run for run in runs}.values(), key=lambda run: str(run.get("created", "")))
    last = dict(distinct[-1])
    for key in last:
        values = list(dict.fromkeys(str(run.get(key, "unknown")) for run in distinct if key != "created"))
        if len(values) > 1:
            last[key] = ", then ".join(values)
    return last
