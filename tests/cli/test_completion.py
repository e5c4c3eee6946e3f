"""Completion in shells: what they are told, and that it needs no PyTorch."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from warmstart.basics import METRICS
from warmstart.cli._completion import _OF_PARAMETER, SHELLS, VARIABLE, _names
from warmstart.cli._main import run
from warmstart.data import known_datasets
from warmstart.paper import known_experiments
from warmstart.specs import KINDS


def completed(words, shell="bash"):
    """What stands at the end of a line, as the shell's own script asks for it, and whether PyTorch was imported."""
    *before, last = words
    index = last if shell == "fish" else str(len(before))
    asked = {VARIABLE: f"{shell}_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": index}
    code = "import sys; from warmstart.cli._main import run; code = run([]); sys.exit('torch' in sys.modules or code)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split("\n")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["warmstart", "comp"], {"compare", "completion"}),
        (["warmstart", "compare", "--stop-m"], {"--stop-measure"}),
        (["warmstart", "compare", "--strategies", "w"], {"warm"}),
        (["warmstart", "compare", "--strategies", "cold,sh"], {"cold,shrink-perturb"}),
        (["warmstart", "compare", "--data", "cifar"], {"cifar10", "cifar100"}),
        (["warmstart", "compare", "--model", "resnet"], {"resnet8", "resnet18"}),
        (["warmstart", "compare", "--penalty", "l2"], {"l2", "l2-init"}),
        (["warmstart", "compare", "--optimizer", "a"], {"adam", "adamw"}),
        (["warmstart", "compare", "--augmentation", "flip,cu"], {"flip,cutout"}),
        (["warmstart", "compare", "--executor", "r"], {"ray"}),
        (["warmstart", "compare", "--metric", "b"], {"balanced-accuracy"}),
        (["warmstart", "report", "runs", "--reference", "c"], {"cold"}),
        (["warmstart", "retrain", "init", "d", "--policy", "au"], {"auto"}),
        (["warmstart", "retrain", "add", "d", "--new-classes", "g"], {"grow"}),
        (["warmstart", "paper", "run", "table"], {"table-1"}),
        (["warmstart", "paper", "run", "noise", "al"], {"all"}),
        (["warmstart", "paper", "run", "noise", "--setting", "d"], {"desk"}),
        (["warmstart", "completion", "z"], {"zsh"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_names_and_choices_are_completed_without_torch(words, expected):
    plain = {line.partition(",")[2] for line in completed(words) if line.startswith("plain,")}
    assert plain == expected


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["warmstart", "compare", "--out", "ru"], "dir"),
        (["warmstart", "compare", "--study", "st"], "file"),
        (["warmstart", "compare", "--data", "tab"], "file"),
        (["warmstart", "retrain", "status", "pro"], "dir"),
        (["warmstart", "predict", "runs", "new"], "file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_paths_are_left_to_the_shell(words, kind):
    assert [line.partition(",")[0] for line in completed(words) if line] == [kind]


def test_zsh_and_fish_show_what_a_name_stands_for():
    assert completed(["warmstart", "compare", "--strategies", "col"], "zsh")[:3] == [
        "plain",
        "cold",
        "Start every round from the fresh model: theta <- scale * fresh.",
    ]
    assert completed(["warmstart", "compare", "--strategies", "col"], "fish")[0].startswith("plain,cold\tStart every")


def test_names_are_those_that_are_known():
    plurals = {"strategy": "strategies", "penalty": "penalties"}
    kinds = {plurals.get(kind.name, f"{kind.name}s"): kind for kind in KINDS if kind.name != "query"}
    assert all(set(_names(plural)) == {*kind.known(), *kind.offered()} for plural, kind in kinds.items())
    assert set(_names("datasets")) == {entry.name for entry in known_datasets()}
    assert set(_names("experiments")) == {*known_experiments(), "all"}
    assert set(_names("metrics")) == {key.replace("_", "-") for key in METRICS}
    assert all(_names(kind) for kind in _OF_PARAMETER.values())


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_printed_and_the_shell_can_read_it(shell, tmp_path, capsys):
    assert run(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"{VARIABLE}={shell}_complete" in script
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    (tmp_path / "script").write_text(script)
    flag = "--no-execute" if shell == "fish" else "-n"
    subprocess.run([shell, flag, tmp_path / "script"], check=True)


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_by_the_script(tmp_path, capsys):
    assert run(["completion", "bash"]) == 0
    command = tmp_path / "warmstart"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m warmstart "$@"\n')
    command.chmod(0o755)
    script = capsys.readouterr().out
    name = re.search(r"^(\w+)\(\) \{", script, re.MULTILINE)[1]
    line = (
        f'COMP_WORDS=(warmstart compare --strategies cold,wa) COMP_CWORD=3\n{name} warmstart\necho "${{COMPREPLY[@]}}"'
    )
    environment = os.environ | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{line}"], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "cold,warm\n"


def test_an_unknown_shell_is_one_sentence(capsys):
    assert run(["completion", "tcsh"]) == 2
    assert capsys.readouterr().err == "Error: Unknown shell 'tcsh': did you mean 'zsh'? Known: bash, zsh, fish.\n"


def test_a_request_that_no_script_makes_prints_nothing(monkeypatch, capsys):
    monkeypatch.setenv(VARIABLE, "tcsh_complete")
    assert run([]) == 1
    assert capsys.readouterr().out == ""
