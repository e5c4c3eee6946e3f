"""Small tables of every kind that people bring, where the machine has the script that writes them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from warmstart.basics import InputError
from warmstart.data import Dataset, DataSource, load

SCRIPT = Path(__file__).resolve().parents[2].parent / "shared" / "cases" / "tables" / "make.py"


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> Path:
    if not SCRIPT.is_file():
        pytest.skip("the script that writes these tables is not on this machine")
    folder = tmp_path_factory.mktemp("tables")
    subprocess.run([sys.executable, SCRIPT, folder], check=True, capture_output=True)
    return folder


@pytest.fixture
def load_table(tables):
    def load_it(name: str, **settings) -> Dataset:
        targets = settings.pop("targets", "classes")
        dataset = load(DataSource(str(tables / name), **settings), targets=targets)
        assert isinstance(dataset, Dataset)
        return dataset

    return load_it


def test_every_table_of_the_script_is_tested_here(tables):
    names = json.loads((tables / "expected.json").read_text())
    here = Path(__file__).read_text()
    # Folders of images are read elsewhere.
    assert [name for name in names if f'"{name.rstrip("/")}"' not in here] == ["splits/"]


def test_text_columns_are_encoded_and_the_row_number_left_out(load_table):
    dataset = load_table("text_columns.csv")
    assert dataset.features == ("color", "size", "member", "joined")
    assert len(dataset.train) == 120
    (note,) = dataset.notes
    for word in ("color (category of 3", "member (boolean", "joined (time", "left out: id (row number, '0' in row 1)"):
        assert word in note


@pytest.mark.parametrize("name", ["semicolons.csv", "decimal_commas.csv", "tabs.tsv", "gzipped.csv.gz"])
def test_two_numbers_are_two_features_whatever_separates_them(load_table, name):
    dataset = load_table(name)
    assert dataset.train.inputs.shape == (60, 2)
    assert dataset.train.inputs.dtype == np.float32
    assert (dataset.train.inputs >= 0).all()
    assert (dataset.train.inputs <= 1).all()
    assert dataset.classes == ("0", "1")
    assert any("separator ';'" in note for note in dataset.notes) == (name in ("semicolons.csv", "decimal_commas.csv"))
    assert any("decimal comma" in note for note in dataset.notes) == (name == "decimal_commas.csv")


def test_without_a_header_no_row_is_lost(load_table):
    dataset = load_table("headerless.csv", label="4")
    assert dataset.features == ("1", "2", "3")
    assert dataset.train.inputs[:, 0].tolist() == [row % 7 for row in range(60)]


def test_missing_cells_are_filled_and_marked_or_refused(load_table):
    dataset = load_table("missing.csv")
    assert "filled: a (7 missing, '' in row 1), b (6 missing, '?' in row 1)" in dataset.notes[0]
    assert dataset.encoding.features == ("a", "a is missing", "b", "b is missing")
    with pytest.raises(InputError, match=r"a \('' in row 1\), b \('\?' in row 1\)"):
        load_table("missing.csv", missing="refuse")


def test_labels_in_several_spellings_are_told_and_made_one_on_request(load_table):
    assert len(load_table("label_dirt.csv").classes) == 5
    assert "differ in case, spaces or a full stop alone" in load_table("label_dirt.csv").notes[0]
    assert load_table("label_dirt.csv", tidy_labels=True).classes == ("no", "yes")


def test_prices_are_no_classes_without_a_word(load_table):
    with pytest.raises(InputError, match=r"classes or values\?.*--learner regressor.*--many-classes"):
        load_table("many_values.csv", label="price")
    assert load_table("many_values.csv", label="price", targets="values").description.startswith("300 rows, 1 feature,")


def test_shares_of_a_rare_class_are_told(load_table):
    assert load_table("rare_class.csv").description == "3,000 rows, 3 features, 2 classes: 0 99.3 %, 1 0.7 %"
    assert load_table("noisy_labels.csv").description.startswith("900 rows, 8 features, 2 classes: 1 5")


def test_days_are_an_order(load_table):
    dataset = load_table("drifting.csv", order="day")
    assert dataset.order.in_time
    assert (np.diff(dataset.train.inputs[:, 0]) >= 0).all()


def test_whole_numbers_stand_as_in_the_file(load_table, tables):
    dataset = load_table("integer_ids.csv", scale="none")
    assert dataset.train.inputs.dtype == np.int64
    assert np.array_equal(
        dataset.train.inputs, np.loadtxt(tables / "integer_ids.csv", np.int64, delimiter=",", skiprows=1)[:, :2]
    )


def test_a_table_in_latin_1_is_read_and_said_to_be(load_table):
    dataset = load_table("latin1.csv")
    assert (dataset.features, dataset.classes) == (("größe",), ("ä", "ö"))
    assert "--encoding" in dataset.notes[0]


def test_thousands_and_per_cent_are_numbers(load_table):
    dataset = load_table("thousands.csv")
    expected = [[1001 * row, row / 100] for row in range(40)]
    assert np.array_equal(dataset.train.inputs, np.array(expected, np.float32))


def test_dated_files_are_arrivals(load_table):
    assert load_table("days").order.arrivals.tolist() == [day for day in range(5) for _ in range(40)]
