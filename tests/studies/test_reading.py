"""Reading a study's directory."""

import re
import subprocess
import sys

import pytest

from runs import ONE
from warmstart.basics import InputError
from warmstart.store import write_study_index
from warmstart.studies import read_histories, read_study, run_study
from warmstart.studies._study import study_identity


@pytest.fixture
def stored(study, tmp_path):
    """A study that has run, and its directory."""
    return run_study(study, tmp_path, execution=ONE), tmp_path


def test_the_arms_are_those_of_the_study(study, stored):
    assert stored[0].arms == study.labels


def test_results_of_version_0_1_are_refused_in_one_sentence(study, tmp_path):
    (tmp_path / "results.sqlite").write_bytes(b"SQLite format 3")
    for read in (read_study, lambda directory: run_study(study, directory, execution=ONE)):
        with pytest.raises(InputError, match=r"results of warmstart 0\.1 .* choose another directory"):
            read(tmp_path)


@pytest.mark.parametrize("text", ["[]", "3", '{"labels": []}', "", "\x00", "{"])
def test_a_damaged_index_is_one_sentence(stored, text):
    (stored[1] / "study.json").write_text(text)
    with pytest.raises(InputError, match=r"study\.json is damaged .*\.$"):
        read_study(stored[1])


CHANGES = {
    "a key that leads elsewhere": lambda index: (
        index["keys"]["cold"].insert(0, "../" * 10) or index["keys"]["cold"].pop()
    ),
    "a number as a key": lambda index: index["keys"]["cold"].insert(0, 5) or index["keys"]["cold"].pop(),
    "too few keys": lambda index: index["keys"]["cold"].pop(),
    "keys of nobody": lambda index: index["keys"].update(nobody=index["keys"]["cold"]),
    "a list of keys": lambda index: index.update(keys=[]),
    "a store elsewhere": lambda index: index.update(store="../../elsewhere"),
    "labels": lambda index: index.update(labels=5),
    "rounds": lambda index: index.update(rounds_expected="three"),
    "seeds": lambda index: index["study"].update(seeds="two"),
    "no data": lambda index: index.pop("data"),
    "no fingerprint": lambda index: index["data"].pop("fingerprint"),
    "no table": lambda index: index.update(study=[]),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_index_that_does_not_fit_is_one_sentence_though_its_digest_does(study, tmp_path, change):
    keys = {label: ["0" * 32] * 2 for label in study.labels}
    index = {"study": study_identity(study), "labels": [*study.labels], "rounds_expected": 3, "keys": keys}
    index["data"] = {"fingerprint": "f"}
    write_study_index(tmp_path, index)
    assert read_study(tmp_path).rounds == ()
    change(index)
    write_study_index(tmp_path, index)
    for ask in (read_study, read_histories, lambda directory: run_study(study, directory, execution=ONE)):
        with pytest.raises(
            InputError, match=r"study\.json is damaged \([^\n]*\); delete it and run the study [^\n]*\.$"
        ):
            ask(tmp_path)


def test_reading_needs_no_writing_and_trials_are_checked(stored):
    records, directory = stored
    for path in directory.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    directory.chmod(0o555)
    try:
        assert read_study(directory) == records
    finally:
        for path in (directory, *directory.rglob("*")):
            path.chmod(0o755)
    trial = next((directory / "trials").iterdir())
    content = trial.read_bytes()
    trial.write_bytes(re.sub(rb'"score": ?0\.', b'"score":7.', content, count=1))
    with pytest.raises(InputError, match=r"is damaged"):
        read_study(directory)


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
