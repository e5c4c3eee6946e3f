"""The command line as people meet it."""

import dataclasses
import errno
import json
import subprocess
import sys
import tomllib
from fractions import Fraction

import numpy as np
import pytest

from warmstart.cli._catalogue import CATALOGUES
from warmstart.cli._compare import default_directory
from warmstart.cli._described import exported
from warmstart.cli._flags import EXECUTION, FLAGS, overlay
from warmstart.cli._main import run
from warmstart.data import DataSource, known_datasets
from warmstart.executors import Execution
from warmstart.specs import KINDS, LEARNER, MODEL, PENALTY, STRATEGY, STREAM, options_of
from warmstart.streams import Active, TwoPhase
from warmstart.studies import Study, read_study, study_from_dict, study_to_dict
from warmstart.training import CarryOver, Recipe, StoppingRule
from warmstart.trial import EvaluationSettings

PLURALS = {
    "data": "datasets",
    "model": "models",
    "strategy": "strategies",
    "stream": "streams",
    "penalty": "penalties",
    "query": "queries",
    "measurement": "measurements",
    "learner": "learners",
}
SMALL = ["--model", "logistic", "--rounds", "2", "--seeds", "2", "--max-epochs", "2", "--workers", "1"]


def compare(*arguments):
    return run(["compare", *SMALL, *map(str, arguments)])


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")


def test_compare_shows_table_verdict_and_path_of_the_report(tmp_path, capsys):
    assert compare("--out", "found") == 0
    shown = capsys.readouterr().out
    assert "shrink-perturb" in shown
    assert "paired seeds" in shown
    assert "found/report.html" in shown
    for name in ("report.html", "report.md", "summary.json", "study.toml", "study.json"):
        assert (tmp_path / "found" / name).stat().st_size > 0


def test_the_same_command_finds_its_directory_again(tmp_path, capsys):
    assert compare() == 0
    (directory,) = (tmp_path / "runs").iterdir()
    before = {path.name: path.read_bytes() for path in (directory / "trials").iterdir()}
    assert len(before) == 3 * 2
    assert compare() == 0
    assert {path.name: path.read_bytes() for path in (directory / "trials").iterdir()} == before
    assert "Loading" not in capsys.readouterr().err.splitlines()[-1]


def test_report_rebuilds_everything_from_the_store(tmp_path):
    compare("--out", "found")
    content = json.loads((tmp_path / "found" / "summary.json").read_text())
    for name in ("report.html", "report.md", "summary.json"):
        (tmp_path / "found" / name).unlink()
    assert run(["report", "found"]) == 0
    assert json.loads((tmp_path / "found" / "summary.json").read_text()) == content


def test_a_report_that_cannot_be_written_still_shows_the_table(tmp_path, monkeypatch, capsys):
    assert compare("--out", "there") == 0
    shown_before = capsys.readouterr().out.split("Report:")[0]

    def refuse(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("warmstart.reports.write_report", refuse)
    assert run(["report", "there", "--json", "elsewhere.json"]) == 1
    captured = capsys.readouterr()
    assert captured.out.strip() in shown_before
    assert "warm" in captured.out
    assert captured.err == (
        "Error: The report cannot be written to there (Read-only file system); the results are intact, and json writes "
        "their summary to another place.\n"
    )
    assert json.loads((tmp_path / "elsewhere.json").read_text())


def test_another_reference_may_be_asked_for(capsys):
    assert compare("--out", "found", "--reference", "warm") == 0
    assert run(["report", "found", "--json", "-", "--reference", "shrink-perturb"]) == 0
    shown = capsys.readouterr().out
    assert json.loads(shown[shown.index("{") :])["reference"] == "shrink-perturb"


def test_another_metric_may_decide_without_training(tmp_path, capsys):
    assert compare("--out", "found", "--metric", "loss") == 0
    assert "log loss" in capsys.readouterr().out
    trained = {path.name: path.read_bytes() for path in (tmp_path / "found/trials").iterdir()}
    assert run(["report", "found", "--json", "summary.json", "--metric", "balanced-accuracy"]) == 0
    assert "balanced accuracy" in capsys.readouterr().out
    assert "balanced accuracy" in (tmp_path / "found/report.md").read_text()
    assert "Balanced accuracy, mean with 95 % interval" in (tmp_path / "found/report.html").read_text()
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["metric_key"], summary["learner_metric"]["name"]) == ("balanced_accuracy", "accuracy")
    assert {path.name: path.read_bytes() for path in (tmp_path / "found/trials").iterdir()} == trained
    # The study is the same one, whatever was asked about it.
    assert "metric" not in (tmp_path / "found/study.toml").read_text()


