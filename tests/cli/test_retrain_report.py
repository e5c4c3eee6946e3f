"""`warmstart retrain report`."""

import json

import pytest

from simulated_projects import made
from warmstart.cli._main import run


def test_it_writes_the_page_into_the_project(tmp_path, capsys):
    folder = made("one round", tmp_path)
    assert run(["retrain", "report", str(folder), "--json"]) == 0
    place = folder / "report" / "index.html"
    assert json.loads(capsys.readouterr().out) == {"html": str(place)}
    assert place.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_it_writes_the_page_where_it_is_wanted(tmp_path, capsys):
    folder, out = made("one round", tmp_path), tmp_path / "other.html"
    assert run(["retrain", "report", str(folder), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"Report: {out}\n"
    assert out.exists()
    assert not (folder / "report").exists()


@pytest.mark.parametrize("out", ["no such folder/page.html", "."])
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_read(tmp_path, capsys, out):
    assert run(["retrain", "report", str(tmp_path), "--out", str(tmp_path / out)]) == 2
    assert "--out must be a file in a writable directory" in capsys.readouterr().err


def test_without_a_project_the_way_out_is_named(tmp_path, capsys):
    assert run(["retrain", "report", str(tmp_path)]) == 2
    assert "warmstart retrain init" in capsys.readouterr().err
