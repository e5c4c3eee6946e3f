"""The command line as people meet it."""

import dataclasses
import json
import subprocess
import sys
import tomllib
from fractions import Fraction

import numpy as np
import pytest

from warmstart.cli._compare import default_directory
from warmstart.cli._flags import FLAGS, overlay
from warmstart.cli._main import run
from warmstart.specs import known_models, known_strategies, options_of
from warmstart.streams import Active, TwoPhase
from warmstart.studies import Study, read_study, study_from_dict, study_to_dict
from warmstart.training import Recipe

SMALL = ["--model", "logistic", "--rounds", "2", "--seeds", "2", "--max-epochs", "2", "--workers", "1"]


def compare(*arguments):
    return run(["compare", *SMALL, *map(str, arguments)])


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")


def test_compare_shows_the_table_the_verdict_and_where_the_report_lies(tmp_path, capsys):
    assert compare("--out", "found") == 0
    shown = capsys.readouterr().out
    assert "shrink-perturb" in shown
    assert "paired seeds" in shown
    assert "found/report.html" in shown
    for name in ("report.html", "report.md", "summary.json", "study.toml", "results.sqlite"):
        assert (tmp_path / "found" / name).stat().st_size > 0


def test_the_same_command_finds_its_directory_again(tmp_path, capsys):
    assert compare() == 0
    (directory,) = (tmp_path / "runs").iterdir()
    before = (directory / "results.sqlite").read_bytes()
    assert compare() == 0
    assert (directory / "results.sqlite").read_bytes() == before
    assert "Loading" not in capsys.readouterr().err.splitlines()[-1]


def test_report_rebuilds_everything_from_the_store(tmp_path):
    compare("--out", "found")
    content = json.loads((tmp_path / "found" / "summary.json").read_text())
    for name in ("report.html", "report.md", "summary.json"):
        (tmp_path / "found" / name).unlink()
    assert run(["report", "found"]) == 0
    assert json.loads((tmp_path / "found" / "summary.json").read_text()) == content


def test_another_reference_may_be_asked_for(capsys):
    assert compare("--out", "found", "--reference", "warm") == 0
    assert run(["report", "found", "--json", "-", "--reference", "shrink-perturb"]) == 0
    shown = capsys.readouterr().out
    assert json.loads(shown[shown.index("{") :])["reference"] == "shrink-perturb"


def test_an_unknown_reference_is_one_sentence(tmp_path, capsys):
    compare("--out", "found")
    capsys.readouterr()
    assert run(["report", "found", "--reference", "wram"]) == 2
    assert "Unknown reference 'wram': did you mean 'warm'?" in capsys.readouterr().err


