"""In what setting experiments run, and how it is kept beside their results."""

import json

import pytest

from runs import ONE
from warmstart.basics import InputError
from warmstart.models import MLP
from warmstart.paper import Setting, chosen_experiments, known_experiments, read_results, run_experiments
from warmstart.paper._run import available_digits
from warmstart.paper._setting_file import keep_setting, read_setting
from warmstart.streams import Growing


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
    assert available_digits(setting, tmp_path / "results") == digits


def test_resumed_results_keep_the_digits_they_started_with(tmp_path):
    keep_setting(Setting(digits="mnist-m"), tmp_path / "results")
    (tmp_path / "results/studies/begun").mkdir(parents=True)
    (tmp_path / "results/studies/begun/study.json").touch()
    setting = Setting(directory=hold(tmp_path / "data", "svhn"))
    assert available_digits(setting, tmp_path / "results") == "mnist-m"


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


def test_sizes_that_others_have_found_are_kept(tmp_path):
    keep_setting(Setting(samples={"cifar10": 50_000}), tmp_path)
    kept = keep_setting(Setting(samples={"cifar100": 40_000}), tmp_path)
    assert kept.samples == read_setting(tmp_path).samples == {"cifar10": 50_000, "cifar100": 40_000}


@pytest.mark.parametrize("fitted", [*range(6, 40), 359, 401, 402, 599, 601, 1_001, 3_333, 33_333])
def test_no_arrival_is_a_sliver(fitted):
    setting = Setting(samples={"cifar10": -(-fitted * 3 // 2)})
    assert setting.fitted("cifar10") == fitted
    sizes = Growing(setting.arrival_size("cifar10")).sizes(fitted)
    assert len(sizes) >= 3
    assert 4 * sizes[-1] >= sizes[0]


def test_arrivals_are_the_papers_at_full_scale():
    assert Setting().arrival_size("cifar10") == 1_000


@pytest.mark.parametrize(
    ("setting", "is_papers"),
    [
        (Setting(), True),
        (Setting(seeds=2, width=16, max_epochs=350), True),
        (Setting(scale=0.5), False),
        (Setting(data="digits"), False),
        (Setting(width=64), False),
        (Setting(max_epochs=150), False),
        (Setting(model=MLP()), False),
    ],
    ids=lambda value: value.words if isinstance(value, Setting) else None,
)
def test_published_points_are_shown_only_with_results_in_the_papers_setting(setting, is_papers):
    assert setting.is_papers is is_papers


def test_another_model_is_shown_under_its_own_name():
    setting = Setting(model=MLP(layers=1))
    assert setting.network.startswith("mlp:layers=1:")
    assert setting.network in setting.words
    for id in ("table-1", "shrink-only"):
        facets = [case.facets["model"] for case in known_experiments()[id].cases(setting)]
        assert setting.network in facets
        assert "resnet18" not in facets


def test_small_scales_take_few_epochs():
    assert [Setting(scale=scale).epochs for scale in (1, 0.1, 0.05, 0.049, 0.02)] == [350, 35, 18, 5, 5]


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
def test_a_damaged_setting_is_reported_in_one_sentence(tmp_path, damage):
    keep_setting(Setting(samples={"cifar10": 50_000}), tmp_path)
    assert read_setting(tmp_path).samples == {"cifar10": 50_000}
    path = tmp_path / "setting.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    with pytest.raises(InputError, match=r"setting\.json must hold the setting"):
        read_setting(tmp_path)


def test_a_directory_is_not_a_setting_file(tmp_path):
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
            stop = case.study.trial(arm.label, 0).learner_of(1).stop
            assert stop.train_accuracy is stop.patience is None
