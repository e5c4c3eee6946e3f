"""Files that are written: never in the place of what is no file, and tried beforehand."""

import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from warmstart.basics import InputError, check_directory_path, check_writable, checked_path, write_atomically


@pytest.fixture
def fifo(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    return tmp_path / "fifo"


@pytest.fixture
def unix_socket(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's address may have 108 bytes only
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
        yield tmp_path / "socket"


def test_a_device_stays_a_device(tmp_path):
    linked = tmp_path / "null"
    linked.symlink_to("/dev/null")
    for path in (Path("/dev/null"), linked):
        check_writable("json", path)
        write_atomically(path, "lost")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert linked.readlink() == Path("/dev/null")


def test_a_fifo_gets_what_is_written_and_stays(fifo):
    check_writable("json", fifo)  # without a reader, and without waiting for one
    read = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_text()))
    reader.start()
    write_atomically(fifo, "content")
    reader.join(timeout=10)
    assert read == ["content"]
    assert fifo.is_fifo()


def test_a_socket_is_refused_and_stays(unix_socket):
    for write in (lambda: check_writable("json", unix_socket), lambda: write_atomically(unix_socket, "")):
        with pytest.raises(InputError, match="a socket"):
            write()
    assert unix_socket.is_socket()


def test_a_folder_is_refused(tmp_path):
    for write in (lambda: check_writable("json", tmp_path), lambda: write_atomically(tmp_path, "")):
        with pytest.raises(InputError, match="a folder"):
            write()


@pytest.mark.parametrize("links", [["inner/target"], ["inner/second", "target"], ["inner/new"], ["../{}/inner/target"]])
def test_links_stay_and_what_they_lead_to_is_replaced(links, tmp_path):
    (tmp_path / "inner").mkdir()
    target = tmp_path / "inner/target"
    target.write_text("old")
    reader = target.open()
    (tmp_path / "first").symlink_to(links[0].format(tmp_path.name))
    if len(links) == 2:
        (tmp_path / "inner/second").symlink_to(links[1])
    check_writable("json", tmp_path / "first")
    write_atomically(tmp_path / "first", "new")
    assert (tmp_path / "first").is_symlink()
    assert (tmp_path / "first").read_text() == "new"
    with reader:
        assert reader.read() == "old", "a reader never meets half of the new one"


def test_an_open_files_name_leads_to_that_very_file(tmp_path):
    path = tmp_path / "log"
    with path.open("w") as log:
        log.write("first\n")
        log.flush()
        write_atomically(Path(f"/dev/fd/{log.fileno()}"), "second\n")
        assert path.stat().st_ino == os.fstat(log.fileno()).st_ino
    assert path.read_text() == "first\nsecond\n"


def test_permissions_stay(tmp_path):
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    write_atomically(path, "content")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["n" * 255, "\N{SNOWMAN}" * 85], ids=["ascii", "unicode"])
def test_names_of_the_greatest_length_are_written(name, tmp_path):
    check_writable("json", tmp_path / name)
    write_atomically(tmp_path / name, "content")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "replace", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_atomically(tmp_path / "file", "content")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", ["/dev/null/x", "/proc/x", "no-such-folder/x", "file/x", "n" * 256, "loop", "loop/x"])
def test_where_nothing_can_be_written_is_one_sentence(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=r"^json must be .*, got [^\n]*\.$"):
        check_writable("json", Path(path))
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("path", ["/dev/null", "/dev/null/x", "/proc/x", "/proc/x/y", "file", "dangling"])
def test_where_no_folder_can_be_is_one_sentence(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(InputError, match=r"^out must be a directory.*, got [^\n]*\.$"):
        check_directory_path("out", Path(path))


def test_a_folder_that_has_to_be_made_with_others_is_fine_and_is_not_made(tmp_path):
    check_directory_path("out", tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "an empty text"),
        ("~nosuchuser/x", "there is no such user"),
        ("n" * 256, "file name too long"),
        ("/".join("n" * 2500), "file name too long"),
        ("file/x", "not a directory"),
        ("loop", "too many levels of symbolic links"),
        ("zero\0byte", "embedded null byte"),
    ],
    ids=lambda value: value[:12],
)
def test_paths_that_cannot_be_are_one_sentence(path, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError, match=rf"^out must be a path, got .*{reason}\.$") as caught:
        checked_path("out", path)
    assert len(str(caught.value)) < 200


def test_the_home_folder_has_its_sign(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert checked_path("out", "~/study") == tmp_path / "study"