@pytest.mark.parametrize("command", ["compare", "report"])
def test_an_unknown_metric_is_one_sentence(tmp_path, capsys, command):
    compare("--out", "found")
    capsys.readouterr()
    given = ["report", "found"] if command == "report" else ["compare", "--out", "other"]
    assert run([*given, "--metric", "balanced-acuracy"]) == 2
    assert (
        "Error: Unknown metric 'balanced-acuracy': did you mean 'balanced-accuracy'? Known: " in capsys.readouterr().err
    )
    # Before anything is trained.
    assert not (tmp_path / "other").exists()


def test_help_shows_a_form_of_given_arrivals_that_is_taken(capsys):
    assert run(["compare", "--help"]) == 0
    form = "[[0,1,5],[2,3]]"
    assert form in capsys.readouterr().out
    study = study_from_dict(overlay({}, {"stream": "given", "arrivals": form}))
    assert study.stream.arrivals == ((0, 1, 5), (2, 3))


def test_what_only_results_can_tell_of_a_metric_leaves_the_report_by_the_score(tmp_path, capsys):
    assert compare("--out", "found", "--metric", "recall:nobody") == 2
    out, err = capsys.readouterr()
    assert "Error: Unknown metric 'recall:nobody'" in err
    assert "Report: found/report.html" in out
    assert (tmp_path / "found/report.html").exists()
    assert run(["compare", "--out", "other", "--metric", "mae"]) == 2
    assert not (tmp_path / "other").exists()


def test_an_unknown_reference_is_one_sentence(tmp_path, capsys):
    compare("--out", "found")
    capsys.readouterr()
    assert run(["report", "found", "--reference", "wram"]) == 2
    assert "Unknown reference 'wram': did you mean 'warm'?" in capsys.readouterr().err


def test_json_on_standard_output_is_json_alone(capsys):
    assert compare("--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "warmstart.summary/3"


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
        ({"model": "torch.nn:Identity"}, ("model", "name"), "torch.nn:Identity"),
        ({"normalization": "keep"}, ("carry_over", "normalization"), "keep"),
        ({"optimizer_state": "keep"}, ("carry_over", "optimizer_state"), "keep"),
        ({"evaluate": "test"}, ("evaluation", "evaluate"), "test"),
        ({"subset": "500"}, ("data", "subset"), 500),
        ({"optimizer": "sgd", "momentum": "0.9"}, ("recipe", "momentum"), 0.9),
        ({"optimizer": "adamw"}, ("recipe", "optimizer"), "adamw"),
        ({"schedule": "one-cycle", "warm_up": "0.1"}, ("recipe", "schedule"), "one-cycle"),
        ({"schedule": "one-cycle", "warm_up": "0.1"}, ("recipe", "warm_up"), 0.1),
        ({"clip_norm": "1"}, ("recipe", "clip_norm"), 1),
        ({"class_weights": "balanced"}, ("recipe", "class_weights"), "balanced"),
        ({"label_smoothing": "0.1"}, ("recipe", "label_smoothing"), 0.1),
        ({"augmentation": "flip,crop"}, ("recipe", "augmentation"), ["flip", "crop"]),
        ({"ema": "0.99"}, ("recipe", "ema"), 0.99),
        ({"early_stopping": "on"}, ("stop", "early_stopping"), "on"),
        ({"validation": "0.2"}, ("stop", "validation"), 0.2),
    ],
)
def test_flags_reach_their_place(given, place, value):
    tables = study_to_dict(study_from_dict(overlay({}, given)))
    assert tables[place[0]][place[1]] == value


