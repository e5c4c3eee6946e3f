"""Whose directory it is: results bind it to their setting, and nothing else does."""

import pytest

from warmstart.basics import InputError
from warmstart.models import UserModel
from warmstart.paper import Setting, run_experiments
from warmstart.paper._setting_file import (
    binding_setting,
    check_results_directory,
    has_results,
    keep_setting,
    read_setting,
)


def stored_result(directory):
    folder = directory / "studies" / "digits-0"
    folder.mkdir(parents=True)
    (folder / "study.json").touch()


def test_a_setting_without_results_is_replaced(tmp_path):
    keep_setting(Setting(seeds=2), tmp_path)
    assert not has_results(tmp_path)
    assert binding_setting(tmp_path) is None
    keep_setting(Setting(seeds=3), tmp_path)
    assert read_setting(tmp_path) == Setting(seeds=3)


def test_a_setting_with_results_is_kept(tmp_path):
    keep_setting(Setting(seeds=2), tmp_path)
    stored_result(tmp_path)
    with pytest.raises(InputError, match=r"contains results in a different setting \(seeds: 2 there, 3 requested\)"):
        keep_setting(Setting(seeds=3), tmp_path)
    assert binding_setting(tmp_path) == Setting(seeds=2)


def test_a_directory_with_files_of_others_is_refused_and_left_as_it_is(tmp_path):
    (tmp_path / "report.md").write_text("precious")
    with pytest.raises(InputError, match=r"must be new, empty or contain .* other files, such as report\.md\.$"):
        run_experiments([], Setting(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["report.md"]


def test_a_setting_that_is_not_ours_is_left_as_it_is(tmp_path):
    (tmp_path / "setting.json").write_text('{"theme": "dark"}')
    with pytest.raises(InputError, match=r"must hold the setting of the results beside it"):
        keep_setting(Setting(), tmp_path)
    assert (tmp_path / "setting.json").read_text() == '{"theme": "dark"}'


def test_leftovers_of_a_killed_process_do_not_block_a_directory(tmp_path):
    for name in (".setting.json.lock", ".setting.json.17.part"):
        (tmp_path / name).touch()
    (tmp_path / "studies").mkdir()
    check_results_directory(tmp_path)


@pytest.mark.parametrize("path", ["", "file", "file/x", "/proc/x", "/dev/null/x", "~nosuchuser/x", 256 * "n"])
def test_unusable_paths_are_reported_in_one_sentence(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"^The results' directory must be [^\n]*\.$"):
        run_experiments([], Setting(), path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 10**9}, "width must be a whole number from 1 to 600"),
        ({"seeds": 10**8}, "seeds must be a whole number from 1 to 100000"),
        ({"desk": True, "scale": 0.5}, "scale must be left out in the desk setting, .* got 0.5"),
        ({"auto_seeds": True}, "seeds auto needs the desk setting"),
        ({"image_size": "big"}, "image_size .* must be a height and width in pixels"),
        ({"scale": "1"}, r"scale must lie in \(0, 1\], got '1'"),
        ({"data": ""}, "data must be the name of a data set or a path, got ''"),
        ({"directory": ""}, "directory must be a non-empty string"),
        ({"max_epochs": 10**30}, "max_epochs must be a whole number from 1 to"),
    ],
)
def test_settings_are_checked_before_anything_is_made(options, message):
    with pytest.raises(InputError, match=message):
        Setting(**options)


def test_a_setting_is_read_without_the_module_of_its_model(tmp_path):
    setting = Setting(model=UserModel("no_such_module:build"))
    keep_setting(setting, tmp_path)
    assert read_setting(tmp_path) == setting
