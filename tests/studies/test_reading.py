"""Reading a study's directory."""

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from runs import ONE
from warmstart.studies import read_study, run_study


@pytest.fixture
def stored(study, tmp_path):
    """A study that has run, and its directory."""
    return run_study(study, tmp_path, execution=ONE), tmp_path


def test_the_arms_are_those_of_the_study(study, stored):
    assert stored[0].arms == study.labels


def test_a_store_from_before_labels_were_kept_is_read_all_the_same(stored):
    records, directory = stored
    with closing(sqlite3.connect(directory / "results.sqlite")) as connection, connection:
        connection.execute("DELETE FROM study WHERE key = 'labels'")
    assert read_study(directory) == records


def test_a_report_needs_no_pytorch(stored):
    code = (
        "import sys\n"
        "from warmstart.cli._main import run\n"
        f"code = run(['report', {str(stored[1])!r}])\n"
        "sys.exit('torch was imported' if 'torch' in sys.modules else code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (stored[1] / "report.html").is_file()
