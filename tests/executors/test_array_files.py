"""Arrays as files: what workers map is what was laid down, and nothing is left."""

import os
from dataclasses import replace

import numpy as np
import pytest

from warmstart.data import LabelledArrays
from warmstart.executors._array_files import stored, sweep
from warmstart.trial._split import Arrays


def arrays(seed, classes):
    inputs = np.random.default_rng(seed).normal(size=(5, 3)).astype(np.float32)
    return Arrays(LabelledArrays(inputs, np.arange(5, dtype=np.int64) % classes), None, classes)


SOURCE = replace(arrays(1, 4), test=arrays(2, 4).train)
BOTH = replace(arrays(0, 3), source=SOURCE)


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
    assert list(tmp_path.iterdir()) == []


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
    assert len(list(tmp_path.iterdir())) == 1
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", [".arrays-mine/target-train-inputs.npy", ".arrays-my_files/thesis.tex", ".arrays-", ".arrays-12345678"]
)
def test_sweeping_leaves_what_is_not_ours(name, tmp_path):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("precious")
    sweep(tmp_path)
    assert (tmp_path / name).read_text() == "precious"
