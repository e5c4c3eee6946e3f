import dataclasses
import os
import tomllib

import pytest

from warmstart.basics import InputError, StorageError
from warmstart.retrain._settings import PROJECT_FILE, TABLES, Project, RetrainSettings, read_project, write_project

TABLES_GIVEN = {"data": {"label": "sold", "drop": ["id"], "group": None}, "recipe": {"learning_rate": 0.01}}


def written(directory, text):
    (directory / PROJECT_FILE).write_text(text, encoding="utf-8")
    return directory


def test_a_project_comes_back_as_it_was_written(tmp_path):
    settings = RetrainSettings(policy="warm", tolerance=0.02, window=7, seed=3)
    made = write_project(tmp_path / "shop", settings, TABLES_GIVEN)
    assert made == read_project(tmp_path / "shop") == Project(tmp_path / "shop", settings, made.tables)
    assert made.tables == {"data": {"label": "sold", "drop": ["id"]}, "recipe": {"learning_rate": 0.01}}
    assert [path.name for path in (tmp_path / "shop").iterdir()] == [PROJECT_FILE]


def test_every_setting_is_written_so_that_a_new_default_changes_no_project(tmp_path):
    write_project(tmp_path, RetrainSettings(), {})
    table = tomllib.loads((tmp_path / PROJECT_FILE).read_text())["retrain"]
    assert table == dataclasses.asdict(RetrainSettings())


def test_an_almost_empty_file_is_a_project(tmp_path):
    assert read_project(written(tmp_path, "")).settings == RetrainSettings()
    assert read_project(written(tmp_path, "\ufeff[retrain]\nwindow = 5\n")).settings.window == 5


@pytest.mark.parametrize("table", TABLES)
def test_tables_may_be_in_kebab_case(tmp_path, table):
    project = read_project(written(tmp_path, f"[{table.replace('_', '-')}]\nname = 'x'\n[retrain]\naudit-share = 0.1"))
    assert project.tables == {table: {"name": "x"}}
    assert project.settings.audit_share == 0.1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"tolerance": 5}, r"tolerance must lie in \[0, 1\), got 5: it is a share, so write 0.05 for 5 %\."),
        ({"tolerance": -0.1}, r"tolerance must lie in \[0, 1\), got -0.1\.$"),
        ({"tolerance": 1}, r"tolerance must lie in \[0, 1\), got 1: it is a share"),
        ({"tolerance": "0.1"}, r"tolerance must lie in \[0, 1\), got '0.1'"),
        ({"class_tolerance": float("nan")}, r"class_tolerance must lie in \[0, 1\), got nan"),
        ({"holdout": 0}, r"holdout must lie in \(0, 0.5\], got 0"),
        ({"holdout": 20}, r"holdout must lie in \(0, 0.5\], got 20: it is a share, so write 0.2 for 20 %"),
        ({"holdout": 80}, r"holdout must lie in \(0, 0.5\], got 80\.$"),
        ({"alpha": 0.5}, r"alpha must lie in \(0, 0.5\), got 0.5"),
        ({"audit_share": True}, r"audit_share must lie in \[0, 1\], got True"),
        ({"window": 0}, "window must be a whole number of at least 1, got 0"),
        ({"window": 10**6}, "window must be a whole number from 1 to 100000, got 1000000"),
        ({"window": 2.5}, r"window must be a whole number of at least 1, got 2\.5"),
        ({"seed": -1}, "seed must be a whole number of at least 0, got -1"),
        ({"seed": None}, "seed must be given, got None"),
        ({"policy": " "}, "policy must be auto or the name of a strategy, got ' '"),
        ({"policy": 3}, "policy must be auto or the name of a strategy, got '3'"),
    ],
)
def test_a_setting_out_of_range_is_one_sentence(options, sentence):
    with pytest.raises(InputError, match=sentence):
        RetrainSettings(**options)


@pytest.mark.parametrize(
    "options",
    [{"tolerance": 0}, {"holdout": 0.5}, {"audit_share": 0}, {"audit_share": 1}, {"window": 1}, {"window": 100_000}],
)
def test_the_bounds_themselves(options):
    (name, value) = next(iter(options.items()))
    assert getattr(RetrainSettings(**options), name) == value


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[retrain]\ntolerence = 0.1", r"Unknown setting 'tolerence' of .*project\.toml: did you mean 'tolerance'\?"),
        ("[retain]\nwindow = 3", r"Unknown table 'retain' of .*project\.toml: did you mean 'retrain'\?"),
        ("[receipe]", "did you mean 'recipe'"),
        ("[retrain]\nholdout = 0.9", r"project\.toml: retrain\.holdout must lie in \(0, 0.5\], got 0.9"),
        ("[retrain]\npolicy = ''", r"project\.toml: retrain\.policy must be auto or the name of a strategy"),
        ("retrain = 3", r"retrain of .*project\.toml must be a table of settings, got 3"),
        ("data = 'file.csv'", r"data must be a table of options, got file\.csv"),
        ("[carry_over]\n[carry-over]", "carry_over must be given once, got it twice"),
        ("[retrain", r"project\.toml is not valid TOML"),
        ("a = " + "[" * 5000, r"project\.toml is not valid TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path, text, sentence):
    with pytest.raises(InputError, match=sentence):
        read_project(written(tmp_path, text))


def test_a_folder_that_is_no_project_names_the_way_out(tmp_path):
    with pytest.raises(InputError, match=r"no project\.toml in it; `warmstart retrain init .*` makes one"):
        read_project(tmp_path)
    with pytest.raises(InputError, match="warmstart retrain init"):
        read_project(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / PROJECT_FILE).mkdir()
    with pytest.raises(InputError, match=r"project\.toml cannot be read \(Is a directory\)"):
        read_project(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / PROJECT_FILE).rmdir()
    (tmp_path / PROJECT_FILE).symlink_to("fifo")
    with pytest.raises(InputError, match="must be a regular file"):
        read_project(tmp_path)


def test_what_is_no_toml_is_not_written(tmp_path):
    with pytest.raises(InputError, match="must hold texts, numbers, booleans, lists and tables"):
        write_project(tmp_path, RetrainSettings(), {"model": {"width": object()}})
    with pytest.raises(InputError, match="Unknown table 'stream' of a project"):
        write_project(tmp_path, RetrainSettings(), {"stream": {}})
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_earlier_file(tmp_path, full_disk):
    write_project(tmp_path, RetrainSettings(), {})
    before = (tmp_path / PROJECT_FILE).read_bytes()
    with full_disk(), pytest.raises(StorageError, match="No space left on device"):
        write_project(tmp_path, RetrainSettings(window=2), {})
    assert (tmp_path / PROJECT_FILE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [PROJECT_FILE]