def test_strategies_are_separated_by_commas():
    text = "cold,warm:train-on=arrival, shrink-perturb:shrink=0.6:perturb=0.02:noise=gaussian,cold:scale=0.5"
    study = study_from_dict(overlay({}, {"strategies": text}))
    assert study.labels == tuple(part.strip() for part in text.split(","))


def test_strategies_may_train_otherwise_than_the_study():
    specs = ("warm:schedule=cosine:warm-up=0.1", "warm:augmentation=[flip,crop]:ema=0.9", "warm:class-weights=balanced")
    study = study_from_dict(overlay({}, {"strategies": f"warm,{','.join(specs)}", "schedule": "one-cycle"}))
    recipes = [study.trial(label, 0).learner.recipe for label in study.labels]
    assert [recipe.schedule for recipe in recipes] == ["one-cycle", "cosine", "one-cycle", "one-cycle"]
    assert [recipe.ema for recipe in recipes] == [0, 0, 0.9, 0]
    assert recipes[2].augmentation == ("flip", "crop")
    assert recipes[3].class_weights == "balanced"
    again = study_from_dict(study_to_dict(study))
    assert again == study
    assert again.labels[1:] == (specs[0], 'warm:augmentation=["flip", "crop"]:ema=0.9', specs[2])


def test_every_default_in_the_help_is_the_one_that_holds():
    tables = study_to_dict(Study())
    tables["stream"] |= options_of(Active()) | options_of(TwoPhase())
    for key, part in (
        ("recipe", Recipe()),
        ("stop", StoppingRule()),
        ("data", DataSource()),
        ("carry_over", CarryOver()),
    ):
        tables[key] |= options_of(part)
    names = {
        "model": tables["model"]["name"],
        "stream": tables["stream"]["name"],
        "learner": LEARNER.name_of(Study().learner),
    }
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


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"drop": "a, b"}, {"drop": ("a", "b")}),
        ({"drop": '["a, b"]', "features": "c"}, {"drop": ("a, b",), "features": ("c",)}),
        ({"missing_marks": "-999,none"}, {"missing_marks": ("-999", "none")}),
        (
            {"header": "false", "separator": "\\t", "scale": "none"},
            {"header": False, "separator": "\\t", "scale": "none"},
        ),
        ({"header": "none", "order": "file", "test": "new.csv"}, {"header": None, "order": "file", "test": "new.csv"}),
        ({"decimal": ",", "thousands": ".", "key": "3"}, {"decimal": ",", "thousands": ".", "key": "3"}),
    ],
)
def test_options_of_tables_are_typed_as_people_type_them(given, expected):
    data = study_from_dict(overlay({}, {"data": "t.csv", **given})).data
    assert data == DataSource("t.csv", **expected)
    assert study_from_dict(study_to_dict(Study(data=data))).data == data


def test_the_help_says_what_options_of_tables_take():
    flags = {flag.name: flag for flag in FLAGS["Tables"]}
    assert {name: flags[name].values for name in ("--drop", "--order", "--header", "--missing", "--missing-marks")} == {
        "--drop": "COLUMNS",
        "--order": "COLUMN|file",
        "--header": "true|false",
        "--missing": "fill|refuse",
        "--missing-marks": "MARKS",
    }
    assert all(flags[name].default is None for name in ("--drop", "--features", "--missing-marks"))
    assert flags["--tidy-labels"].values == ""


