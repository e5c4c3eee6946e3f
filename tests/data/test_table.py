import bz2
import gzip
import json
import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from warmstart.basics import InputError
from warmstart.data import DataSource, load
from warmstart.data._raw import natural_order
from warmstart.data._table import table_ending, table_name

TEXT = "a,b,color,label\n" + "".join(
    f"{row},{row % 5 / 4},{'rgb'[row % 3]},{'xyy'[row % 3]}\n" for row in range(0, 60, 2)
)


def _table() -> pa.Table:
    rows = range(0, 60, 2)
    return pa.table(
        {
            "a": pa.array(rows, pa.int64()),
            "b": [row % 5 / 4 for row in rows],
            "color": ["rgb"[row % 3] for row in rows],
            "label": ["xyy"[row % 3] for row in rows],
        }
    )


def _excel(path: Path, rows: list) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def _write(path: Path) -> None:
    ending = path.name.partition(".")[2]
    data = TEXT.replace(",", {"tsv": "\t", "txt": ";"}.get(ending[:3], ",")).encode()
    if ending.endswith(".gz"):
        path.write_bytes(gzip.compress(data))
    elif ending.endswith(".bz2"):
        path.write_bytes(bz2.compress(data))
    elif ending.endswith(".zst"):
        with pa.CompressedOutputStream(str(path), "zstd") as stream:
            stream.write(data)
    elif ending == "parquet":
        pq.write_table(_table(), path)
    elif ending == "feather":
        pyarrow.feather.write_feather(_table(), str(path))
    elif ending == "arrow":
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, _table().schema) as writer:
            writer.write_table(_table())
    elif ending == "xlsx":
        _excel(path, [_table().column_names, *zip(*_table().to_pydict().values(), strict=True)])
    else:
        path.write_bytes(data)


