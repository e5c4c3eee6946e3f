"""A study's rounds become runs of a tracker: one for each strategy and seed, whose step is the round."""

import sys

import pytest

from runs import ONE
from warmstart.basics import InputError
from warmstart.integrations import MLflowListener, TensorBoardListener, WandbListener
from warmstart.models import MLP
from warmstart.store import RoundRecord
from warmstart.strategies import Cold, Warm
from warmstart.streams import TwoPhase
from warmstart.studies import Study, read_study, run_study
from warmstart.training import StoppingRule

NAMES = {("cold", 0), ("cold", 1), ("warm", 0), ("warm", 1)}


@pytest.fixture(scope="module")
def small():
    stop = StoppingRule(max_epochs=1)
    return Study([Cold(), Warm()], architecture=MLP(width=4, layers=1), stream=TwoPhase(), stop=stop, seeds=2)


@pytest.fixture(scope="module")
def records(small, tmp_path_factory):
    return run_study(small, tmp_path_factory.mktemp("study"), execution=ONE).rounds


def record(**changes):
    given = {"arm": "warm", "seed": 0, "round": 1, "samples_seen": 9, "samples_trained_on": 9, "score": 0.5}
    given |= {"metrics": {}, "train_score": 0.7, "stop_reason": "limit", "epochs": 1, "steps": 3, "samples": 9}
    return RoundRecord(**{**given, "tokens": None, "flops": None, "seconds": 0.1, **changes})


def scalars(folder):
    """Return what TensorBoard reads of a run."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder)).Reload()
    return {name: [(one.step, one.value) for one in found.Scalars(name)] for name in found.Tags()["scalars"]}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_has_a_run_for_each_strategy_and_seed(small, tmp_path):
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed: pip install tensorboard")
    with TensorBoardListener(tmp_path / "board", study="digits: small") as listener:
        found = run_study(small, tmp_path / "study", execution=ONE, listener=listener)
    for arm, seed in NAMES:
        read = scalars(tmp_path / "board" / "digits__small" / arm / f"seed-{seed}")
        rounds = sorted((one for one in found.rounds if (one.arm, one.seed) == (arm, seed)), key=lambda one: one.round)
        assert [step for step, _ in read["score"]] == [1, 2]
        assert [value for _, value in read["score"]] == pytest.approx([one.score for one in rounds])
        assert [value for _, value in read["steps"]] == [one.steps for one in rounds]
        assert {"seconds", "train_score", "majority/accuracy"} <= set(read)
        assert ("churn" in read) == any(one.churn is not None for one in rounds)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_study_that_is_resumed_sends_each_round_once(small, tmp_path):
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed: pip install tensorboard")

    listener, heard = TensorBoardListener(tmp_path / "board", study="digits"), []

    def cut(event):
        listener(event)
        if isinstance(event, RoundRecord):
            heard.append(event)
            if len(heard) == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(small, tmp_path / "study", execution=ONE, listener=cut)
    run_study(small, tmp_path / "study", execution=ONE, listener=listener)
    run_study(small, tmp_path / "study", execution=ONE, listener=listener)
    for arm, seed in NAMES:
        read = scalars(tmp_path / "board" / "digits" / arm / f"seed-{seed}")
        assert [step for step, _ in read["score"]] == [1, 2]
    assert len(read_study(tmp_path / "study").rounds) == 8


@pytest.fixture
def client(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed: pip install mlflow-skinny")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return mlflow.MlflowClient((tmp_path / "mlflow").as_uri())


def test_mlflow_has_an_experiment_with_a_run_for_each(records, client, tmp_path):
    uri = (tmp_path / "mlflow").as_uri()
    first, second = [one for one in records if one.round == 1], [one for one in records if one.round == 2]
    for part in (first, second):  # as of a study that was interrupted
        with MLflowListener("digits", tracking_uri=uri, settings={"width": 4}) as listener:
            for one in part:
                listener(one)
    runs = client.search_runs([client.get_experiment_by_name("digits").experiment_id])
    assert {(run.data.params["strategy"], int(run.data.params["seed"])) for run in runs} == NAMES
    assert len(runs) == 4
    for run in runs:
        history = client.get_metric_history(run.info.run_id, "score")
        key = (run.data.params["strategy"], int(run.data.params["seed"]))
        expected = {one.round: one.score for one in records if (one.arm, one.seed) == key}
        assert {one.step: one.value for one in history} == expected
        assert (run.info.status, run.data.params["width"]) == ("FINISHED", "4")
        assert run.info.run_name == f"{key[0]}, seed {key[1]}"


def test_wandb_has_a_group_with_a_run_for_each(records, tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="wandb is not installed: pip install wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    options = {"mode": "offline", "dir": str(tmp_path)}
    with WandbListener("warm-starts", study="digits", settings={"width": 4}, options=options) as listener:
        for one in records:
            if one.seed == 0:
                listener(one)
        runs = list(listener._runs.values())
        assert [run.name for run in runs] == ["cold, seed 0", "warm, seed 0"]
        for run, arm in zip(runs, ("cold", "warm"), strict=True):
            assert (run.group, run.project) == ("digits", "warm-starts")
            assert dict(run.config) == {"width": 4, "study": "digits", "strategy": arm, "seed": 0}
            last = next(one for one in records if (one.arm, one.seed, one.round) == (arm, 0, 2))
            assert run.summary["score"] == pytest.approx(last.score)
            assert run.step == 3, "the next one"
    assert listener._runs == {}
    assert len(list(tmp_path.glob("wandb/offline-run-*/*.wandb"))) == 2


def test_numbers_have_names_that_trackers_take_and_values_that_are_finite(tmp_path, client):
    odd = record(score=None, metrics={"recall of <a|b>": 0.5, "loss": float("inf")}, next_baselines={"mean": 1.0})
    MLflowListener("odd", tracking_uri=(tmp_path / "mlflow").as_uri())(odd)
    (run,) = client.search_runs([client.get_experiment_by_name("odd").experiment_id])
    assert {"recall of _a_b_", "next/mean", "steps"} <= set(run.data.metrics)
    assert not {"score", "loss", "flops"} & set(run.data.metrics)
    assert run.data.tags["warmstart.stop_reason"] == "limit"


def test_other_events_are_ignored(tmp_path):
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed: pip install tensorboard")
    listener = TensorBoardListener(tmp_path / "board", study="digits")
    listener("Waiting")
    assert not (tmp_path / "board").exists()


@pytest.mark.parametrize(
    ("module", "make"),
    [
        ("tensorboard", lambda: TensorBoardListener("board", study="digits")),
        ("wandb", lambda: WandbListener("project", study="digits")),
        ("mlflow", lambda: MLflowListener("digits")),
    ],
    ids=["tensorboard", "wandb", "mlflow"],
)
def test_without_its_library_a_listener_names_the_extra(module, make, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=rf"needs '{module}', which is not installed: .*warmstart\[{module}\]"):
        make()
    assert list(tmp_path.iterdir()) == []


def test_a_study_needs_a_name():
    with pytest.raises(InputError, match="study must be a name"):
        MLflowListener("")
