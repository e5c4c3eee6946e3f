"""`compare --dry-run`, and seeds as results ask for them."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from warmstart.cli._dry_run import show_estimate
from warmstart.cli._main import run
from warmstart.studies import StudyEstimate, read_study

SMALL = ["--model", "logistic", "--subset", "200", "--rounds", "2", "--max-epochs", "2", "--workers", "1"]
FOUND = StudyEstimate(
    data={
        "name": "mine",
        "train_samples": 3000,
        "fit_samples": 2000,
        "evaluation_samples": 1000,
        "classes": ["a", "b"],
        "input_shape": [1, 8, 8],
    },
    notes=(),
    arrivals=(400, 400, 400, 400, 400),
    seeds=(8, 8),
    strategies=3,
    rounds=5,
    stored_rounds=0,
    epochs=(1, 500),
    seconds=(60.0, 30_000.0),
    from_stored=False,
    parameters=1234,
    memory_bytes=700 * 2**20,
    workers=2,
    device="cpu",
)


def compare(*arguments):
    return run(["compare", *SMALL, *map(str, arguments)])


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")


def lines_of(**changes):
    """Return what is said of an estimate, by the words in front."""
    text = io.StringIO()
    show_estimate(Console(file=text, width=300), replace(FOUND, **changes), Path("runs/mine"))
    return {line.partition(":")[0]: line.partition(":")[2].strip() for line in text.getvalue().splitlines()}


def test_a_dry_run_says_what_there_is_to_do_and_writes_nothing(tmp_path, capsys):
    assert compare("--seeds", "3", "--dry-run") == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith("Data:     200 images of 1x8x8, 10 classes, largest: ")
    assert shown[0].endswith("; 133 are fitted to, 67 evaluate")
    assert shown[1] == "Study:    3 strategies x 3 seeds = 9 trials of 2 rounds, 18 rounds"
    assert shown[2] == "Arrivals: 67, 66 samples"
    assert shown[3].startswith("Results:  runs/digits-growing-")
    assert shown[3].endswith(", where none of the rounds are stored")
    assert shown[4].startswith("Time:     about ")
    assert shown[5].startswith("Memory:   about ")
    assert shown[-1] == "Dry run: nothing was written."
    assert not list(tmp_path.iterdir())


def test_a_dry_run_of_a_study_that_has_begun_says_what_is_stored(capsys):
    assert compare("--seeds", "2", "--out", "found") == 0
    capsys.readouterr()
    assert compare("--seeds", "4", "--out", "found", "--dry-run") == 0
    shown = capsys.readouterr().out
    assert "Results:  found, where 12 of 24 rounds are stored" in shown
    assert "judged by the rounds that are stored" in shown
    assert compare("--seeds", "2", "--out", "found", "--dry-run") == 0
    assert "Time:     none, everything is stored" in capsys.readouterr().out


def test_a_dry_run_asks_nothing_and_refuses_what_a_run_would(capsys):
    assert compare("--seeds", "100000", "--rounds", "4", "--dry-run") == 0
    assert "300,000 trials of 4 rounds, 1,200,000 rounds" in capsys.readouterr().out
    assert compare("--arrival-size", "1000", "--rounds", "1", "--dry-run") == 2
    assert "--arrival-size must be at most 133" in capsys.readouterr().err
    assert compare("--dry-run", "--json", "-") == 2
    assert "--json must be left out with --dry-run" in capsys.readouterr().err


def test_what_an_estimate_says():
    lines = lines_of()
    assert lines["Data"] == "mine, 3,000 training samples of 1x8x8 in 2 classes; 2,000 are fitted to, 1,000 evaluate"
    assert lines["Study"] == "3 strategies x 8 seeds = 24 trials of 5 rounds, 120 rounds"
    assert lines["Time"] == (
        "about 60 s if every round takes 1 epoch, about 8.3 h if every one takes 500, with 2 workers on cpu, judged by "
        "a few steps"
    )
    assert lines["Memory"] == "about 700 MiB, for a model of 1,234 parameters"


@pytest.mark.parametrize(("changes", "title", "words"), [
    ({"arrivals": tuple(range(1000, 1010))}, "Arrivals", "1,000, 1,001, 1,002, ... 1,009 samples"),
    ({"seeds": (7, 40)}, "Study", "3 strategies x 7 to 40 seeds = 21 to 120 trials of 5 rounds, 105 to 600 rounds"),
    ({"seeds": (7, 40)}, "Time", "about 60 s if every round takes 1 epoch and 7 seeds are enough, about 8.3 h if every "
     "one takes 500 and 40 seeds are enough, with 2 workers on cpu, judged by a few steps"),
    ({"epochs": (9, 9), "seconds": (90.0, 90.0)}, "Time", "about 2 min with 2 workers on cpu, judged by a few steps"),
    ({"epochs": (9, 9), "seconds": (90.0, 900.0), "seeds": (7, 40)}, "Time",
     "about 2 min with 7 seeds, about 15 min with 40 with 2 workers on cpu, judged by a few steps"),
    ({"from_stored": True, "seconds": (90.0, 900.0), "workers": 1}, "Time",
     "about 2 min to 15 min with 1 worker on cpu, judged by the rounds that are stored"),
    ({"seconds": None, "epochs": None}, "Time",
     "not known before a round has finished: only the learner itself knows how long it trains"),
    ({"memory_bytes": None}, "Memory", "not known"),
    ({"memory_bytes": 3 * 2**30, "device": "cuda"}, "Memory",
     "about 3.0 GiB of the processor, besides that of the GPU, for a model of 1,234 parameters"),
    ({"notes": ("id is left out: it numbers the rows",)}, "Note", "id is left out: it numbers the rows"),
    ({"stored_rounds": 60}, "Results", "runs/mine, where 60 of 120 rounds are stored"),
    ({"data": FOUND.data | {"classes": [], "input_shape": [10]}}, "Data",
     "mine, 3,000 training samples of 10 features; 2,000 are fitted to, 1,000 evaluate"),
])  # fmt: skip
def test_what_an_estimate_says_of_others(changes, title, words):
    assert lines_of(**changes)[title] == words


def test_seeds_are_added_until_the_study_can_tell(tmp_path, capsys):
    assert compare("--strategies", "cold,cold:learning-rate=1e-9", "--seeds", "auto:max=9:width=20", "--out", "a") == 0
    shown = capsys.readouterr()
    assert "7 seeds done; interval of cold:learning-rate=1e-09 - cold [" in shown.err
    assert "are enough: the interval of every difference is narrower than 20 points" in shown.err
    assert "stay valid however often one looks" in " ".join(shown.out.split())
    assert 'seeds = "auto:max=9:width=20"' in (tmp_path / "a" / "study.toml").read_text()
    assert read_study(tmp_path / "a").seeds_expected == 8
    assert run(["compare", "--study", "a/study.toml", "--out", "b", "--workers", "1"]) == 0
    assert read_study(tmp_path / "b").seeds_expected == 8


@pytest.mark.parametrize(("arguments", "words"), [
    (["--seeds", "auto:max=3"], "max of seeds auto must be a whole number of at least 7, got 3"),
    (["--seeds", "auto:fewest=3"], "option of seeds auto"),
    (["--seeds", "auto", "--strategies", "cold"], "--seeds must be a number for a single strategy"),
    (["--seeds", "few"], "--seeds must be a whole number, got few"),
])  # fmt: skip
def test_seeds_that_make_no_sense_are_refused(arguments, words, capsys):
    assert compare(*arguments) == 2
    assert words in capsys.readouterr().err
