"""`warmstart paper` as people meet it."""

import json
import shutil

import numpy as np
import pytest

from warmstart.basics import InputError
from warmstart.cli._main import run
from warmstart.paper import known_experiments
from warmstart.reports import _files

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


def test_show_lists_claims_and_studies(capsys):
    assert paper("show", "noise") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert known_experiments()["noise"].claims[0].text in shown
    assert "shrink-perturb:shrink=1:perturb=0.001:noise=gaussian" in shown


def test_run_writes_the_page_and_resumes(tmp_path, capsys):
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
        (["run", "ewc", "--only", "data=digit", *TINY], "Unknown data 'digit': did you mean 'digits'"),
        (["run", "ewc", "--only", "query=margin", *TINY], "Unknown facet 'query'"),
        (["run", "every-step", *TINY, "--out", "a-file"], "must be a directory, got a-file, which is a file"),
        (["run", "ewc", "--model", "vgg"], "Unknown model 'vgg'"),
        (["run", "ewc", "--data", "digits", "--model", "mlp:layers=0"], "layers must be"),
        (["report", "--out", "nowhere"], "nowhere must contain results of the paper's experiments"),
    ],
)
def test_bad_input_is_one_sentence(arguments, message, capsys, tmp_path):
    (tmp_path / "a-file").touch()
    assert paper(*arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not (tmp_path / "runs").exists()


def test_another_setting_is_refused_and_nothing_is_lost(tmp_path, capsys):
    paper("run", "every-step", *TINY, "--out", "found")
    before = (tmp_path / "found/setting.json").read_text()
    assert paper("run", "every-step", *TINY, "--seeds", "3", "--out", "found") == 2
    assert "seeds: 2 there, 3 requested" in capsys.readouterr().err
    assert (tmp_path / "found/setting.json").read_text() == before


def test_a_model_of_anyones_takes_the_place_of_resnet(tmp_path):
    assert paper("run", "scale-control", *TINY, "--model", "mlp:width=8", "--out", "found") == 0
    assert json.loads((tmp_path / "found/setting.json").read_text())["model"]["name"] == "mlp"


def test_what_has_run_is_reported_where_a_study_cannot_be_run(tmp_path, capsys):
    (tmp_path / "odd_net.py").write_text("import torch\n\n\ndef net():\n    return torch.nn.Linear(1, 10)\n")
    only = ["--only", "optimizer=sgd"]
    assert paper("run", "table-1", *TINY, *only, "--model", "odd_net:net", "--out", "found") == 2
    error = capsys.readouterr().err
    assert "1 of 3 studies could not be run: table-1 digits odd_net:net sgd: " in error
    chapters = json.loads((tmp_path / "found/findings.json").read_text())["chapters"]
    (state,) = [chapter["state"] for chapter in chapters if chapter["id"] == "table-1"]
    assert state == "2 of 6 studies begun, 2 finished"


def test_data_from_a_path_get_a_page(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "my data" / "odd & even.npz"
    path.parent.mkdir()
    np.savez(path, x=rng.integers(0, 255, (60, 8, 8, 1), dtype=np.uint8), y=np.arange(60) % 2)
    tiny = ["--data", str(path), "--width", "2", "--seeds", "1", "--max-epochs", "1", "--workers", "1"]
    assert paper("run", "online", *tiny, "--out", "found") == 0
    assert list((tmp_path / "found/charts").glob("online-gap-*odd-even.npz.png"))
    assert "odd &amp; even.npz" in (tmp_path / "found/report.html").read_text()


def test_the_page_says_what_was_left_out_and_why(tmp_path, capsys, monkeypatch):
    def no_page(*_):
        raise InputError("Charts need the extra report.")

    monkeypatch.setattr(_files, "as_html", no_page)
    assert paper("run", "every-step", *TINY, "--out", "found") == 0
    assert "without page and charts: Charts need the extra report." in capsys.readouterr().out


@pytest.mark.parametrize(
    "mistyped", [["--model", "no_such_module:net"], ["--scale", "1e-300"], ["--model", "sys:exit"]], ids="-".join
)
def test_a_mistyped_run_leaves_nothing_and_the_corrected_one_runs(mistyped, tmp_path, capsys):
    assert paper("run", "every-step", *TINY, *mistyped, "--out", "found") == 2
    assert not (tmp_path / "found").exists()
    assert paper("run", "every-step", *TINY, "--out", "found") == 0


def test_files_of_others_are_not_replaced_by_the_report(tmp_path, capsys):
    (tmp_path / "report.md").write_text("precious")
    assert paper("run", "every-step", *TINY, "--out", ".") == 2
    assert "contains other files, such as report.md" in capsys.readouterr().err
    assert (tmp_path / "report.md").read_text() == "precious"


def test_results_become_one_file_and_the_page_is_built_from_it(tmp_path, capsys):
    paper("run", "every-step", *TINY, "--out", "found")
    capsys.readouterr()
    assert paper("export", "desk.json", "--out", "found") == 0
    assert "Results: desk.json" in capsys.readouterr().out
    shutil.rmtree(tmp_path / "found/studies")
    assert paper("report", "desk.json") == 0
    shown = capsys.readouterr().out
    assert "every-step" in shown
    assert "10 % of the training data" in shown
    again, first = (json.loads((tmp_path / name / "findings.json").read_text()) for name in ("desk", "found"))
    assert [chapter["findings"] for chapter in again["chapters"]] == [
        chapter["findings"] for chapter in first["chapters"]
    ]


def test_a_page_does_not_replace_that_of_other_results(tmp_path, capsys):
    paper("run", "every-step", *TINY, "--out", "found")
    paper("export", "desk.json", "--out", "found")
    before = (tmp_path / "found/report.md").read_text()
    assert paper("report", "desk.json", "--out", "found") == 2
    assert "out must be a directory without results of its own, got found" in capsys.readouterr().err
    assert (tmp_path / "found/report.md").read_text() == before


def test_a_file_that_is_not_there_is_named(capsys):
    assert paper("report", "desk.json") == 2
    assert "there is no desk.json" in " ".join(capsys.readouterr().err.split())
    assert paper("export", "desk.json", "--out", "nothing") == 2
    assert "there is no setting.json in it" in " ".join(capsys.readouterr().err.split())
