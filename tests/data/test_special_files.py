"""What is no regular file, or is elsewhere, is not opened."""

import os
import socket
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from warmstart.basics import InputError
from warmstart.data import DataSource, load

pytestmark = pytest.mark.timeout(30)  # opening a pipe that nobody writes to waits for ever

KINDS = ("named pipe", "socket", "character device", "folder")


@pytest.fixture
def make_special(monkeypatch):
    """Put a special file at a path."""

    def make(path: Path, kind: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "named pipe":
            os.mkfifo(path)
        elif kind == "socket":
            monkeypatch.chdir(path.parent)  # the path of a socket is limited to some hundred bytes
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(path.name)
        elif kind == "character device":
            path.symlink_to("/dev/zero")
        else:
            path.mkdir()
        return path

    return make


def _write_png(path: Path, value: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((3, 3, 3), value, np.uint8)).save(path)
    return path


@pytest.mark.parametrize("kind", KINDS[:3])
@pytest.mark.parametrize("name", ["a.csv", "a.npz", "a.parquet"])
def test_a_path_to_data_must_be_a_regular_file(tmp_path, load_path, make_special, kind, name):
    with pytest.raises(InputError, match=rf"/{name} cannot be read as \w+: it is a {kind}, not a regular file[.]$"):
        load_path(make_special(tmp_path / name, kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["train.parquet", "test.parquet"])
def test_a_file_in_a_folder_must_be_a_regular_file(tmp_path, load_path, write_table, make_special, kind, name):
    make_special(tmp_path / name, kind)
    if name != "train.parquet":
        write_table("train.parquet", {"a": [1, 2], "label": [0, 1]})
    with pytest.raises(InputError, match=rf"{name} cannot be read as parquet: it is a {kind}"):
        load_path(tmp_path, with_test=True)


@pytest.mark.parametrize("kind", KINDS[:3])
def test_an_image_in_a_class_folder_must_be_a_regular_file(tmp_path, load_path, make_special, kind):
    _write_png(tmp_path / "set" / "a" / "1.png")
    make_special(tmp_path / "set" / "b" / "1.png", kind)
    with pytest.raises(InputError, match=rf"set/b/1.png cannot be read as image: it is a {kind}, not a regular file"):
        load_path(tmp_path / "set")


@pytest.mark.parametrize("name", ["a.csv", "a.npz", "a.parquet", "set/a/1.png"])
def test_a_link_to_a_regular_file_is_as_good_as_the_file(tmp_path, load_path, write_table, name):
    _write_png(tmp_path / "set" / "b" / "1.png")
    _write_png(tmp_path / "files" / "1.png", 7)
    write_table("files/a.csv", "a,label\n1,x\n2,y\n")
    write_table("files/a.parquet", {"a": [1, 2], "label": ["x", "y"]})
    np.savez(tmp_path / "files" / "a.npz", x=np.array([[1], [2]]), y=["x", "y"])
    link = tmp_path / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(tmp_path / "files" / link.name)
    dataset = load_path(tmp_path / "set" if "set" in name else link)
    assert dataset.train.inputs.ravel()[0] == (7 if "set" in name else 1)


@pytest.mark.parametrize(
    "place", ["../outside.png", "/etc/hostname", "{folder}/../outside.png", "link.png", "linked/outside.png"]
)
def test_an_image_that_a_parquet_file_names_must_be_in_its_folder(tmp_path, load_path, place):
    folder = tmp_path / "data"
    _write_png(tmp_path / "outside.png")
    _write_png(folder / "inside.png")
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    (folder / "linked").symlink_to(tmp_path)
    paths = ["inside.png", place.format(folder=folder)]
    pq.write_table(
        pa.table({"image": [{"bytes": None, "path": path} for path in paths], "label": [0, 1]}), folder / "a.parquet"
    )
    with pytest.raises(InputError, match=r"must be in the folder of a.parquet or below, but row 2 of a.parquet names "):
        load_path(folder / "a.parquet")


@pytest.mark.parametrize("place", ["deep/2.png", "./deep/../deep/2.png", "{folder}/deep/2.png", "link.png"])
def test_an_image_below_the_folder_is_read_however_its_path_is_written(tmp_path, load_path, place):
    _write_png(tmp_path / "1.png", 1)
    _write_png(tmp_path / "deep" / "2.png", 2)
    (tmp_path / "link.png").symlink_to("deep/2.png")
    paths = ["1.png", place.format(folder=tmp_path)]
    pq.write_table(
        pa.table({"image": [{"bytes": None, "path": path} for path in paths], "label": [0, 1]}), tmp_path / "a.parquet"
    )
    assert load_path(tmp_path / "a.parquet").train.inputs[:, 0, 0, 0].tolist() == [1, 2]


@pytest.mark.parametrize("kind", ["named pipe", "socket", "folder"])
def test_an_image_that_a_parquet_file_names_must_be_a_regular_file(tmp_path, load_path, make_special, kind):
    _write_png(tmp_path / "1.png")
    make_special(tmp_path / "2.png", kind)
    cells = [{"bytes": None, "path": f"{number}.png"} for number in (1, 2)]
    pq.write_table(pa.table({"image": cells, "label": [0, 1]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=f"2.png cannot be read as image: it is a {kind}"):
        load_path(tmp_path / "a.parquet")


@pytest.mark.parametrize("path", ["a\0.png", "a" * 300 + ".png", "no.png"])
def test_a_path_in_a_parquet_file_that_leads_nowhere_is_one_sentence(tmp_path, load_path, path):
    cells = [{"bytes": None, "path": path}] * 2
    pq.write_table(pa.table({"image": cells, "label": [0, 1]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="cannot be read") as caught:
        load_path(tmp_path / "a.parquet")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "beginning", [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 3 3\n", b"%PDF-1.4\n", b"\0\0\1\0"]
)
def test_an_image_is_one_of_the_formats_meant_whatever_its_name(tmp_path, load_path, monkeypatch, beginning):
    _write_png(tmp_path / "set" / "a" / "1.png")
    (tmp_path / "set" / "b").mkdir()
    (tmp_path / "set" / "b" / "1.png").write_bytes(beginning + b"showpage\n%%EOF\n")
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("no program is to be started"))
    with pytest.raises(InputError, match=r"set/b/1.png cannot be read: unknown format, or not PNG, JPEG"):
        load_path(tmp_path / "set")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
def test_the_format_of_an_image_is_that_of_its_content(tmp_path, load_path, encoded, form):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").write_bytes(encoded(np.full((8, 8, 3), 128, np.uint8), form))
    assert np.ptp(load_path(tmp_path).train.inputs.astype(int) - 128) <= 2


@pytest.mark.parametrize("name", [b"caf\xe9", b"\xff"])
def test_a_class_folder_whose_name_is_not_utf_8_is_refused(tmp_path, load_path, name):
    _write_png(tmp_path / "set" / "a" / "1.png")
    _write_png(tmp_path / "set" / os.fsdecode(name) / "1.png")
    with pytest.raises(InputError, match=r"Class names must be UTF-8 text, .* contains '.*\\udc") as caught:
        load_path(tmp_path / "set")
    assert str(caught.value).isascii()


def test_an_image_whose_name_is_not_utf_8_is_read_and_can_be_named(tmp_path, load_path):
    first = _write_png(tmp_path / "set" / "a" / "1.png")
    _write_png(tmp_path / "set" / "b" / os.fsdecode(b"caf\xe9.png"), 3)
    assert load_path(tmp_path / "set").train.inputs.max() == 3
    first.with_name(os.fsdecode(b"\xe9.png")).write_bytes(b"no image")
    with pytest.raises(InputError, match=r"a/\\udce9.png cannot be read: unknown format"):
        load_path(tmp_path / "set")


@pytest.mark.parametrize("setting", ["name", "directory", "label"])
def test_settings_that_no_study_could_store_are_refused(setting):
    with pytest.raises(InputError, match=r"must be UTF-8 text, got 'caf\\udce9.csv'"):
        DataSource(**{setting: "caf\udce9.csv"})


@pytest.mark.parametrize(
    "name", ["/" + "a" * 300 + ".csv", "~nobody-of-that-name/a.csv", "a\0.csv", "/etc/hostname/a.csv"]
)
def test_a_path_that_cannot_be_is_one_sentence(name):
    for source in (DataSource(name), DataSource("mnist", name)):
        with pytest.raises(InputError) as caught:
            load(source)
        assert str(caught.value).isprintable()
        assert str(caught.value).endswith(".")
