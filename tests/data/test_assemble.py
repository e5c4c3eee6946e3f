import numpy as np
import pytest

from warmstart.basics import InputError
from warmstart.data._assemble import assemble, subset_rows
from warmstart.data._raw import RawData, RawSplit

INPUTS = np.arange(200, dtype=np.float32).reshape(100, 2)


def _raw(labels: np.ndarray, read=INPUTS.__getitem__, test=None) -> RawData:
    return RawData("numbers", RawSplit(labels, read, "column 'y'", lambda row: f"row {row + 1}"), test)


@pytest.mark.parametrize("subset", [2, 50, 99, 100])
def test_a_subset_has_its_size_no_row_twice_and_rises(subset):
    rows = subset_rows(100, subset)
    assert len(rows) == subset
    assert (np.diff(rows) > 0).all()
    assert rows[-1] < 100


def test_a_subset_is_drawn_from_all_over_and_always_the_same():
    rows = subset_rows(50_000, 6_000)
    assert np.array_equal(rows, subset_rows(50_000, 6_000))
    assert abs(rows.mean() / 50_000 - 0.5) < 0.02


def test_a_larger_subset_holds_the_smaller_ones():
    assert set(subset_rows(1000, 10)) < set(subset_rows(1000, 100))


def test_drawing_a_subset_leaves_the_global_generators_alone(untouched_globals):
    assemble(_raw(np.arange(100) % 4), subset=10)


def test_a_reader_is_asked_for_nothing_but_the_subset():
    asked = []
    dataset = assemble(_raw(np.arange(100) % 4, lambda rows: asked.append(rows) or INPUTS[rows]), subset=10)
    assert [rows.tolist() for rows in asked] == [subset_rows(100, 10).tolist()]
    assert dataset.train.labels.tolist() == [row % 4 for row in asked[0]]


def test_classes_are_those_of_all_rows_though_a_subset_misses_some():
    dataset = assemble(_raw(np.arange(100)), subset=3)
    assert len(dataset.classes) == 100
    assert dataset.train.labels.tolist() == subset_rows(100, 3).tolist()


@pytest.mark.parametrize("subset", [101, 0])
def test_a_subset_that_cannot_be_drawn_is_refused(subset):
    with pytest.raises(InputError, match=rf"subset must lie in \[1, 100\], .* got {subset}"):
        assemble(_raw(np.arange(100) % 4), subset=subset)


def test_a_subset_of_one_class_is_refused():
    rare = np.array(["usual"] * 99 + ["rare"])
    with pytest.raises(InputError, match=r"subset must leave samples of at least two classes, got 1, .* only 'usual'"):
        assemble(_raw(rare), subset=1)


def test_the_test_set_is_opened_only_when_asked_for():
    def no_one_asked():
        raise AssertionError

    assert assemble(_raw(np.arange(100) % 4, test=no_one_asked), subset=None).test is None


def test_the_test_set_is_whole_though_training_is_cut():
    raw = _raw(np.arange(100) % 4, test=lambda: _raw(np.arange(100) % 2).train)
    dataset = assemble(raw, subset=10, with_test=True)
    assert dataset.test is not None
    assert (len(dataset.train), len(dataset.test)) == (10, 100)


def test_asking_for_a_test_set_that_is_not_there_is_refused_with_what_to_do():
    with pytest.raises(InputError, match="no test set with the data of numbers: choose --evaluate holdout"):
        assemble(_raw(np.arange(100) % 4), subset=None, with_test=True)


def test_progress_is_reported():
    reported = []
    raw = _raw(np.arange(100) % 4, test=lambda: _raw(np.arange(100) % 4).train)
    assemble(raw, subset=10, with_test=True, progress=reported.append)
    assert reported == ["Reading 10 training samples of numbers", "Reading the test samples of numbers"]
