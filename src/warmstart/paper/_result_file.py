"""Results of all experiments in one file, from which every table, chart and verdict is drawn again.

The file holds what was measured, per arm, seed and round, and nothing that was concluded from it: a rule that is mended
later, or a published number that is corrected, judges old results as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from warmstart.analysis import plain
from warmstart.basics import InputError, Metric, checked_path, shown, write_atomically
from warmstart.store import RoundRecord, StudyRecords
from warmstart.studies import study_digest, study_from_dict, study_identity

from ._registry import known_experiments
from ._setting_file import setting_from_table, setting_to_table
from .kit.experiment import Case, Experiment
from .kit.results import CaseResults, Results, Stored, results_of
from .kit.setting import Setting

SCHEMA: Final = "warmstart.paper-results/1"
"""Name and version of the file's form."""

# What is stored of a round. Scores are exact, since verdicts are drawn from them; readings and epochs are rounded.
_COLUMNS: Final = (
    "seed",
    "round",
    "samples_seen",
    "samples_trained_on",
    "score",
    "train_score",
    "stop_reason",
    "epochs",
    "steps",
    "samples",
    "flops",
    "seconds",
)
_READING: Final = ("seed", "round", "epoch", "steps", "value")


@dataclass(frozen=True, eq=False)
class ResultFile:
    """What a file of results holds.

    Args:
        path: Where it was read from, for messages.
        setting: The setting of the results.
        experiments: Studies of each experiment: facets, and the key of the study.
        studies: The studies by key, as the file has them.
    """

    path: Path
    setting: Setting
    experiments: Mapping[str, Sequence[Mapping[str, Any]]]
    studies: Mapping[str, Mapping[str, Any]]

    def results(self, experiment: Experiment) -> Results:
        """Return the results of an experiment, as this version declares it.

        Studies are found by their facets. One that an earlier version ran otherwise is used as it was run, if it has
        all the arms that are declared now; if none has, the results have none, and say why.
        """
        keys = {frozenset(entry["facets"].items()): entry["study"] for entry in self.experiments.get(experiment.id, ())}
        problems: list[str] = []

        def read(case: Case) -> Stored | None:
            key = keys.get(frozenset(case.facets.items()))
            try:
                return None if key is None else _stored(case, key, self.studies[key])
            except InputError as error:
                problems.append(str(error))
                return None

        results = results_of(experiment, self.setting, read)
        if results.cases or not keys:
            return results
        reason = problems[0] if problems else "none of its studies is declared any more"
        problem = f"not to be judged: {self.path.name} was written by a version that ran it otherwise ({reason})"
        return replace(results, problem=problem)


def write_result_file(found: Sequence[Results], file: str | Path) -> Path:
    """Write results of experiments, complete or not, into one file.

    Raises:
        InputError: If no round has finished, or the file cannot be written there.
    """
    path = checked_path("file", file)
    if path.is_dir():
        raise InputError(f"file must be a file to write, got the directory {shown(path)}.")
    if not any(results.rounds_finished for results in found):
        raise InputError("Nothing can be exported: no round of any experiment has finished.")
    experiments: dict[str, list[dict[str, Any]]] = {}
    studies: dict[str, CaseResults] = {}
    columns: dict[str, dict[str, None]] = {}
    for results in found:
        for case in results.cases:
            key = study_digest(case.study)
            experiments.setdefault(results.experiment.id, []).append({"facets": dict(case.facets), "study": key})
            # Experiments share studies, which then hold what any of them shows.
            studies.setdefault(key, case)
            columns.setdefault(key, {}).update(dict.fromkeys(results.experiment.epoch_columns))
    content = {
        "schema": SCHEMA,
        "setting": setting_to_table(found[0].setting),
        "experiments": experiments,
        "studies": {key: _study_table(case, list(columns[key])) for key, case in studies.items()},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_atomically(path, _text(plain(content)) + "\n")


def read_result_file(file: str | Path) -> ResultFile:
    """Read a file of results.

    Raises:
        InputError: If it is missing or damaged, or of another form.
    """
    path = checked_path("file", file)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != SCHEMA:
            raise InputError(f"{path} must have the schema {SCHEMA}, got {shown(content['schema'])}.")
        setting = setting_from_table(content["setting"])
        experiments, studies = content["experiments"], content["studies"]
        unknown = sorted(set(experiments) - set(known_experiments()))
        if unknown:
            raise InputError(f"{path} has results of unknown experiments: {', '.join(map(shown, unknown))}.")
        return ResultFile(path, setting, experiments, studies)
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} must hold results that 'warmstart paper export' wrote, but cannot be read: {shown(error)}."
        ) from error