ENDINGS = ["csv", "tsv", "txt", "csv.gz", "tsv.zst", "csv.bz2", "CSV", "parquet", "feather", "arrow", "xlsx"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_table_is_the_same_in_every_format(tmp_path, load_path, ending):
    _write(tmp_path / "t.csv")
    expected = load_path(tmp_path / "t.csv", label="label")
    path = tmp_path / f"week.{ending}"
    _write(path)
    dataset = load_path(path, label="label")
    assert dataset.name == "week"
    assert (dataset.features, dataset.classes) == (("a", "b", "color"), expected.classes)
    assert np.array_equal(dataset.train.inputs, expected.train.inputs)
    assert np.array_equal(dataset.train.labels, expected.train.labels)


def test_what_a_file_is_compressed_with_is_seen_in_its_first_bytes(tmp_path, load_path):
    (tmp_path / "t.csv").write_bytes(gzip.compress(TEXT.encode()))
    assert len(load_path(tmp_path / "t.csv").train) == 30


@pytest.mark.parametrize(
    ("name", "ending", "called"),
    [
        ("a.csv", ".csv", "a"),
        ("a.b.CSV.GZ", ".csv", "a.b"),
        ("2024.01.parquet", ".parquet", "2024.01"),
        ("a.gz", ".gz", "a"),
        ("a", "", "a"),
    ],
)
def test_a_file_is_called_by_its_name_without_endings(name, ending, called):
    assert (table_ending(Path(name)), table_name(Path(name))) == (ending, called)


def test_files_are_in_the_order_of_the_numbers_in_their_names():
    names = ["b.csv", "a10.csv", "a2.csv", "2024-02-01.csv", "2024-01-31.csv", "a2b.csv"]
    found = [path.name for path in natural_order([Path(name) for name in names])]
    assert found == ["2024-01-31.csv", "2024-02-01.csv", "a2.csv", "a2b.csv", "a10.csv", "b.csv"]


@pytest.mark.parametrize("damage", [b"\x1f\x8bno gzip", b"BZhno bzip", b"\x28\xb5\x2f\xfdno zstd"])
def test_a_damaged_archive_is_one_sentence(tmp_path, load_path, damage):
    (tmp_path / "t.csv.gz").write_bytes(damage)
    with pytest.raises(InputError, match=r"t.csv.gz cannot be read as csv: ") as caught:
        load_path(tmp_path / "t.csv.gz")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", ["feather", "arrow", "xlsx"])
@pytest.mark.parametrize("content", [b"", b"nothing of the kind", b"ARROW1\0\0" * 9, b"FEA1" * 9, b"PK\3\4" * 9])
def test_a_file_that_is_none_of_its_kind_is_one_sentence(tmp_path, load_path, ending, content):
    (tmp_path / f"t.{ending}").write_bytes(content)
    with pytest.raises(InputError, match=rf"t.{ending} cannot be read as {ending}: ") as caught:
        load_path(tmp_path / f"t.{ending}")
    assert "\n" not in str(caught.value)


# In a process of its own, as only that knows what reading alone takes.
CHILD = """
import json, resource, sys
from warmstart.basics import InputError
from warmstart.data import DataSource, load
import pyarrow.csv, pyarrow.parquet, openpyxl
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    said = load(DataSource(sys.argv[1], max_bytes=10_000_000)).name
except InputError as error:
    said = str(error)
print(json.dumps([said, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024]))
"""


@pytest.mark.parametrize("ending", ["csv.gz", "csv.zst", "csv.bz2", "xlsx", "feather"])
def test_a_small_file_that_expands_beyond_the_limit_is_refused(tmp_path, ending):
    path = tmp_path / f"t.{ending}"
    rows = b"a,label\n" + b"1,x\n1,y\n" * 12_000_000
    if ending == "feather":
        table = pa.table({"a": pa.repeat(1, 6_000_000), "label": pa.repeat(0, 6_000_000)})
        pyarrow.feather.write_feather(table, str(path), compression="zstd")
    elif ending == "xlsx":
        _excel(path, [["a", "label"], [1, "x" * 30_000], *[[1, f"{number:030000}"] for number in range(400)]])
    elif ending == "csv.zst":
        with pa.CompressedOutputStream(str(path), "zstd") as stream:
            stream.write(rows)
    else:
        path.write_bytes({"csv.gz": gzip, "csv.bz2": bz2}[ending].compress(rows, 1))
    done = subprocess.run([sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, check=True)
    said, grown = json.loads(done.stdout)
    assert said.startswith("max_bytes (--max-bytes) must be at least ")
    assert grown < 120e6


def test_cells_of_a_sheet_keep_their_types(tmp_path, load_path):
    rows = [
        ["day", "when", "count", "share", "flag", "mixed", "label"],
        [date(1970, 1, 2), datetime(1970, 1, 1, 6), 2**40 + 1, 0.5, True, 1, "x"],
        [None, None, None, None, None, None, None],
        [datetime(1970, 1, 3), None, 3, 2, False, "one", "y"],
    ]
    dataset = load_path(_excel(tmp_path / "t.xlsx", rows))
    assert dataset.features == tuple(rows[0][:-1])
    expected = [[1, 0.25, 2**40 + 1, 0.5, 1, 0], [2, np.nan, 3, 2, 0, 1]]
    assert dataset.train.inputs.tolist() == [pytest.approx(row, nan_ok=True) for row in expected]


def test_the_first_sheet_is_read_and_said_to_be(tmp_path, load_path):
    book = openpyxl.Workbook()
    book.active.title = "data"
    for row in (["a", "label"], [1, "x"], [2, "y"]):
        book.active.append(row)
    book.create_sheet("notes").append(["nothing"])
    book.save(tmp_path / "t.xlsx")
    dataset = load_path(tmp_path / "t.xlsx")
    assert len(dataset.train) == 2
    assert dataset.notes == ("t.xlsx read with sheet 'data', the first of 2.",)


def test_a_sheet_without_a_header_loses_no_row(tmp_path, load_path):
    path = _excel(tmp_path / "t.xlsx", [[row % 7, row % 3, row % 2] for row in range(20)])
    dataset = load_path(path, label="3")
    assert (len(dataset.train), dataset.features) == (20, ("1", "2"))


def test_an_empty_sheet_is_one_sentence(tmp_path, load_path):
    with pytest.raises(InputError, match=r"t.xlsx cannot be read as xlsx: its first sheet is empty"):
        load_path(_excel(tmp_path / "t.xlsx", []))


def test_options_of_text_are_refused_for_other_files(tmp_path, load_path):
    _write(tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"separator \(--separator\) must be left out for t.parquet, which is no text"):
        load_path(tmp_path / "t.parquet", separator=";")


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("a,b,other,label\n1,2,3,x\n", "2.csv has no 'color' and 'other' besides"),
        ("a,b,label\n1,2,x\n", "2.csv has no 'color'"),
        ("a,b,color,label,more\n1,2,r,x,3\n", "2.csv has 'more' besides"),
    ],
)
def test_files_of_a_folder_must_have_the_same_columns(tmp_path, load_path, second, message):
    (tmp_path / "1.csv").write_text(TEXT)
    (tmp_path / "2.csv").write_text(second)
    with pytest.raises(InputError, match=rf"columns of the first, 1.csv, but .*{message}\.$"):
        load_path(tmp_path)


