"""Arrays as files: what workers map is what was laid down, and nothing is left."""

import errno
import os
import threading
from dataclasses import replace

import numpy as np
import pytest

from warmstart.basics import InputError, StorageError
from warmstart.data import LabelledArrays
from warmstart.studies._array_files import stored, sweep
from warmstart.trial._split import Arrays


def arrays(seed, classes):
    inputs = np.random.default_rng(seed).normal(size=(5, 3)).astype(np.float32)
    return Arrays(LabelledArrays(inputs, np.arange(5, dtype=np.int64) % classes), None, classes)


SOURCE = replace(arrays(1, 4), test=arrays(2, 4).train)
BOTH = replace(arrays(0, 3), source=SOURCE)


def left(directory):
    return list(directory.glob(".arrays*"))


@pytest.mark.parametrize("held", [SOURCE, BOTH], ids=["with a test set", "with a source"])
def test_workers_see_the_arrays(held, tmp_path):
    with stored(held, tmp_path) as files:
        mapped = files.mapped()
        for found, expected in ((mapped, held), (mapped.source, held.source)):
            assert (found is None) == (expected is None)
            if expected is not None:
                assert found.classes == expected.classes
                assert same(found.train, expected.train)
                assert same(found.test, expected.test)
    assert left(tmp_path) == []


def same(found, expected):
    if expected is None:
        return found is None
    return isinstance(found.inputs, np.memmap) and all(
        np.array_equal(getattr(found, field), getattr(expected, field)) for field in ("inputs", "labels")
    )


def test_files_that_cannot_be_deleted_are_no_failure_and_go_with_the_next_run(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(39, "Directory not empty")

    with monkeypatch.context() as patch, stored(SOURCE, tmp_path):
        patch.setattr(os, "rmdir", refuse)
    assert len(left(tmp_path)) == 1
    sweep(tmp_path)
    assert left(tmp_path) == []


def test_an_error_of_what_uses_the_files_stays_what_it_is(tmp_path):
    with pytest.raises(ConnectionError, match=r"^mine$"), stored(SOURCE, tmp_path):
        raise ConnectionError("mine")
    assert left(tmp_path) == []


def test_a_full_disk_names_the_directory(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", fail)
    with (
        pytest.raises(StorageError, match=rf"cannot be stored in {tmp_path} \(.*No space left"),
        stored(SOURCE, tmp_path),
    ):
        pytest.fail("nothing was written")
    assert left(tmp_path) == []


def test_data_that_no_other_process_can_have_are_one_sentence(tmp_path):
    held = Arrays([threading.Lock()], None, 2)
    message = r"^workers must be 1 for data that cannot be sent to another process \(TypeError: [^\n]*\)\.$"
    with pytest.raises(InputError, match=message), stored(held, tmp_path):
        pytest.fail("nothing was written")
    assert left(tmp_path) == []


def test_sweeping_disturbs_nobody_who_begins(tmp_path):
    """A folder that has just been made, and is not locked yet, looks like one of a killed process."""
    is_over = threading.Event()

    def sweeping():
        while not is_over.is_set():
            sweep(tmp_path)

    thread = threading.Thread(target=sweeping)
    thread.start()
    try:
        for _ in range(100):
            with stored(SOURCE, tmp_path) as files:
                assert same(files.mapped().train, SOURCE.train)
    finally:
        is_over.set()
        thread.join()
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    "name", [".arrays-mine/target-train-inputs.npy", ".arrays-my_files/thesis.tex", ".arrays-", ".arrays-12345678"]
)
def test_sweeping_leaves_what_is_not_ours(name, tmp_path):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("precious")
    sweep(tmp_path)
    assert (tmp_path / name).read_text() == "precious"
