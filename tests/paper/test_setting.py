"""In what setting experiments run, and how it is kept beside their results."""

import json
from dataclasses import replace

import pytest

from runs import ONE
from warmstart.basics import InputError
from warmstart.paper import Setting, chosen_experiments, known_experiments, read_results, run_experiments
from warmstart.paper._run import _digits, keep_setting, read_setting


def hold(directory, *names):
    """Make the data directory hold data sets, as far as looking for their files goes."""
    for name in names:
        (directory / name).mkdir(parents=True)
        (directory / name / "train-00000-of-00001.parquet").touch()
    return str(directory)


@pytest.mark.parametrize(
    ("there", "digits"),
    [
        (["svhn", "mnist_m"], "svhn"),
        (["svhn"], "svhn"),
        (["mnist-m"], "mnist-m"),
        (["mnist_m"], "mnist-m"),
        ([], "svhn"),
    ],
)
def test_the_stand_in_is_taken_only_where_house_numbers_are_not_at_hand(tmp_path, there, digits):
    setting = Setting(directory=hold(tmp_path / "data", *there))
    assert _digits(setting, tmp_path / "results") == digits


def test_results_go_on_with_the_digits_that_they_began_with(tmp_path):
    keep_setting(Setting(digits="mnist-m"), tmp_path / "results")
    setting = Setting(directory=hold(tmp_path / "data", "svhn"))
    assert _digits(setting, tmp_path / "results") == "mnist-m"


def test_the_stand_in_is_named():
    assert "mnist-m in place of svhn" in Setting(digits="mnist-m").words
    assert "svhn" not in Setting().words
    with pytest.raises(InputError, match="digits must be 'svhn' or 'mnist-m', got 'mnist'"):
        Setting(digits="mnist")


@pytest.mark.parametrize("digits", ["svhn", "mnist-m"])
def test_every_experiment_with_digits_has_those_of_the_setting(digits):
    for id in ("table-1", "online", "transfer"):
        names = {case.study.data.name for case in known_experiments()[id].cases(Setting(digits=digits))}
        assert names == {"cifar10", "cifar100", digits}


@pytest.mark.parametrize(
    "damage",
    [
        {"samples": [1]},
        {"samples": None},
        {"samples": {"cifar10": "x"}},
        {"samples": {"cifar10": 0}},
        {"model": "mlp"},
        {"scale": 2},
        {"unknown": 1},
    ],
    ids=json.dumps,
)
def test_a_damaged_setting_is_told_in_one_sentence(tmp_path, damage):
    keep_setting(Setting(samples={"cifar10": 50_000}), tmp_path)
    assert read_setting(tmp_path).samples == {"cifar10": 50_000}
    path = tmp_path / "setting.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    with pytest.raises(InputError, match=r"setting\.json must hold the setting"):
        read_setting(tmp_path)


def test_a_folder_is_no_setting(tmp_path):
    (tmp_path / "setting.json").mkdir()
    with pytest.raises(InputError, match=r"setting\.json must hold the setting"):
        read_setting(tmp_path)


def test_first_rounds_of_pretraining_take_their_epochs_whatever_they_reach(tmp_path):
    setting = Setting(scale=0.1, seeds=1, data="digits", width=2, max_epochs=4)
    (experiment,) = chosen_experiments(["pretraining"])
    setting = run_experiments([experiment], setting, tmp_path, execution=ONE)
    (case,) = read_results(experiment, setting, tmp_path / "studies").cases
    for arm in case.study.arms:
        if arm.first_epochs is not None:
            assert [record.epochs for record in case.table.at(arm.label, 1)] == [arm.first_epochs]
            (trial,) = {replace(case.study.trial(arm.label, 0)).stop_of(1)}
            assert trial.train_accuracy is trial.patience is None
