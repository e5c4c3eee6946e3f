import json
import shutil

import numpy as np
import pytest

from projects import customers, project
from warmstart.basics import InputError, StorageError
from warmstart.retrain import Retrainer, lines_of, load_champion
from warmstart.retrain._objects import crashing_at


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory):
    return project(tmp_path_factory.mktemp("export") / "project", arrivals=1).directory


@pytest.fixture
def shop(trained_once, tmp_path):
    """A copy of a project with a champion, of each test's own."""
    return Retrainer(shutil.copytree(trained_once, tmp_path / "project"))


def test_an_export_serves_without_its_project(shop, tmp_path):
    expected = shop.predict(customers(20)).outputs
    found = shop.export(tmp_path / "deep" / "out")
    moved = (tmp_path / "deep" / "out").rename(tmp_path / "elsewhere")
    shutil.rmtree(shop.directory)
    served = load_champion(moved)
    assert np.array_equal(served.predict(customers(20)).outputs, expected)
    assert (served.id, served.round) == (found.model, found.round) == (found.model, 1)
    file = tmp_path / "new.csv"
    customers(20).to_csv(file, index=False)
    assert np.array_equal(served.predict(served.read(file)).outputs, expected)


def test_an_export_is_one_file_of_tensors_and_one_of_plain_values(shop, tmp_path):
    found = shop.export(tmp_path / "out")
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "out").iterdir()}
    assert found.files == sizes
    assert set(sizes) == {"champion.json", "model.safetensors"}
    pointer = json.loads((tmp_path / "out" / "champion.json").read_text())
    assert pointer["manifest"]["features"] == ["age", "use", "pay"]
    assert str(tmp_path) not in json.dumps(pointer)
    assert f"model.safetensors: {sizes['model.safetensors']:,} bytes" in "\n".join(lines_of(found))


def test_a_damaged_export_does_not_serve(shop, tmp_path):
    shop.export(tmp_path / "out")
    path = tmp_path / "out" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    with pytest.raises(StorageError, match="damaged"):
        load_champion(tmp_path / "out")


def test_an_empty_folder_is_taken_and_a_full_one_refused(shop, tmp_path):
    (tmp_path / "empty").mkdir()
    shop.export(tmp_path / "empty")
    with pytest.raises(InputError, match="must be new or empty"):
        shop.export(tmp_path / "empty")
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(InputError, match="is a file"):
        shop.export(file)
    with pytest.raises(InputError, match="no champion to export"):
        project(tmp_path / "fresh").export(tmp_path / "none")


@pytest.mark.parametrize("point", ["pointer old", "pointer half written"])
def test_an_interrupted_export_leaves_nothing(shop, tmp_path, point):
    with crashing_at(point), pytest.raises(KeyboardInterrupt):
        shop.export(tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"project"}
    shop.export(tmp_path / "out")
    assert load_champion(tmp_path / "out").round == 1


@pytest.mark.parametrize("name", ["model.part", "champion.part", "model.safetensors"])
def test_what_a_kill_has_left_of_an_export_goes_with_the_next(shop, tmp_path, name):
    model = shop.export(tmp_path / "first").model
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_bytes((tmp_path / "first" / "model.safetensors").read_bytes())
    assert shop.export(out).model == model
    assert {path.name for path in out.iterdir()} == {"champion.json", "model.safetensors"}
    assert load_champion(out).id == model


def test_a_model_from_elsewhere_is_not_overwritten(shop, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "model.safetensors").write_bytes(b"theirs")
    with pytest.raises(InputError, match="must be new or empty"):
        shop.export(out)
    assert (out / "model.safetensors").read_bytes() == b"theirs"


def test_an_export_touches_nothing_beside_its_folder(shop, tmp_path):
    theirs = tmp_path / ".out.part"
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("years of work")
    shop.export(tmp_path / "out")
    assert (theirs / "thesis.txt").read_text() == "years of work"


def test_an_empty_folder_stays_the_same_one(shop, tmp_path, monkeypatch):
    """Such as a mount point, the target of a link, or where the shell is."""
    folder = tmp_path / "volume"
    folder.mkdir()
    before = folder.stat().st_ino
    (tmp_path / "link").symlink_to(folder)
    shop.export(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert folder.stat().st_ino == before
    assert load_champion(folder).round == 1
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    found = shop.export(".")
    assert set(found.files) == {path.name for path in (tmp_path / "here").iterdir()}


def test_a_full_disk_leaves_nothing_either(shop, tmp_path, full_disk):
    with full_disk(), pytest.raises(StorageError, match="cannot be"):
        shop.export(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))
