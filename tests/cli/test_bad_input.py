"""What people mistype: one sentence of bearable length, exit code 2, nothing left, nothing that a terminal obeys."""

import os
import stat
from pathlib import Path

import pytest

from warmstart.cli._main import run

SMALL = ["--model", "logistic", "--rounds", "2", "--seeds", "1", "--max-epochs", "1", "--workers", "1"]
TINY = ["--data", "digits", "--width", "2", "--scale", "0.1", "--seeds", "1", "--max-epochs", "1", "--workers", "1"]
LONG, ESCAPE = 3000 * "x", "\x1b[31mred\x07"

MODELS = """
import sys
def exits(): sys.exit(0)
def endless(): return endless()
def loud(): raise ValueError('one\\n\\x1b[31mtwo')
def reads(): return input()
"""

NUMBERS = [
    "1e400",
    "-1e400",
    "1e-999999999",
    "1e999999999",
    5000 * "9",
    str(2**63),
    "nan",
    "-1",
    "true",
    "",
    LONG,
    ESCAPE,
]
WHOLE = ["--seeds", "--rounds", "--batch-size", "--max-steps", "--patience", "--subset", "--workers", "--threads"]
REAL = ["--lr", "--weight-decay", "--momentum", "--stop-accuracy", "--holdout"]
TEXTS = [
    *["--strategies", "--reference", "--stream", "--penalty", "--normalization", "--optimizer", "--optimizer-state"],
    *["--precision", "--stop-measure", "--evaluate", "--train-on", "--device", "--executor", "--model", "--data"],
    *["--data-dir", "--label", "--source", "--study", "--out", "--json", "--query"],
]
PLACES = ["~nosuchuser/x", "/dev/null/x", 256 * "n", "file/x", "loop", "nul\0"]
SPECS = {
    "--strategies": ["cold:scale=1:scale=0.5", "cold:scale=1e400", "warm:train_on=seen:train-on=seen", "cold:=1", ":"],
    "--model": [
        *[
            "mlp:layers=1e9",
            "mlp:width=1e9",
            "mlp:layers=1:layers=2",
            "mlp:layers=5:width=100000",
            "resnet18:width=1e9",
        ],
        *[
            "builtins:int",
            "sys:exit",
            "odd:exits",
            "odd:endless",
            "odd:loud",
            "odd:nosuch",
            "odd:",
            ":",
            "::",
            "a..b:c",
        ],
    ],
    "--penalty": ["l2", "l2:strength=1e400", "l2:strength=1:strength=2"],
    "--width": ["1e9", "0", "1.5"],
    "--executor": ["ray:", "ray:x", "processes:2"],
    "--device": ["cuda:", "cudaxyz", "cpu:3", "meta"],
    "--seeds": ["100000000", "1/0"],
    "--rounds": ["1e12"],
    "--threads": ["100000", "1e9"],
    "--workers": ["100000"],
    "--lanes": ["1e6"],
    "--holdout": ["1e-9", "0.99999"],
    "--subset": ["1"],
    "--json": [".", "socket", "nowhere/x", "/proc/x"],
    "--out": ["file", "dangling", "/proc/x", "/dev/null", "foreign", "\udcff"],
    "--study": [
        "fifo",
        "/dev/zero",
        "twice.toml",
        "infinite.toml",
        "nested.toml",
        "text.toml",
        "list.toml",
        "escape.toml",
    ],
    "--data": ["fifo", "escape.csv", "dangling"],
}
LINES = [
    *[["compare", *SMALL, flag, value] for flag in (*WHOLE, *REAL) for value in NUMBERS],
    *[["compare", *SMALL, flag, value] for flag in TEXTS for value in ("", LONG, ESCAPE, "\udcff")],
    *[
        ["compare", *SMALL, flag, value]
        for flag in ("--data", "--data-dir", "--study", "--out", "--json")
        for value in PLACES
    ],
    *[["compare", *SMALL, flag, value] for flag, values in SPECS.items() for value in values],
    ["compare", *SMALL, "--stream", "part", "--fraction", "1e-300"],
    ["compare", *SMALL, "--model", "mlp:width=3", "--width", "5"],
    ["compare", *SMALL, "--workers", "100", "--threads", "1000"],
    ["compare", *SMALL, f"--{ESCAPE}", "3"],
    ["compare", *SMALL, LONG],
    ["--version", "x", "--foo"],
    ["--version", "strategies"],
    [""],
    [ESCAPE],
    [LONG],
    *[["report", place] for place in ("", "file", "foreign", "dangling", "damaged", ESCAPE, LONG, *PLACES)],
    ["report", "foreign", "--json", ""],
    ["paper", ""],
    *[["paper", "show", *ids] for ids in ([], [""], ["noise", ""], [ESCAPE], [LONG])],
    *[["paper", command, "--out", ""] for command in ("list", "report")],
    *[["paper", command, "--out", place] for command in ("report",) for place in PLACES],
    *[["paper", "run", "noise", *TINY, flag, ""] for flag in ("--scale", "--data", "--data-dir", "--model", "--out")],
    *[["paper", "run", "noise", *TINY, flag, value] for flag in ("--scale", "--seeds", "--width") for value in NUMBERS],
    *[["paper", "run", "noise", *TINY, "--out", place] for place in (*PLACES, "file", "foreign", "/proc/x")],
    *[["paper", "run", "noise", *TINY, "--data-dir", place] for place in PLACES],
    ["paper", "run", "noise", *TINY, "--model", "mlp:layers=1e9"],
    ["paper", "run", ""],
]
# What a flag takes as it is: a folder that is not looked into, a number that is none, a new folder's name.
FINE = {
    *[(flag, str(2**63)) for flag in ("--lr", "--weight-decay")],
    ("--data-dir", ESCAPE),
    ("--out", ESCAPE),
    ("--json", ESCAPE),
    ("--json", "\udcff"),
    ("--weight-decay", "true"),
}


