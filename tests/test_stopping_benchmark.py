"""The comparison of stopping rules works at its smallest, and its page agrees with its file."""

import json
from pathlib import Path

import pytest
import torch

import stopping
import warmstart as ws
from warmstart.training import EarlyStopping

ROOT = Path(__file__).parents[1]
RESULT = json.loads((ROOT / "benchmarks/results/stopping.json").read_text())
PAGE = (ROOT / "docs/stopping.md").read_text()


@pytest.fixture(scope="module")
def found():
    return stopping.rules(*stopping.noisy(0, 60), 0)


def test_every_rule_is_run(found):
    assert len(found) == 2 + len(stopping.PATIENCE) * len(stopping.VALIDATION)
    assert all(set(numbers) == {"accuracy", "log loss", "steps"} for numbers in found.values())


def test_what_is_read_from_a_longer_run_is_what_a_run_of_its_own_gives(found):
    train, held_out = stopping.noisy(0, 60)
    stop = ws.StoppingRule(validation_patience=3, max_epochs=200, early_stopping=EarlyStopping.ON, validation=0.2)
    learner = ws.Classifier(ws.MLP(), stop=stop)
    known, tested = learner.prepared([train, held_out], train)
    model = learner.build(known, 0)
    rows = torch.arange(60)
    round = stopping.Round(1, 0, known, rows, rows, stopping.RoundContext())
    learner.train(model, round)
    alone = learner.evaluate(model, tested.of_classes(2))
    assert found["patience 3, 20% apart"]["accuracy"] == alone.score
    assert found["patience 3, 20% apart"]["log loss"] == alone.metrics["loss"]
    assert found["patience 3, 20% apart"]["steps"] == round.counts["steps"]


def test_a_finished_data_set_is_not_run_again(tmp_path, monkeypatch, capsys):
    file = tmp_path / "found.json"
    arguments = ["--seeds", "2", "--share", "0.02", "--json", str(file)]
    stopping.main(arguments)
    shown = capsys.readouterr().out
    monkeypatch.setattr(stopping, "rules", None)
    stopping.main(arguments)
    assert capsys.readouterr().out == shown[shown.index("\n\n") + 1 :]


@pytest.mark.parametrize("name", [name for name, _, _ in stopping.TABLES])
def test_the_page_has_the_tables_of_its_file(name):
    factor, form = next(each[1:] for each in stopping.TABLES if each[0] == name)
    assert stopping.markdown(RESULT["results"], name, factor, form) in PAGE
    assert "benchmarks/results/stopping.json" in PAGE
