"""Small retraining projects that add and update in a moment, and what must be equal in two of them."""

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd

from warmstart.retrain import Retrainer
from warmstart.retrain._ledger import LEDGER, Ledger
from warmstart.retrain._objects import POINTER, WORK
from warmstart.retrain._settings import read_project, write_project

TABLES = {
    "data": {"label": "y", "key": "id"},
    "model": {"name": "logistic"},
    "recipe": {"learning-rate": 0.5, "batch-size": 16},
    "stop": {"max-epochs": 2, "early-stopping": "off"},
}
SETTINGS = {"holdout": 0.3, "tolerance": 0.3}
"""So that a few hundred rows are enough to promote."""
# What two runs of the same commands may differ in.
_TIMES = {
    *("time", "token", "owner", "started", "ended", "created", "received", "seconds", "sent", "promoted", "since"),
    *("requested", "due"),
}


def arrival(number, rows=120, *, flipped=False, labels=("no", "yes")):
    """A table of three numbers, of which the first decides the class; ``flipped``: the other way round."""
    draw = np.random.default_rng(number)
    inputs = draw.normal(size=(rows, 3))
    is_second = (inputs[:, 0] + 0.1 * draw.normal(size=rows) > 0) != flipped
    columns = {name: inputs[:, index] for index, name in enumerate("abc")}
    keys = [f"{number}-{row}" for row in range(rows)]
    return pd.DataFrame({**columns, "y": np.where(is_second, labels[1], labels[0]), "id": keys})


def project(directory, *, settings=None, salt="a salt that is always the same", **tables):
    """Make a project whose rows fall on the same sides every time."""
    return Retrainer.create(
        directory,
        settings={**SETTINGS, **(settings or {})},
        tables={name: table for name, table in {**TABLES, **tables}.items() if table is not None},
        salt=salt,
    )


def each_night(made, *frames):
    """Add frames one by one, each with an update, and return the results."""
    results = []
    for frame in frames:
        made.add(frame)
        results.append(made.update())
    return results


def change(made, **tables):
    """Change the tables of a project, as in an editor."""
    now = read_project(made.directory)
    write_project(made.directory, now.settings, {**now.tables, **tables})


def models(made):
    """Return the models of a project, oldest first."""
    with Ledger.open(made.directory / LEDGER) as ledger:
        return ledger.models()


def _without_times(value):
    if isinstance(value, dict):
        return {name: _without_times(each) for name, each in value.items() if name not in _TIMES}
    return [_without_times(each) for each in value] if isinstance(value, list) else value


def ledger_content(directory):
    """All rows of all tables, by table, without what a clock or a process id decides."""
    with closing(sqlite3.connect(directory / LEDGER)) as ledger:
        ledger.row_factory = sqlite3.Row
        names = [row[0] for row in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        found = {}
        for table in names:
            rows = [dict(row) for row in ledger.execute(f"SELECT * FROM {table}")]
            for row in rows:
                for column, value in row.items():
                    if isinstance(value, str) and value.startswith(("{", "[")):
                        row[column] = json.loads(value)
            found[table] = [_without_times(row) for row in rows if row.get("name") != "created"]
        # Said by one that is run again, after an interruption at its end.
        del found["sqlite_sequence"]
        found["event"] = [one for one in found["event"] if not one["text"].startswith("Forgot 0 rows")]
    return found


def files_of(directory):
    """The SHA-256 of every file by its name, but of the ledger, the locks and what is in work."""
    found = {}
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory)
        if path.is_file() and name.parts[0] not in (LEDGER, WORK) and not name.name.startswith("."):
            content = path.read_bytes()
            if name.name == POINTER:
                pointer = json.loads(content)
                content = json.dumps(_without_times(pointer), sort_keys=True).encode()
            found[name.as_posix()] = hashlib.sha256(content).hexdigest()
    return found


def assert_same(directory, expected):
    """Fail unless two projects have the same ledger, the same files, and no drafts."""
    left, right = ledger_content(directory), ledger_content(expected)
    for table in right:
        odd = [row for row in left[table] + right[table] if row not in left[table] or row not in right[table]]
        assert left[table] == right[table], (table, odd)
    files, others = files_of(directory), files_of(expected)
    assert files == others, sorted({name for name, _ in files.items() ^ others.items()})
    left_behind = [path for path in directory.rglob("*") if path.suffix in (".part", ".sqlite-journal")]
    assert not left_behind, left_behind


def copy(directory, to):
    """Copy a project, in place of what is there, and return it as one."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(directory, to)
    return Retrainer(to)