def shortened(value):
    return value if len(value) < 30 else f"{value[:10]}..{len(value)}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with one of everything; none of the commands may change it."""
    place = tmp_path_factory.mktemp("bad")
    (place / "file").touch()
    (place / "foreign").mkdir()
    (place / "foreign/report.md").write_text("precious")
    (place / "damaged").mkdir()
    (place / "damaged/study.json").write_bytes(b"no study" * 100)
    (place / "loop").symlink_to("loop")
    (place / "dangling").symlink_to("nowhere")
    os.mkfifo(place / "fifo")
    os.mknod(place / "socket", stat.S_IFSOCK | 0o600)
    (place / "odd.py").write_text(MODELS)
    (place / "twice.toml").write_text("[recipe]\nbatch_size = 1\n'batch-size' = 2\n")
    (place / "infinite.toml").write_text("[recipe]\nlearning_rate = 1e400\n")
    (place / "nested.toml").write_text("a = " + 5000 * "[")
    (place / "text.toml").write_text("model = 'mlp'\n")
    (place / "list.toml").write_text("[[model]]\nname = 'mlp'\n")
    (place / "escape.toml").write_text('"\\u001b[31m" = 3\n')
    (place / "escape.csv").write_text("a\x1b[31m,b,kind\x07\n" + "1,2,x\n3,4,y\n" * 20)
    return place


@pytest.mark.parametrize(
    "line",
    [line for line in LINES if tuple(line[-2:]) not in FINE],
    ids=lambda line: " ".join(map(shortened, line if len(line) < 8 else [line[0], *line[-2:]])).encode(
        "unicode_escape"
    ),
)
def test_it_is_one_sentence(line, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    before = {path: path.lstat().st_mtime_ns for path in folder.rglob("*") if "__pycache__" not in path.parts}
    assert run(list(line)) == 2
    shown = capsys.readouterr()
    told = [text for text in shown.err.splitlines() if not text.startswith(("Loading", "Reading", "1 of 1 studies"))]
    assert len(told) == 1, told
    assert told[0].startswith("Error: ")
    assert len(told[0]) < 700
    assert (shown.out + shown.err).replace("\n", "").isprintable()
    after = {path: path.lstat().st_mtime_ns for path in folder.rglob("*") if "__pycache__" not in path.parts}
    assert after == before, "nothing is left or changed"


@pytest.mark.parametrize("target", ["/dev/null", "fifo-with-reader", "link"])
def test_the_summary_goes_into_what_is_no_regular_file(target, tmp_path, monkeypatch):
    import threading

    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo-with-reader")
    Path("link").symlink_to("summary.json")
    kind, read = os.lstat(target).st_mode, []
    # Its own place: the working directory is another one by the time that a thread of a loaded machine gets to it.
    reader = threading.Thread(target=lambda: read.append((tmp_path / "fifo-with-reader").read_text()), daemon=True)
    if target == "fifo-with-reader":
        reader.start()
    assert run(["compare", *SMALL, "--json", target]) == 0
    assert os.lstat(target).st_mode == kind
    if target == "fifo-with-reader":
        reader.join(10)
        assert '"schema": "warmstart.summary/3"' in read[0]
    elif target == "link":
        assert '"schema": "warmstart.summary/3"' in Path("summary.json").read_text()


def test_headers_and_classes_are_shown_without_being_obeyed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{number},{number % 7},\x1b[3{number % 2}m\n" for number in range(60))
    (tmp_path / "\x1b[31mred.csv").write_text("a\x1b[31m,b,label\n" + rows)
    assert run(["compare", *SMALL, "--data", "\x1b[31mred.csv", "--out", "\x1b[32m"]) == 0
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err
    assert r"Report: \x1b[32m/report.html" in shown.out
    assert r"Loading \x1b[31mred.csv" in shown.err


def test_flags_meet_options_of_a_file_in_either_spelling(tmp_path, monkeypatch):
    from warmstart.cli._flags import overlay
    from warmstart.studies import study_from_dict

    tables = {"recipe": {"batch-size": 3, "learning_rate": 0.5}, "carry-over": {"optimizer-state": "keep"}}
    study = study_from_dict(overlay(tables, {"batch_size": "7", "normalization": "reset", "lr": "0.25"}))
    assert (study.recipe.batch_size, study.recipe.learning_rate) == (7, 0.25)
    assert (str(study.carry_over.normalization), str(study.carry_over.optimizer_state)) == ("reset", "keep")