@pytest.mark.parametrize("command", ["compare", "report", *PLURALS.values()])
def test_every_command_has_help(command, capsys):
    assert run([command, "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


def test_lists_name_everything_there_is(capsys):
    commands = [command.name for command in CATALOGUES if command.name != "datasets"]
    for command, kind in zip(commands, sorted(KINDS, key=lambda kind: commands.index(PLURALS[kind.name])), strict=True):
        assert run([command]) == 0
        shown = capsys.readouterr().out
        assert all(name in shown for name in kind.known()), command
        assert ":func:" not in shown
        assert "``" not in shown
    assert run(["datasets"]) == 0
    shown = capsys.readouterr().out
    assert all(entry.name in shown for entry in known_datasets())


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
        (["--data", "nan.csv", "--missing", "refuse"], "nan.csv"),
        (["--data", "one.csv"], "class"),
        (["--data", "good.csv", "--label", "knid"], "did you mean 'kind'"),
        (["--data", "good.csv", "--label", "kind", "--model", "resnet18"], "resnet18 needs images"),
        (["--evaluate", "test"], "--evaluate holdout"),
        (["--evaluate", "tset"], "did you mean 'test'"),
        (["--model", "resnet1"], "did you mean 'resnet18'"),
        (["--model", "no_module:f"], "cannot be imported"),
        (["--width", "3"], "The model logistic has no options, got 'width'"),
        (["--stream", "grow"], "did you mean 'growing'"),
        (["--stream", "two-phase"], "Unknown option of stream two-phase 'rounds'"),
        (["--arrival-size", "5000"], "--arrival-size must be at most"),
        (["--strategies", "cold,wram"], "did you mean 'warm'"),
        (["--strategies", ""], "at least one strategy"),
        (["--reference", "wram"], "Unknown reference 'wram': did you mean 'warm'?"),
        (["--lr", "0"], "--lr must lie in (0, inf), got 0"),
        (["--lr", "fast"], "--lr must be a number, got fast"),
        (["--seeds", "nan"], "--seeds must be a whole number, got nan"),
        (["--max-epochs", "inf"], "--max-epochs must be a whole number, got inf"),
        (["--batch-size", "1", "--model", "resnet18"], "cannot train on a batch of 1"),
        (["--train-on", "arrival", "--rounds", "none", "--arrival-size", "1197"], "at least 2 samples"),
        (["--model", "mlp:16"], "as name:option=value, got '16'"),
        (["--model", "faulty:f"], "cannot be imported: ZeroDivisionError"),
        (["--json", "nowhere/summary.json"], "json must be a file in a writable directory"),
        (["--json", "."], "json must be a file in a writable directory"),
        (["--strategies", "warm:train-on=seen,warm"], "differ from each other"),
        (["--momentum", "0.9"], "--momentum must be 0 with adam"),
        (["--scale", "min-max"], "Unknown value of --scale 'min-max'. Known: standard, none."),
        (["--early-stopping", "yes"], "Unknown value of --early-stopping 'yes'. Known: auto, on, off."),
        (["--evaluate", "tests"], "Unknown value of --evaluate 'tests': did you mean 'test'?"),
        (["--holdout", "0.9999"], "--holdout must leave samples on both sides"),
        (["--drop", "a,b"], "--drop must be left out for digits, which has no columns, got a, b"),
        (["--drop", "aa", "--data", "good.csv", "--label", "kind"], "Unknown column in drop (--drop) 'aa' of good.csv"),
        (["--metric", "rmse"], "Unknown metric 'rmse'. Known: accuracy, balanced-accuracy, loss, auc, churn"),
        (["--metric", "recall:1", "--data", "diabetes", "--learner", "regressor"], "Known: rmse, mae, r2."),
        (["--schedule", "linear"], "Unknown value of --schedule 'linear': did you mean 'cosine'?"),
        (["--augmentation", "flap"], "Unknown value of --augmentation 'flap': did you mean 'flip'?"),
        (
            ["--augmentation", "flip", "--data", "good.csv", "--label", "kind"],
            "--augmentation must be empty for samples of shape (2,), got flip",
        ),
        (["--warm-up", "1"], "--warm-up must lie in [0, 1), got 1"),
        (["--validation", "0.6"], "--validation must lie in (0, 0.5], got 0.6"),
        (["--nesterov"], "--nesterov must be false without momentum, got true"),
        (
            ["--learner", "regressor", "--data", "good.csv", "--label", "a", "--class-weights", "balanced"],
            "--class-weights must be none for numbers as targets",
        ),
        (["--stop-accuracy", "99"], "Error: --stop-accuracy must lie in (0, 1], got 99"),
        (["--seeds", "0"], "--seeds must be a whole number of at least 1, got 0"),
        (["--subset", "9999"], "--subset must"),
        (["--workers", "none-such"], "--workers must be a whole number"),
        (["--device", "cuda"], "--device must be cpu or auto where PyTorch finds no CUDA device, got cuda"),
        (["--device", "tpu"], "--device must be auto, cpu or cuda, got tpu"),
        (["--study", "missing.toml"], "missing.toml cannot be read"),
        (["--study", "broken.toml"], "is not valid TOML"),
        (["--study", "unknown.toml"], "did you mean 'seeds'"),
        (["--out", "full"], "must be new, empty or contain this study"),
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
    assert sentence in line
    assert "Traceback" not in shown.err
    assert sorted(tmp_path.rglob("*")) == before, "nothing is left half-made"


ABSURD = [
    (["--rounds", "1_000_000_000"], "This study may take 6,000,000,000 rounds"),
    (["--seeds", "100000", "--rounds", "4"], "This study may take 1,200,000 rounds"),
    (["--max-epochs", "10" + 11 * "0"], "This study may take 1,000,000,000,000 epochs in a round"),
    (["--max-steps", "1e15"], "This study may take 1,000,000,000,000,000 steps in a round"),
]


@pytest.mark.parametrize(("arguments", "sentence"), ABSURD)
def test_a_study_without_an_end_is_asked_about(arguments, sentence, monkeypatch, capsys):
    ran = []
    monkeypatch.setattr("warmstart.studies.run_study", lambda study, *_, **__: ran.append(study) or 1 / 0)
    assert compare(*arguments) == 2
    assert capsys.readouterr().err == f"Error: {sentence}; pass --yes to run it, or ask for less.\n"
    assert not ran
    assert compare(*arguments, "--yes") == 1
    assert len(ran) == 1


def test_on_a_terminal_the_answer_decides(monkeypatch, capsys):
    monkeypatch.setattr("warmstart.studies.run_study", lambda *_, **__: 1 / 0)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    for answer, code in ((False, 2), (True, 1)):
        monkeypatch.setattr("rich_click.confirm", lambda text, answer=answer, **_: answer)
        assert compare(*ABSURD[0][0]) == code


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[stop]\ntrain-accuracy = 7", "stop.train-accuracy must lie in (0, 1], got 7"),
        ("[stop]\ntrain_accuracy = 7", "stop.train-accuracy must lie in (0, 1], got 7"),
        ("[recipe]\nbatch-size = 0", "recipe.batch-size must be a whole number of at least 1, got 0"),
        ("[stream]\nname = 'two-phase'\nfraction = 2", "stream.fraction must lie in (0, 1), got 2"),
    ],
)
def test_errors_name_the_place_in_a_file(content, sentence, tmp_path, capsys):
    (tmp_path / "study.toml").write_text(content)
    assert run(["compare", "--study", "study.toml"]) == 2
    assert f"Error: {sentence}." in capsys.readouterr().err


