"""Commands on a project that erase, map, replay and copy."""

import json

import pytest

from projects import customers, project
from warmstart.cli._main import run
from warmstart.retrain import load_champion


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return project(tmp_path_factory.mktemp("verbs") / "shop", arrivals=1, policy="warm")


def said(capsys):
    found = capsys.readouterr()
    return found.out + found.err


def test_a_champion_is_exported_and_served(made, tmp_path, capsys):
    assert run(["retrain", "export", str(made.directory), str(tmp_path / "out")]) == 0
    assert "model.safetensors: " in said(capsys)
    assert load_champion(tmp_path / "out").round == 1
    assert run(["retrain", "export", str(made.directory), str(tmp_path / "out")]) == 2
    assert "must be new or empty" in said(capsys)


def test_too_little_is_not_rehearsed(made, capsys):
    assert run(["retrain", "rehearse", str(made.directory), "--seeds", "2"]) == 2
    assert "at least 4 arrivals with labels" in said(capsys)
    assert run(["retrain", "rehearse", str(made.directory), "--workers", "0"]) == 2
    assert "workers must be" in said(capsys)


def test_columns_are_mapped_and_rows_forgotten(made, tmp_path, capsys):
    file = tmp_path / "map.toml"
    file.write_text('[rename]\nage = "years"\n')
    assert run(["retrain", "migrate", str(made.directory), "--map", str(file)]) == 0
    assert "features: years, use, pay" in said(capsys)
    assert run(["retrain", "migrate", str(made.directory), "--map", str(file)]) == 2
    assert "'age'" in said(capsys)
    keys = tmp_path / "keys.txt"
    keys.write_text("\n".join(customers()["customer"][:20]))
    assert run(["retrain", "forget", str(made.directory), "--key", str(keys), "--by", "soon"]) == 2
    assert "--by must be a time" in said(capsys)
    assert run(["retrain", "forget", str(made.directory), "--key", str(keys), "--by", "2h", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["keys"], found["rows"], found["unknown"], len(found["tainted"])) == (20, 20, 0, 1)
    assert run(["retrain", "status", str(made.directory)]) == 0
    assert "Deletion of 20 keys, to be done by" in said(capsys)
