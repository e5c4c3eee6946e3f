"""Whether a source holds rows of a table or images, without reading it."""

import numpy as np
import pytest

from warmstart.data import DataSource, is_table

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def _parquet(path, **columns):
    parquet.write_table(pa.table(columns), path)
    return path


def _npz(path, inputs):
    np.savez(path, x=inputs, y=np.zeros(len(inputs)))
    return path


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda folder: "digits", False),
        (lambda folder: "diabetes", True),
        (lambda folder: "cifar10", False),
        (lambda folder: "mine.data:Rows", None),
        (lambda folder: "no/such/file.csv", True),
        (lambda folder: "no/such/file.tsv.zst", True),
        (lambda folder: "no/such/file.parquet", None),
        (lambda folder: "no/such/folder", None),
        (lambda folder: "CHURN.CSV", True),
        (lambda folder: _parquet(folder / "a.parquet", a=[1.0], label=[0]), True),
        (lambda folder: _parquet(folder / "a.parquet", img=[{"bytes": b"", "path": None}], label=[0]), False),
        (lambda folder: _parquet(folder / "a.parquet", image=[b""], label=[0]), False),
        (lambda folder: _parquet(folder / "train-0.parquet", image=[b""], label=[0]).parent, False),
        (lambda folder: _parquet(folder / "train-0.parquet", a=["x"], label=[0]).parent, True),
        (lambda folder: _npz(folder / "a.npz", np.zeros((2, 3))), True),
        (lambda folder: _npz(folder / "a.npz", np.zeros((2, 8, 8))), False),
    ],
)
def test_the_kind_is_told_from_names_and_headers_alone(make, expected, tmp_path):
    assert is_table(DataSource(str(make(tmp_path)))) is expected


def test_a_folder_of_tables_is_one_and_a_folder_of_class_folders_is_not(tmp_path):
    (tmp_path / "days").mkdir()
    (tmp_path / "days" / "2024-01-01.csv").write_text("a,label\n1,0\n")
    (tmp_path / "images" / "cat").mkdir(parents=True)
    assert is_table(DataSource(str(tmp_path / "days"))) is True
    assert is_table(DataSource(str(tmp_path / "images"))) is False


@pytest.mark.parametrize("name", ["a.npz", "a.parquet"])
def test_a_damaged_file_is_left_to_its_reader(name, tmp_path):
    (tmp_path / name).write_bytes(b"neither")
    assert is_table(DataSource(str(tmp_path / name))) is None