def _study_table(case: CaseResults, columns: Sequence[str]) -> dict[str, Any]:
    records = case.records
    arms = {
        arm: {
            "rounds": _columns(records.rounds, arm),
            "readings": _readings(case, arm),
            "epochs": _epochs(case, arm, columns),
        }
        for arm in case.arms
    }
    return {
        "study": study_identity(case.study),
        "rounds_expected": records.rounds_expected,
        "seeds_expected": records.seeds_expected,
        "data": records.data,
        "metric": records.metric,
        "provenance": records.provenance,
        "arms": {arm: {name: part for name, part in parts.items() if part} for arm, parts in arms.items()},
    }


def _columns(rounds: Sequence[RoundRecord], arm: str) -> dict[str, list[Any]]:
    found = sorted((record for record in rounds if record.arm == arm), key=lambda record: (record.seed, record.round))
    table = {name: [getattr(record, name) for record in found] for name in _COLUMNS}
    return {**table, "seconds": list(map(_rounded, table["seconds"]))}


def _readings(case: CaseResults, arm: str) -> dict[str, dict[str, list[Any]]]:
    """Return the readings of an arm by name, one column each for seed, round, epoch, steps and value."""
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for (label, seed, number), history in sorted(case.histories.items()):
        for reading in history.get("readings", []) if label == arm else []:
            row = (seed, number, reading["epoch"], reading["steps"], _rounded(reading["value"]))
            rows.setdefault(reading["name"], []).append(row)
    return {name: dict(zip(_READING, map(list, zip(*found, strict=True)), strict=True)) for name, found in rows.items()}


def _epochs(case: CaseResults, arm: str, columns: Sequence[str]) -> dict[str, list[Any]]:
    """Return columns of the epochs' history of an arm: a list of values per seed and round."""
    limited = {(record.seed, record.round) for record in case.table.arm(arm) if record.stop_reason == "limit"}
    # Of a round that ended at its limit it is judged whether training accuracy was still rising.
    names = list(dict.fromkeys((*columns, "train_score")))
    table: dict[str, list[Any]] = {name: [] for name in ("seed", "round", *names)}
    for (label, seed, number), history in sorted(case.histories.items()):
        if label == arm and "columns" in history and (columns or (seed, number) in limited):
            table["seed"].append(seed)
            table["round"].append(number)
            for name in names:
                place = history["columns"].index(name)
                table[name].append([_rounded(row[place]) for row in history["epochs"]])
    return table if table["seed"] else {}


def _rounded(value: float | None) -> float | None:
    # Six digits, about those of float32, in which the values were computed.
    return None if value is None else float(f"{value:.6g}")


def _stored(case: Case, key: str, table: Mapping[str, Any]) -> Stored:
    """Return what is stored of a declared study.

    Raises:
        InputError: If they lack an arm that is declared, or name something that this version does not know.
    """
    study = case.study if study_digest(case.study) == key else study_from_dict(table["study"])
    missing = [label for label in case.study.labels if label not in study.labels]
    if missing:
        raise InputError(f"it lacks {', '.join(missing)}")
    arms = table["arms"]
    rounds = [
        RoundRecord(arm=arm, metrics={}, tokens=None, **record)
        for arm, parts in arms.items()
        for record in _rows(parts.get("rounds", {}))
    ]
    histories: dict[tuple[str, int, int], dict[str, Any]] = {}
    for arm, parts in arms.items():
        for name, readings in parts.get("readings", {}).items():
            for row in _rows(readings):
                history = histories.setdefault((arm, row.pop("seed"), row.pop("round")), {})
                history.setdefault("readings", []).append({"name": name, **row})
        for row in _rows(parts.get("epochs", {})):
            history = histories.setdefault((arm, row.pop("seed"), row.pop("round")), {})
            history.update(columns=list(row), epochs=list(map(list, zip(*row.values(), strict=True))))
    records = StudyRecords(
        study=table["study"],
        arms=study.labels,
        rounds_expected=table["rounds_expected"],
        seeds_expected=table["seeds_expected"],
        rounds=tuple(rounds),
        data=table["data"],
        provenance=table["provenance"],
        metric=Metric(**table["metric"]),
    )
    return study, records, histories


def _rows(columns: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def _text(value: Any, depth: int = 0) -> str:
    """Return JSON with a line per entry of a table and per column, so that versions of a file can be compared."""
    if not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    indent = " " * (depth + 1)
    lines = [f"{indent}{json.dumps(key, ensure_ascii=False)}: {_text(item, depth + 1)}" for key, item in value.items()]
    return "{\n" + ",\n".join(lines) + f"\n{' ' * depth}}}"
