"""`warmstart compare` in a process of its own, with a strategy that another package offers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from packages import install

SOURCE = Path(__file__).parents[2] / "src"
SMALL = ["--model", "logistic", "--rounds", "2", "--seeds", "2", "--max-epochs", "2", "--workers", "1"]


def warmstart(*arguments, folder, package):
    path = os.pathsep.join([str(SOURCE), str(package)])
    environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "200", "PYTHONIOENCODING": "utf-8"}
    # Without the current folder on the search path, as an installed command is run.
    code = "import sys; sys.path.remove(''); from warmstart.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def places(tmp_path):
    """The folder of a package, and the one where the command runs, in which a module is, too."""
    folders = tmp_path / "package", tmp_path / "here"
    for folder in folders:
        folder.mkdir()
    install(folders[0])
    (folders[1] / "local.py").write_text("from halves import Half\n\n\nclass Local(Half):\n    pass\n")
    return {"package": folders[0], "folder": folders[1]}


def test_strategies_by_entry_point_by_module_and_from_the_current_folder(places):
    strategies = "cold,half:amount=0.3,halves:Half:amount=0.3:sizes=[2,4],local:Local"
    done = warmstart("compare", *SMALL, "--strategies", strategies, "--out", "found", "--json", "-", **places)
    assert done.returncode == 0, done.stderr
    labels = ["cold", "half:amount=0.3", "halves:Half:amount=0.3:sizes=[2, 4]", "local:Local"]
    summary = json.loads(done.stdout)
    assert all(json.dumps(label) in json.dumps(summary) for label in labels)
    again = warmstart("compare", "--study", "found/study.toml", "--out", "found", "--json", "-", **places)
    assert json.loads(again.stdout) == summary, "what is stored is found again by the names in the study file"


def test_workers_find_what_is_in_the_current_folder(places):
    strategies = ["--workers", "2", "--strategies", "cold,local:Local", "--out", "found"]
    done = warmstart("compare", *SMALL, *strategies, **places)
    assert done.returncode == 0, done.stderr


def test_a_broken_package_is_one_sentence_where_it_is_asked_for_and_nothing_elsewhere(places):
    (places["package"] / "halves.py").write_text("1 / 0")
    done = warmstart("compare", *SMALL, "--strategies", "cold,half", **places)
    assert done.returncode == 2
    starting, _ = done.stderr.splitlines()  # and the sentence
    assert starting == "Starting"
    assert (
        "The strategy 'half' is offered by an installed package as halves:Half, which cannot be imported" in done.stderr
    )
    assert warmstart("compare", *SMALL, "--strategies", "cold,warm", **places).returncode == 0


def test_lists_name_what_packages_offer(places):
    shown = warmstart("strategies", **places)
    assert shown.returncode == 0, shown.stderr
    assert "Start from half of the previous model." in shown.stdout
    assert "amount = 0.5, sizes = [1, 3]" in shown.stdout
    assert "The strategy 'broken' is offered by an installed package" in " ".join(shown.stdout.replace("│", "").split())
    assert "squares" in warmstart("datasets", **places).stdout