def test_json_on_standard_output_is_json_alone(capsys):
    assert compare("--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "warmstart.summary/1"


def test_json_goes_to_a_file(tmp_path):
    assert compare("--json", "summary-copy.json") == 0
    assert json.loads((tmp_path / "summary-copy.json").read_text())["reference"] == "cold"


def test_the_saved_study_runs_again_to_the_same_numbers(tmp_path):
    compare("--out", "one")
    assert run(["compare", "--study", "one/study.toml", "--out", "two", "--workers", "1"]) == 0
    one, two = (
        [dataclasses.replace(record, seconds=0) for record in read_study(tmp_path / name).rounds]
        for name in ("one", "two")
    )
    assert one == two


def test_flags_override_the_study_file(tmp_path):
    (tmp_path / "study.toml").write_text('seeds = 5\n[model]\nname = "mlp"\nwidth = 7\n[stop]\nmax_epochs = 3\n')
    tables = overlay(tomllib.loads((tmp_path / "study.toml").read_text()), {"seeds": "2", "model": "logistic"})
    study = study_from_dict(tables)
    assert (study.seeds, study.stop.max_epochs) == (2, 3)
    assert study_to_dict(study)["model"] == {"name": "logistic"}


def test_a_model_keeps_its_options_from_the_file_where_a_flag_names_it_again():
    tables = overlay({"model": {"name": "mlp", "width": 7}}, {"model": "mlp:layers=3"})
    assert tables["model"] == {"name": "mlp", "width": 7, "layers": "3"}


@pytest.mark.parametrize(
    ("given", "place", "value"),
    [
        ({"lr": "0.5"}, ("recipe", "learning_rate"), 0.5),
        ({"stop_accuracy": "none"}, ("stop", "train_accuracy"), "none"),
        ({"patience": "7"}, ("stop", "patience"), 7),
        ({"width": "32"}, ("model", "width"), 32),
        ({"stream": "two-phase", "fraction": "0.25"}, ("stream", "fraction"), 0.25),
        ({"stream": "growing", "arrival_size": "100"}, ("stream", "arrival_size"), 100),
        ({"model": "mlp:activation=tanh"}, ("model", "activation"), "tanh"),
        ({"model": "package.module:function"}, ("model", "name"), "package.module:function"),
        ({"normalization": "keep"}, ("carry_over", "normalization"), "keep"),
        ({"optimizer_state": "keep"}, ("carry_over", "optimizer_state"), "keep"),
        ({"evaluate": "test"}, ("evaluation", "evaluate"), "test"),
        ({"subset": "500"}, ("data", "subset"), 500),
        ({"optimizer": "sgd", "momentum": "0.9"}, ("recipe", "momentum"), 0.9),
    ],
)
def test_flags_reach_their_place(given, place, value):
    tables = study_to_dict(study_from_dict(overlay({}, given)))
    assert tables[place[0]][place[1]] == value


def test_strategies_are_separated_by_commas():
    text = "cold,warm:train-on=arrival, shrink-perturb:shrink=0.6:perturb=0.02:noise=gaussian,cold:scale=0.5"
    study = study_from_dict(overlay({}, {"strategies": text}))
    assert study.labels == tuple(part.strip() for part in text.split(","))


def test_every_default_in_the_help_is_the_one_that_holds():
    tables = study_to_dict(Study())
    tables["stream"] |= options_of(Active()) | options_of(TwoPhase())
    tables["recipe"] |= options_of(Recipe())
    names = {"model": tables["model"]["name"], "stream": tables["stream"]["name"]}
    for flag in (flag for flags in FLAGS.values() for flag in flags):
        if flag.default is None or " " in flag.default:
            continue
        table, _, option = flag.place.partition(".")
        holds = names.get(flag.place) or (tables[table][option] if option else tables[table])
        if flag.place == "strategies":
            assert flag.default == ",".join(Study().labels)
        elif isinstance(holds, float):
            assert float(Fraction(flag.default)) == holds
        else:
            assert flag.default == str(holds)


@pytest.mark.parametrize("command", ["compare", "report", "datasets", "models", "strategies"])
def test_every_command_has_help(command, capsys):
    assert run([command, "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


def test_lists_name_everything_there_is(capsys):
    for command, names in (("models", known_models()), ("strategies", known_strategies())):
        assert run([command]) == 0
        shown = capsys.readouterr().out
        assert all(name in shown for name in names)
    assert run(["datasets"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("digits", "cifar10", "cifar100", "svhn", "mnist", "fashion-mnist"))


def test_help_does_not_import_torch():
    code = (
        "import sys; from warmstart.cli._main import run; run(['compare', '--help']); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def tables(tmp_path):
    """Files with one fault each."""
    (tmp_path / "nan.csv").write_text("a,b,label\n" + "1,2,x\n3,nan,y\n" * 9)
    (tmp_path / "one.csv").write_text("a,b,label\n" + "1,2,x\n3,4,x\n" * 9)
    (tmp_path / "good.csv").write_text("a,b,kind\n" + "1,2,x\n3,4,y\n" * 20)
    (tmp_path / "faulty.py").write_text("1 / 0")
    (tmp_path / "broken.toml").write_text("seeds = = 3")
    (tmp_path / "unknown.toml").write_text("sedes = 3")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("precious")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--data", "cifra10"], "cifra10"),
        (["--data", "missing.csv"], "missing.csv"),
        (["--data", "cifar10", "--data-dir", "nowhere"], "nowhere"),
        (["--data", "nan.csv"], "nan.csv"),
        (["--data", "one.csv"], "class"),
        (["--data", "good.csv", "--label", "knid"], "did you mean 'kind'"),
        (["--data", "good.csv", "--label", "kind", "--model", "resnet18"], "resnet18 needs images"),
        (["--evaluate", "test"], "--evaluate holdout"),
        (["--evaluate", "tset"], "did you mean 'test'"),
        (["--model", "resnet"], "did you mean 'resnet18'"),
        (["--model", "no_module:f"], "cannot be imported"),
        (["--width", "3"], "The model logistic has no options, got 'width'"),
        (["--stream", "grow"], "did you mean 'growing'"),
        (["--stream", "two-phase"], "Unknown option of stream two-phase 'rounds'"),
        (["--arrival-size", "5000"], "arrival-size"),
        (["--strategies", "cold,wram"], "did you mean 'warm'"),
        (["--strategies", ""], "at least one strategy"),
        (["--reference", "wram"], "Unknown reference 'wram': did you mean 'warm'?"),
        (["--lr", "0"], "learning_rate must lie in (0, inf), got 0"),
        (["--lr", "fast"], "learning-rate must be a number, got fast"),
        (["--seeds", "nan"], "seeds must be a whole number, got nan"),
        (["--max-epochs", "inf"], "max-epochs must be a whole number, got inf"),
        (["--batch-size", "1", "--model", "resnet18"], "cannot train on a batch of 1"),
        (["--train-on", "arrival", "--rounds", "none", "--arrival-size", "1197"], "at least 2 samples"),
        (["--model", "mlp:16"], "as name:option=value, got '16'"),
        (["--model", "faulty:f"], "cannot be imported: ZeroDivisionError"),
        (["--json", "nowhere/summary.json"], "json must be a file in a folder that can be written"),
        (["--json", "."], "json must be a file in a folder that can be written"),
        (["--strategies", "warm:train-on=seen,warm"], "differ from each other"),
        (["--momentum", "0.9"], "momentum must be 0 with adam"),
        (["--stop-accuracy", "99"], "train_accuracy must lie in (0, 1], got 99"),
        (["--seeds", "0"], "seeds must be a whole number of at least 1, got 0"),
        (["--subset", "9999"], "subset"),
        (["--workers", "none-such"], "workers must be a whole number"),
        (["--device", "cuda"], "device must be cpu or auto where PyTorch finds no CUDA device, got cuda"),
        (["--device", "tpu"], "device must be auto, cpu or cuda, got tpu"),
        (["--study", "missing.toml"], "missing.toml cannot be read"),
        (["--study", "broken.toml"], "is not valid TOML"),
        (["--study", "unknown.toml"], "did you mean 'seeds'"),
        (["--out", "full"], "must be new, empty or hold this study"),
        (["--sedes", "3"], "No such option '--sedes'. (Did you mean"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_gets_one_sentence_and_exit_code_2(arguments, sentence, tmp_path, capsys):
    import torch

    if "cuda" in arguments and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    tables(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert compare(*arguments) == 2
    shown = capsys.readouterr()
    (line,) = [line for line in shown.err.splitlines() if not line.startswith(("Loading", "Reading"))]
    assert line.startswith("Error: ")
    assert sentence.replace("arrival-size", "arrival_size") in line
    assert "Traceback" not in shown.err
    assert sorted(tmp_path.rglob("*")) == before, "nothing is left half-made"


def test_debug_shows_where_it_came_from(capsys):
    assert compare("--seeds", "0", "--debug") == 2
    assert "Traceback" in capsys.readouterr().err


def test_something_unforeseen_is_one_line_too(monkeypatch, capsys):
    monkeypatch.setattr("warmstart.studies.run_study", lambda *_, **__: 1 / 0)
    assert compare() == 1
    assert capsys.readouterr().err == "Error: ZeroDivisionError: division by zero (--debug shows where).\n"


def test_an_interrupt_says_how_to_go_on(monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("warmstart.studies.run_study", interrupt)
    assert compare() == 130
    assert "goes on after the last finished round" in capsys.readouterr().err


def test_reporting_on_what_is_no_study_is_one_sentence(tmp_path, capsys):
    assert run(["report", str(tmp_path)]) == 2
    assert "must be a directory with a study's results" in capsys.readouterr().err


def test_a_users_model_and_table_work_from_the_folder_they_lie_in(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from torch import nn\ndef build(input_shape, classes):\n    return nn.Linear(2, classes)\n"
    )
    rows = np.random.default_rng(0).normal(size=(60, 2))
    lines = [f"{a},{b},{'up' if a > b else 'down'}" for a, b in rows]
    (tmp_path / "mine.csv").write_text("\n".join(["a,b,label", *lines]))
    assert compare("--data", "mine.csv", "--model", "mine:build", "--out", "found", "--workers", "2") == 0
    assert read_study(tmp_path / "found").data["classes"] == ["down", "up"]


def test_directories_are_named_after_the_study():
    assert default_directory(Study()).startswith("runs/digits-growing-")
