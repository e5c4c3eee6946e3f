import sys

import pytest

from warmstart.basics import InputError
from warmstart.data import DataSource, is_at_hand, known_datasets, load, training_samples

POINTS = """
digits = offered_points:small
broken = offered_broken:data
gone = offered_points:missing
offered-points = offered_points:make
offered-list = offered_points:LIST
"""


@pytest.fixture
def other_package(tmp_path, monkeypatch):
    """An installed package that offers data, beside one with damaged metadata."""
    for package, points in (("others", f"[warmstart.data]{POINTS}"), ("damaged", "[warmstart.data\n = = \n")):
        folder = tmp_path / f"{package}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(points)
    (tmp_path / "offered_broken.py").write_text("raise RuntimeError('half installed')")
    (tmp_path / "offered_points.py").write_text("LIST = list('abcd')\ndef make(count=3): return list(range(count))\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in ("offered_broken", "offered_points"):
        sys.modules.pop(name, None)


def test_data_sets_of_other_packages_are_listed_behind_ours_without_being_imported(other_package):
    ours, offered = ([entry for entry in known_datasets() if bool(entry.offered_by) == is_other] for is_other in (0, 1))
    assert [entry.name for entry in offered] == ["broken", "gone", "offered-points", "offered-list"]
    assert {entry.offered_by for entry in offered} == {"others"}
    assert offered[2].title == "offered_points:make of others"
    assert known_datasets() == (*ours, *offered)
    assert not {"offered_points", "offered_broken"} & set(sys.modules)


def test_data_sets_of_other_packages_are_loaded_by_name(other_package):
    source = DataSource("offered-points", options={"count": 5})
    assert (load(source).name, list(load(source).train), training_samples(source)) == (
        "offered-points",
        [0, 1, 2, 3, 4],
        5,
    )
    assert load(DataSource("offered-list")).train == list("abcd")
    assert not is_at_hand(source)


def test_our_own_names_cannot_be_taken(other_package):
    assert load(DataSource("digits", subset=10)).input_shape == (1, 8, 8)


def test_a_path_counts_more_than_what_other_packages_offer(other_package, tmp_path, monkeypatch, write_table):
    write_table("offered-list/train.parquet", {"a": [1, 2], "label": [0, 1]})
    monkeypatch.chdir(tmp_path)
    assert load(DataSource("offered-list")).input_shape == (1,)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "broken",
            "'broken' is offered by .* as offered_broken:data, which cannot be imported: RuntimeError: half installed",
        ),
        (
            "gone",
            "'gone' is offered by .* as offered_points:missing, which cannot be imported: AttributeError",
        ),
        ("offered-point", "Unknown data set 'offered-point': did you mean 'offered-points'"),
    ],
)
def test_one_that_is_broken_is_refused_in_one_sentence_and_harms_no_other(other_package, name, message):
    with pytest.raises(InputError, match=message) as caught:
        load(DataSource(name))
    assert "\n" not in str(caught.value)
    assert len(load(DataSource("offered-list")).train) == 4
