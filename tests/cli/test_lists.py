"""The lists of names as JSON, and the version."""

import importlib.metadata
import json

import pytest

from warmstart.cli._catalogue import CATALOGUES
from warmstart.cli._main import run
from warmstart.data import known_datasets
from warmstart.paper import known_experiments
from warmstart.specs import KINDS


@pytest.mark.parametrize("command", [command.name for command in CATALOGUES])
def test_a_list_is_json_where_that_is_asked_for(command, capsys):
    assert run([command, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows
    assert all(set(row) == {"name", "summary", "origin", "options"} and row["summary"] for row in rows)
    known = {
        "datasets": {entry.name for entry in known_datasets()},
        **{f"{kind.name}s".replace("ys", "ies"): set(kind.known()) for kind in KINDS},
    }
    assert {row["name"] for row in rows} >= known[command]


def test_what_is_listed_leads_to_its_class_and_its_defaults(capsys):
    assert run(["strategies", "--json"]) == 0
    (found,) = (row for row in json.loads(capsys.readouterr().out) if row["name"] == "shrink-perturb")
    assert found["origin"] == "warmstart.strategies:ShrinkPerturb"
    assert found["options"]["shrink"] == "0.4"
    assert run(["penalties", "--json"]) == 0
    (needed,) = (row for row in json.loads(capsys.readouterr().out) if row["name"] == "l2")
    assert needed["options"]["strength"] is None


def test_the_papers_experiments_are_listed_as_json(tmp_path, capsys):
    assert run(["paper", "list", "--json", "--out", str(tmp_path / "none")]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["id"] for row in rows] == list(known_experiments())
    assert {row["stored"] for row in rows} == {"not run"}
    assert all(row["question"] and row["full_scale"] for row in rows)


@pytest.mark.parametrize("flag", ["-V", "--version"])
def test_the_version_is_that_of_the_package(flag, capsys):
    assert run([flag]) == 0
    assert capsys.readouterr().out == f"warmstart, version {importlib.metadata.version('warmstart')}\n"
