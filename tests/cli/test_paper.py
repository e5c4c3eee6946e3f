"""`warmstart paper` as people meet it."""

import json

import pytest

from warmstart.cli._main import run
from warmstart.paper import known_experiments

TINY = ["--data", "digits", "--width", "2", "--scale", "0.1", "--seeds", "2", "--max-epochs", "1", "--workers", "1"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")


def paper(*arguments):
    return run(["paper", *arguments])


def test_list_names_every_experiment_with_its_cost_and_what_is_stored(capsys):
    assert paper("list") == 0
    shown = capsys.readouterr().out
    for experiment in known_experiments().values():
        assert experiment.id in shown
        assert experiment.title in shown
    assert "18 studies, 180 trials" in shown
    assert shown.count("not run") == len(known_experiments())


def test_show_tells_claims_and_studies(capsys):
    assert paper("show", "noise") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert known_experiments()["noise"].claims[0].text in shown
    assert "shrink-perturb:shrink=1:perturb=0.001:noise=gaussian" in shown


def test_run_writes_the_page_and_goes_on_where_it_was(tmp_path, capsys):
    assert paper("run", "every-step", *TINY, "--out", "found") == 0
    first = capsys.readouterr()
    assert "every-step" in first.out
    assert "10 % of the training data" in first.out
    for name in ("report.html", "report.md", "findings.json", "setting.json"):
        assert (tmp_path / "found" / name).stat().st_size > 0
    assert paper("run", "every-step", *TINY, "--out", "found") == 0
    assert "Loading" not in capsys.readouterr().err
    assert paper("list", "--out", "found") == 0
    assert "complete" in capsys.readouterr().out


def test_report_needs_no_training(tmp_path, capsys):
    paper("run", "every-step", *TINY, "--out", "found")
    (tmp_path / "found/report.md").unlink()
    assert paper("report", "--out", "found") == 0
    assert "every-step" in capsys.readouterr().out
    chapters = json.loads((tmp_path / "found/findings.json").read_text())["chapters"]
    states = {chapter["id"]: chapter["state"] for chapter in chapters}
    assert states["every-step"] == "complete"
    assert states["noise"] == "not run"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "figure-1"], "Unknown experiment 'figure-1'"),
        (["run", "ewc", "--scale", "0"], "scale must lie in (0, 1], got 0.0"),
        (["run", "ewc", "--scale", "many"], "scale must be a number, got many"),
        (["run", "ewc", "--seeds", "0"], "seeds must be a whole number of at least 1, got 0"),
        (["run", "ewc", "--width", "0"], "width must be a whole number of at least 1, got 0"),
        (["run", "ewc", "--only", "data"], "only must be KEY=VALUE"),
        (["run", "ewc", "--only", "data=svhn", *TINY], "only must leave at least one study"),
        (["run", "ewc", "--model", "vgg"], "Unknown model 'vgg'"),
        (["run", "ewc", "--data", "digits", "--model", "mlp:layers=0"], "layers must be"),
        (["report", "--out", "nowhere"], "nowhere must hold results of the paper's experiments"),
    ],
)
def test_bad_input_is_one_sentence(arguments, message, capsys, tmp_path):
    assert paper(*arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not (tmp_path / "runs").exists()


def test_another_setting_is_refused_and_nothing_is_lost(tmp_path, capsys):
    paper("run", "every-step", *TINY, "--out", "found")
    before = (tmp_path / "found/setting.json").read_text()
    assert paper("run", "every-step", *TINY, "--seeds", "3", "--out", "found") == 2
    assert "seeds is 2, not 3" in capsys.readouterr().err
    assert (tmp_path / "found/setting.json").read_text() == before


def test_a_model_of_anyones_takes_the_place_of_resnet(tmp_path):
    assert paper("run", "scale-control", *TINY, "--model", "mlp:width=8", "--out", "found") == 0
    assert json.loads((tmp_path / "found/setting.json").read_text())["model"]["name"] == "mlp"