def test_a_flag_over_a_file_is_what_was_typed(tmp_path, capsys):
    (tmp_path / "study.toml").write_text("[stop]\ntrain_accuracy = 0.5\n[recipe]\nbatch_size = 0\n")
    assert run(["compare", "--study", "study.toml", "--stop-accuracy", "7", "--batch-size", "3"]) == 2
    assert "Error: --stop-accuracy must lie in (0, 1], got 7." in capsys.readouterr().err
    assert run(["compare", "--study", "study.toml", "--stop-accuracy", "1"]) == 2
    assert "Error: recipe.batch-size must be" in capsys.readouterr().err


def test_flags_are_those_of_the_option_classes():
    """A field that is added becomes a flag by itself, with the default that its class says."""
    places = {flag.place for flags in FLAGS.values() for flag in flags} | {flag.place for flag in EXECUTION}
    classes = {
        "data": DataSource,
        "evaluation": EvaluationSettings,
        "recipe": Recipe,
        "stop": StoppingRule,
        "carry_over": CarryOver,
        "execution": Execution,
        **{f"stream:{name}": owner for name, owner in STREAM.known().items()},
    }
    for table, owner in classes.items():
        fields = {f"{table.partition(':')[0]}.{field.name}" for field in dataclasses.fields(owner)}
        # Options of a user's own function follow its name: module:function:option=value.
        assert fields - {"data.options"} <= places
    names = [flag.name for flags in FLAGS.values() for flag in flags] + [flag.name for flag in EXECUTION]
    assert len(set(names)) == len(names)
    assert all(flag.text for flags in FLAGS.values() for flag in flags)


