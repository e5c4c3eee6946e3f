"""-q, -v, and the first word of a command."""

import os
import pty
import subprocess
import sys

import pytest

from warmstart.cli._main import run

SMALL = [
    "--model",
    "logistic",
    "--rounds",
    "2",
    "--seeds",
    "2",
    "--max-epochs",
    "1",
    "--workers",
    "1",
    "--out",
    "found",
]
# Ends where PyTorch would be imported, so that only what comes before is said.
STOPPED = """
import importlib.abc, os, sys
class Stop(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "torch":
            os._exit(7)
sys.meta_path.insert(0, Stop())
from warmstart.cli import main
main()
"""
STARTING = [["compare"], ["paper", "run", "noise"]]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")


@pytest.mark.parametrize("arguments", STARTING, ids=" ".join)
def test_a_log_says_starting_before_torch_is_imported(arguments):
    done = subprocess.run([sys.executable, "-c", STOPPED, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (7, "", "Starting\n")


def test_a_quiet_command_does_not_say_it():
    done = subprocess.run([sys.executable, "-c", STOPPED, "compare", "-q"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (7, "")


def test_a_terminal_shows_it_until_something_takes_its_place():
    ours, theirs = pty.openpty()
    # A flag that only the study itself can refuse: PyTorch has been imported by then.
    command = [sys.executable, "-m", "warmstart", "compare", "--lr", "0"]
    done = subprocess.run(command, stderr=theirs, stdin=theirs, stdout=subprocess.PIPE, check=False)
    os.close(theirs)
    said = os.read(ours, 4096).decode()
    os.close(ours)
    assert done.returncode == 2
    assert said.startswith("Starting\r\x1b[KError: --lr must lie in")


def test_an_update_says_it_where_progress_was_asked_for():
    command = [sys.executable, "-m", "warmstart", "retrain", "update", "."]
    said = [
        subprocess.run([*command, *flags], capture_output=True, text=True, check=False).stderr.splitlines()
        for flags in ([], ["-v"])
    ]
    assert said[1] == ["Starting", *said[0]]


def test_quiet_leaves_results_alone(capsys):
    assert run(["compare", *SMALL, "-q"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert "shrink-perturb" in shown.out
    assert "found/report.html" in shown.out


def test_verbose_has_a_line_for_each_round(capsys):
    assert run(["compare", *SMALL, "--verbose"]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if ": score " in line]
    assert len(lines) == 3 * 2 * 2
    assert any(line.startswith("warm seed 1 round 2: score 0.") and line.endswith("limit") for line in lines)


@pytest.mark.parametrize("command", [["compare"], ["paper", "run", "noise"], ["retrain", "update", "."]], ids=" ".join)
def test_quiet_and_verbose_at_once_are_refused(command, capsys):
    assert run([*command, "-q", "-v"]) == 2
    assert capsys.readouterr().err == "Error: --quiet must be left out with --verbose.\n"