def test_columns_of_several_files_may_be_in_another_order_and_of_other_types(tmp_path, load_path):
    pq.write_table(pa.table({"a": [1, 2], "b": ["r", "s"], "label": [0, 1]}), tmp_path / "1.parquet")
    pq.write_table(
        pa.table({"label": [1, 0], "b": pa.array(["s", "t"]).dictionary_encode(), "a": [0.5, None]}),
        tmp_path / "2.parquet",
    )
    (tmp_path / "3.csv").write_text("b,label,a\nr,0,7\n")
    dataset = load_path(tmp_path)
    assert dataset.train.inputs.tolist() == [
        pytest.approx(row, nan_ok=True) for row in [[1, 0], [2, 1], [0.5, 1], [np.nan, 2], [7, 0]]
    ]
    assert dataset.order.arrivals.tolist() == [0, 0, 1, 1, 2]
    assert "filled: a (1 missing, '' in row 2 of 2.parquet)" in " ".join(dataset.notes)


def test_later_files_are_read_as_the_first(tmp_path, load_path):
    (tmp_path / "1.csv").write_text("".join(f"{row % 7};{row % 3};{row % 2}\n" for row in range(20)))
    (tmp_path / "2.csv").write_text("3;2;1\n")
    dataset = load_path(tmp_path, label="3")
    assert len(dataset.train) == 21
    assert dataset.train.inputs[-1].tolist() == [3, 2]


@pytest.mark.parametrize(
    ("names", "train", "test", "arrivals"),
    [
        (["2024-01.csv", "2024-02.csv"], ["2024-01", "2024-02"], [], 2),
        (["2024-01.csv", "test.csv"], ["2024-01"], ["test"], 0),
        (["train.csv", "test.csv", "valid.csv"], ["train"], ["test"], 0),
        (["Train.csv", "Test.csv"], ["Train"], ["Test"], 0),
        (["1.parquet", "2.parquet", "3.parquet"], ["1", "2", "3"], [], 3),
        (["part-0.parquet", "part-1.parquet"], ["part-0", "part-1"], [], 0),
        (["train-0.parquet", "train-1.parquet", "test-0.parquet"], ["train-0", "train-1"], ["test-0"], 0),
        (["1.csv.gz", "2.tsv", ".hidden.csv", "_SUCCESS.csv", "README.txt"], ["1", "2"], [], 2),
        (["1.txt", "2.txt"], ["1", "2"], [], 2),
    ],
)
def test_files_of_a_folder_are_arrivals_parts_or_splits_by_their_names(
    tmp_path, load_path, names, train, test, arrivals
):
    for name in names:
        number = (train + test).index(name.split(".")[0]) if name.split(".")[0] in train + test else 99
        text = "number,a,label\n" + "".join(f"{number},{row},{'xy'[row % 2]}\n" for row in (3, 0, 2, 5))
        if name.endswith("parquet"):
            columns = {"number": [number] * 4, "a": [3, 0, 2, 5], "label": list("yxxy")}
            pq.write_table(pa.table(columns), tmp_path / name)
        else:
            text = text.replace(",", "\t") if ".tsv" in name else text
            (tmp_path / name).write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    dataset = load_path(tmp_path, with_test=bool(test), features=("number", "a"))
    assert np.unique(dataset.train.inputs[:, 0]).tolist() == list(range(len(train)))
    assert (len(dataset.train), 0 if dataset.test is None else len(dataset.test)) == (4 * len(train), 4 * len(test))
    found = None if dataset.order is None else dataset.order.arrivals
    assert (0 if found is None else found.max() + 1) == arrivals


def test_a_list_beside_class_folders_of_images_is_no_table(tmp_path, load_path, images, encoded):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(encoded(images[0].transpose(1, 2, 0)))
    (tmp_path / "labels.csv").write_text(TEXT)
    (tmp_path / "README.txt").write_text("About these images.")
    assert load_path(tmp_path).is_image


def test_only_the_test_set_in_a_folder_is_refused(tmp_path, load_path):
    (tmp_path / "test.csv").write_text(TEXT)
    with pytest.raises(InputError, match=r"must contain training files, got only a test set, such as test.csv"):
        load_path(tmp_path)


def test_a_test_set_is_a_file_of_a_table(tmp_path):
    (tmp_path / "t.csv").write_text(TEXT)
    (tmp_path / "t.docx").write_text("")
    (tmp_path / "folder").mkdir()
    for test in ("nothing.csv", "t.docx", "folder"):
        with pytest.raises(InputError, match="test must be a file that exists and ends in"):
            load(DataSource(str(tmp_path / "t.csv"), test=str(tmp_path / test)), with_test=True)
