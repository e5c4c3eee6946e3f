"""Small files that expand to much memory are refused before they do, unless the limit is raised."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.io
from PIL import Image

from warmstart.basics import InputError
from warmstart.data import DataSource, load

LIMIT = 10_000_000  # every file here expands to at least nine times as much


def _npz(folder: Path) -> Path:
    np.savez_compressed(folder / "a.npz", x=np.zeros((100, 1000, 1000), np.uint8), y=np.arange(100) % 2)
    return folder / "a.npz"


def _npz_of_long_labels(folder: Path) -> Path:
    labels = np.array(["x", "y" * 100_000] + ["z"] * 250)
    np.savez_compressed(folder / "a.npz", x=np.zeros((252, 2)), y=labels)
    return folder / "a.npz"


def _table(folder: Path) -> Path:
    labels = np.arange(10_000_000) % 2
    pq.write_table(pa.table({"a": pa.repeat(0.5, len(labels)), "label": labels.astype(bool)}), folder / "a.parquet")
    return folder / "a.parquet"


def _columns(folder: Path) -> Path:
    columns = {f"c{number}": pa.repeat(0.5, 250_000) for number in range(40)}
    pq.write_table(pa.table({**columns, "label": np.arange(250_000) % 2}), folder / "a.parquet")
    return folder / "a.parquet"


def _long_labels(folder: Path) -> Path:
    labels = pa.array(["a" * 45_000_000, "b" * 45_000_000])
    pq.write_table(pa.table({"a": [1, 2], "label": labels}), folder / "a.parquet", compression="zstd")
    return folder / "a.parquet"


def _png(folder: Path) -> Path:
    for name in "ab":
        (folder / name).mkdir()
        Image.new("RGB", (4000, 4000)).save(folder / name / "1.png")
    return folder


def _images(form: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        buffer = io.BytesIO()
        Image.new("RGB", (1000, 1000)).save(buffer, form)
        cells = pa.array([{"bytes": buffer.getvalue(), "path": None}] * 40)
        pq.write_table(pa.table({"image": cells, "label": np.arange(40) % 2}), folder / "a.parquet", compression="zstd")
        return folder / "a.parquet"

    return write


def _csv(folder: Path) -> Path:
    with (folder / "a.csv").open("wb") as file:
        file.write(b"a,label\n1,x\n2,y\n")
        file.truncate(100_000_000)
    return folder / "a.csv"


def _mat(folder: Path) -> Path:
    images, labels = np.zeros((32, 32, 3, 30_000), np.uint8), np.ones((30_000, 1), np.uint8)
    scipy.io.savemat(folder / "train_32x32.mat", {"X": images, "y": labels}, do_compression=True)
    return folder


BOMBS = {
    "npz": _npz,
    "npz of long labels": _npz_of_long_labels,
    "parquet rows": _table,
    "parquet columns": _columns,
    "parquet labels": _long_labels,
    "png": _png,
    **{f"parquet of {form}": _images(form) for form in ("PNG", "GIF", "WEBP", "TIFF", "JPEG")},
    "csv": _csv,
    "mat": _mat,
}

# Peak memory of a process of its own, in which nothing but the reading has happened.
CHILD = """
import json, resource, sys
from warmstart.basics import InputError
from warmstart.data import DataSource, load
import pyarrow.csv, pyarrow.parquet, PIL.Image
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    said = load(DataSource(**json.loads(sys.argv[1]))).name
except InputError as error:
    said = str(error)
