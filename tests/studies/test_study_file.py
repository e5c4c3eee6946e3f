"""Study files that are none: one sentence, whatever is there."""

import os
from dataclasses import replace

import pytest

from warmstart.basics import InputError
from warmstart.studies import Study, read_study_file, study_from_dict
from warmstart.studies._study_file import study_text


def test_a_study_survives_its_file(tmp_path):
    study = replace(Study(), seeds=3)
    (tmp_path / "study.toml").write_text(study_text(study), encoding="utf-8")
    assert study_from_dict(read_study_file(tmp_path / "study.toml")) == study


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"seeds = = 3", "is not valid TOML"),
        (b"seeds = 3\nseeds = 4", "is not valid TOML"),
        (b"seeds = " + b"9" * 5000, "is not valid TOML: Exceeds the limit"),
        (b"name = '\xff'", "is not valid TOML"),
        (b"\0", "is not valid TOML"),
        (b"a = " + b"[" * 100_000, "nested too deeply"),
        (b"#" * 10_000_001, "must have at most 10,000,000 bytes"),
    ],
    ids=["syntax", "twice", "digits", "bytes", "null", "nested", "large"],
)
def test_what_is_no_toml_is_one_sentence(content, reason, tmp_path):
    (tmp_path / "study.toml").write_bytes(content)
    with pytest.raises(InputError, match=rf"^The study file [^\n]* {reason}[^\n]*\.$") as caught:
        read_study_file(tmp_path / "study.toml")
    assert len(str(caught.value)) < 500


PLACES = ["", "~nosuchuser/x", "missing.toml", ".", "/dev/zero", "/dev/null/x", "fifo", 256 * "n"]


@pytest.mark.parametrize("path", PLACES)
def test_what_is_no_file_is_one_sentence_and_nothing_waits(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")
    with pytest.raises(InputError, match=r"^(study must be a path|The study file)[^\n]*\.$"):
        read_study_file(path)


def test_a_pipe_of_the_shell_is_read():
    reading, writing = os.pipe()
    os.write(writing, b"seeds = 3\n")
    os.close(writing)
    assert read_study_file(f"/dev/fd/{reading}") == {"seeds": 3}
    os.close(reading)