def test_help_names_every_known_data_set_and_every_name_as_the_registry_does(capsys):
    assert run(["compare", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert f"Known: {', '.join(entry.name for entry in known_datasets())}." in shown
    for kind in (MODEL, PENALTY):
        assert ", ".join(sorted(kind.known())) in shown or all(name in shown for name in kind.known())
    assert set(exported("streams", "Stream")) == set(STREAM.known())
    assert set(exported("strategies", "Strategy")) == set(STRATEGY.known())
    assert set(exported("penalties", "Penalty")) == set(PENALTY.known())


def test_debug_shows_where_it_came_from(capsys):
    assert compare("--seeds", "0", "--debug") == 2
    assert "Traceback" in capsys.readouterr().err


def test_something_unforeseen_is_one_line_too(monkeypatch, capsys):
    monkeypatch.setattr("warmstart.studies.run_study", lambda *_, **__: 1 / 0)
    assert compare() == 1
    assert capsys.readouterr().err == "Error: ZeroDivisionError: division by zero (--debug shows where).\n"


def test_an_interrupt_is_left_to_the_entry_point_to_report(monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("warmstart.studies.run_study", interrupt)
    assert compare() == 130
    assert capsys.readouterr().err == ""


def test_reporting_on_what_is_no_study_is_one_sentence(tmp_path, capsys):
    assert run(["report", str(tmp_path)]) == 2
    assert "must be a directory with a study's results" in capsys.readouterr().err


def test_a_users_model_and_table_are_found_in_the_current_folder(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from torch import nn\ndef build(input_shape, classes):\n    return nn.Linear(2, classes)\n"
    )
    rows = np.random.default_rng(0).normal(size=(60, 2))
    lines = [f"{a},{b},{'up' if a > b else 'down'}" for a, b in rows]
    (tmp_path / "mine.csv").write_text("\n".join(["a,b,label", *lines]))
    assert compare("--data", "mine.csv", "--model", "mine:build", "--out", "found", "--workers", "2") == 0
    assert read_study(tmp_path / "found").data["classes"] == ["down", "up"]


def test_directories_are_named_after_the_study(tmp_path):
    assert default_directory(Study()).startswith("runs/digits-growing-")
    (tmp_path / "named_points.py").write_text("def points():\n    return [(0.0, 1.0), (1.0, 2.0)]\n")
    own = Study(data=DataSource("named_points:points"))
    assert default_directory(own).startswith("runs/named_points-points-growing-"), (
        "file names have no colon on every system"
    )


def test_the_default_model_depends_on_the_data_and_the_help_says_so():
    (model,) = [flag for flag in FLAGS["Model"] if flag.name == "--model"]
    assert model.default == "resnet18 for images, mlp for all other data"
    for data, name in (("digits", "resnet18"), ("diabetes", "mlp"), ("t.csv", "mlp")):
        assert study_to_dict(Study(data=data))["model"]["name"] == name


def test_every_flag_of_compare_stands_in_one_group_of_the_help():
    groups = [flag.name for flags in FLAGS.values() for flag in flags]
    assert len(groups) == len(set(groups))
    assert {"--drop", "--order", "--separator"} <= {flag.name for flag in FLAGS["Tables"]}
    assert {"--data", "--label", "--image-size", "--holdout"} <= {flag.name for flag in FLAGS["Data"]}
    assert {"--patience", "--early-stopping"} <= {flag.name for flag in FLAGS["Stopping"]}