print(json.dumps([said, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024]))
"""


@pytest.mark.parametrize("write", BOMBS.values(), ids=BOMBS)
def test_what_expands_beyond_the_limit_is_refused_before_it_does(tmp_path, write):
    path = write(tmp_path)
    place = {"name": "svhn", "directory": str(path)} if write is _mat else {"name": str(path)}
    settings = json.dumps({**place, "max_bytes": LIMIT})
    done = subprocess.run([sys.executable, "-c", CHILD, settings], capture_output=True, text=True, check=True)
    said, grown = json.loads(done.stdout)
    assert said.startswith("max_bytes (--max-bytes) must be at least ")
    assert said.endswith("got 10,000,000.")
    assert grown < 60e6


def test_the_limit_that_the_message_names_is_enough(tmp_path, load_path):
    path = _images("PNG")(tmp_path)
    with pytest.raises(InputError) as caught:
        load_path(path, max_bytes=1_000_000)
    needed = int(str(caught.value).split("at least ")[1].split(" ")[0].replace(",", ""))
    with pytest.raises(InputError):
        load_path(path, max_bytes=needed - 1)
    assert load_path(path, max_bytes=needed).train.inputs.nbytes == 120_000_000 < needed


def test_a_subset_needs_no_more_memory_than_its_images(tmp_path, load_path):
    assert len(load_path(_images("PNG")(tmp_path), max_bytes=3 * LIMIT, subset=3).train) == 3


def test_an_image_larger_than_the_first_is_refused_before_it_is_decoded(tmp_path, load_path, peak_memory):
    for name, size in (("a", 10), ("b", 9000)):
        (tmp_path / name).mkdir()
        Image.new("1", (size, size)).save(tmp_path / name / "1.png")

    def load_it():
        with pytest.raises(InputError, match=r"must all have the same size, but .*b/1.png is 9000x9000, .* is 10x10"):
            load_path(tmp_path)

    assert peak_memory(load_it)[1] < 10e6


def test_an_image_of_more_pixels_than_anyone_means_is_one_sentence(tmp_path, load_path):
    header = b"P5 60000 60000 255\n"
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.pgm").write_bytes(header)
    with pytest.raises(InputError, match=r"b?a/1.pgm cannot be read: Image size .* exceeds limit"):
        load_path(tmp_path, max_bytes=10**12)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((10**12, 10), "but contains 0 bytes"),
        ((2**40, 0), "but x in a.npz is of shape|at least one feature|Labels must"),
    ],
)
def test_an_array_that_is_not_there_is_not_made(tmp_path, load_path, shape, message):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        for name, array_shape in (("x.npy", shape), ("y.npy", (2,))):
            buffer = io.BytesIO()
            header = {"descr": "<f8", "fortran_order": False, "shape": array_shape}
            np.lib.format.write_array_header_1_0(buffer, header)
            archive.writestr(name, buffer.getvalue() + (bytes(16) if name == "y.npy" else b""))
    with pytest.raises(InputError, match=message):
        load_path(tmp_path / "a.npz")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_array_that_is_inflated_whole_is_refused(tmp_path, load_path, method):
    np.savez(tmp_path / "b.npz", x=np.zeros((4, 2)), y=[0, 1, 0, 1])
    with zipfile.ZipFile(tmp_path / "b.npz") as plain, zipfile.ZipFile(tmp_path / "a.npz", "w", method) as archive:
        for name in plain.namelist():
            archive.writestr(name, plain.read(name))
    with pytest.raises(InputError, match="x is compressed by another method than NumPy uses"):
        load_path(tmp_path / "a.npz")


def test_a_value_that_stands_in_a_file_once_is_not_copied_for_every_row_at_once(tmp_path, encoded, load_path):
    image = encoded(np.zeros((4, 4, 3), np.uint8))
    fat = image + bytes(10_000_000)
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(80, np.int32)), pa.array([fat]))
    table = pa.table({"image": column, "label": np.arange(80) % 2})
    pq.write_table(
        table, tmp_path / "a.parquet", store_schema=False, dictionary_pagesize_limit=2**30, compression="zstd"
    )
    settings = json.dumps({"name": str(tmp_path / "a.parquet")})
    done = subprocess.run([sys.executable, "-c", CHILD, settings], capture_output=True, text=True, check=True)
    said, grown = json.loads(done.stdout)
    assert said == "a"
    assert grown < 500e6  # the copies are 0.8 GB


@pytest.mark.parametrize("value", [0, -1, 2.5, None, True, "1"])
def test_a_limit_of_the_wrong_kind_is_refused(value):
    with pytest.raises(InputError, match=r"max_bytes must be (a whole number of at least 1|given), got"):
        DataSource(max_bytes=value)


def test_memory_that_the_machine_does_not_have_is_one_sentence(monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr("warmstart.data._load.assemble", fail)
    with pytest.raises(InputError, match=r"digits needs more memory than this machine has: .* --subset"):
        load(DataSource())
