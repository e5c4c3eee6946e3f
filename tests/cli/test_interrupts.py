"""Ctrl-C and its like, at any moment: one sentence, the conventional exit code, nothing else."""

import os
import signal
import subprocess
import sys
import time

import pytest

from warmstart.cli._entry import INTERRUPTION, Signals

COMMAND = [sys.executable, "-c", "from warmstart.cli import main; main()"]
STUDY = ["--model", "logistic", "--rounds", "2", "--seeds", "1", "--max-epochs", "1", "--out", "found"]
LONG = ["--seeds", "4", "--max-epochs", "5000", "--stop-accuracy", "none", "--patience", "none", "--workers", "2"]
# What the command line does when the signal comes: a module whose import or a function whose call sends it.
SENDER = """
import importlib.abc, os, signal, sys
NUMBER, MOMENT = {number}, {moment!r}
class Sender(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == MOMENT:
            os.killpg(0, NUMBER)
sys.meta_path.insert(0, Sender())
from warmstart.cli import main
main()
"""
MOMENTS = {
    "while the first module is imported": "warmstart.cli._main",
    "while click is imported": "rich_click",
    "in the middle of PyTorch": "torch.nn",
    "in an import of which errors are caught": "numpy.random",
    "before the data are read": "sklearn",
    "before charts": "altair",
    "while charts are drawn": "vl_convert",
}


def outcome(code, arguments, folder):
    """Run a command in a session of its own, as of a terminal, and return its exit code and what it said."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        start_new_session=True,
        timeout=120,
        check=False,
    )
    progress = ("Starting", "Loading", "0 of", "Reading")
    about = ("are done", "images of")  # how far it is, and what the data are
    said = done.stderr.splitlines()
    lines = [line for line in said if not line.startswith(progress) and not any(word in line for word in about)]
    return done.returncode, lines


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_an_interrupt_is_one_sentence_and_exit_code_130(moment, tmp_path):
    code = SENDER.format(number=int(signal.SIGINT), moment=moment)
    assert outcome(code, ["compare", *STUDY, "--workers", "1"], tmp_path) == (130, [INTERRUPTION])


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_workers_end_with_the_command_without_a_word(name, tmp_path):
    number = getattr(signal, name)
    running = subprocess.Popen(
        [*COMMAND, "compare", *STUDY, *LONG],
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        text=True,
        start_new_session=True,
    )
    assert running.stderr is not None
    for line in running.stderr:
        if "rounds are done" in line:  # workers start now, and import for a second or two
            break
    time.sleep(0.5)
    os.killpg(running.pid, number)
    _, said = running.communicate(timeout=60)
    assert (running.returncode, said.splitlines()) == (128 + number, [INTERRUPTION])


def test_a_second_interrupt_does_not_disturb_the_cleaning_up(tmp_path):
    code = SENDER.format(number=int(signal.SIGINT), moment="sklearn").replace(
        "os.killpg(0, NUMBER)", "import _thread; [os.killpg(0, NUMBER) for _ in range(5)]"
    )
    assert outcome(code, ["compare", *STUDY, "--workers", "1"], tmp_path) == (130, [INTERRUPTION])


LOST = """
import os, signal
class Lost:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        [None for _ in range(10**5)]
def build():
    Lost()
    return 'no model'
"""
# The interrupt that comes again finds the command at its end: its error is there, its exit code not yet.
LATE = """
import threading, time
import warmstart.cli._main as commands
timer, run = threading.Timer, commands.run
def run_and_wait(arguments):
    code = run(arguments)
    time.sleep(1)
    return code
threading.Timer, commands.run = lambda _, *rest: timer(0.5, *rest), run_and_wait
"""


@pytest.mark.parametrize("before", ["", LATE], ids=["at once", "at the end of the command"])
def test_an_interrupt_that_a_destructor_swallows_comes_again(before, tmp_path):
    (tmp_path / "lost.py").write_text(LOST)
    code = f"{before}\nfrom warmstart.cli import main; main()"
    assert outcome(code, ["compare", *STUDY, "--model", "lost:build"], tmp_path) == (130, [INTERRUPTION])


def test_an_interrupt_while_a_text_is_run_has_the_same_exit_code(tmp_path):
    """As dataclasses and named tuples do, all through an import; only `python -m` would end otherwise."""
    text = "import os, signal; os.kill(os.getpid(), signal.SIGTERM); [None for _ in range(10**5)]"
    (tmp_path / "lost.py").write_text(f"def build():\n    exec({text!r})\n")
    command = [sys.executable, "-m", "warmstart", "compare", *STUDY, "--model", "lost:build"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (143, INTERRUPTION)


def test_what_hangs_after_an_interrupt_is_ended_by_another(tmp_path):
    (tmp_path / "stubborn.py").write_text(
        "import os, signal, time\n"
        "from warmstart.cli import _entry\n"
        "_entry._SECONDS_TO_CLEAN_UP = 0.1\n"
        "def build():\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        time.sleep(60)\n"
        "    except KeyboardInterrupt:\n"
        "        time.sleep(0.3)\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        time.sleep(60)\n"
    )
    code = "from warmstart.cli import main; main()"
    assert outcome(code, ["compare", *STUDY, "--model", "stubborn:build"], tmp_path) == (130, [INTERRUPTION])


def test_an_interrupt_after_the_end_changes_nothing(tmp_path):
    code = (
        "import atexit, os, signal, time\n"
        "atexit.register(lambda: (os.kill(os.getpid(), signal.SIGINT), time.sleep(0.1)))\n"
        "from warmstart.cli import main\n"
        "main()\n"
    )
    assert outcome(code, ["--version"], tmp_path) == (0, [])


def test_signals_that_are_ignored_stay_so(monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    others = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        Signals().install()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
    finally:
        for number, handler in [(signal.SIGHUP, before), *others]:
            signal.signal(number, handler)


@pytest.mark.parametrize(("arguments", "size"), [(["strategies"], 0), (["--help"], 10)])
def test_output_that_nobody_reads_is_one_sentence(arguments, size, tmp_path):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*COMMAND, *arguments], **pipes, cwd=tmp_path, text=True) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(size)
        running.stdout.close()
        said = running.stderr.read().splitlines()
        assert running.wait(60) in (0, 1)
    assert len(said) == running.returncode
    assert all(line.startswith("Error: The output cannot be written") for line in said)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")  # noqa: PTH110
@pytest.mark.parametrize("arguments", [["strategies"], ["--version"]])
def test_output_that_cannot_be_written_is_one_sentence(arguments, tmp_path):
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run([*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "No space left on device" in done.stderr
