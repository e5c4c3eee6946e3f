"""Rounds become runs of MLflow, each exactly once, and the registered model follows what serves."""

import pytest

import nights
from warmstart.basics import InputError
from warmstart.integrations import _mlflow as module
from warmstart.integrations import send_to_mlflow
from warmstart.retrain import load_champion
from warmstart.retrain._ledger import LEDGER, Ledger

mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed: pip install mlflow-skinny")


@pytest.fixture(autouse=True)
def _file_store(monkeypatch):
    """MLflow without a database keeps runs in files only if asked to."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")


@pytest.fixture(scope="module")
def three_rounds(tmp_path_factory):
    """A project whose first and third rounds promote, and whose second, with labels the other way round, does not."""
    settings = {"policy": "cold", "tolerance": 0.02}
    project = nights.project(tmp_path_factory.mktemp("nights") / "shop", settings=settings)
    for number, rows in ((1, 120), (2, 100), (3, 600)):
        project.add(nights.arrival(number, rows, flipped=number == 2))
        project.update()
    assert [row.state for row in project.history()] == ["promoted", "kept", "promoted"]
    return project.directory


@pytest.fixture
def shop(three_rounds, tmp_path):
    return nights.copy(three_rounds, tmp_path / "shop")


@pytest.fixture
def uri(tmp_path):
    return (tmp_path / "mlflow").as_uri()


@pytest.fixture
def client(uri):
    return mlflow.MlflowClient(uri)


def runs_of(client, experiment="shop"):
    found = client.get_experiment_by_name(experiment)
    return {} if found is None else {run.info.run_name: run for run in client.search_runs([found.experiment_id])}


def test_a_round_is_a_run_with_its_verdict(shop, client, uri):
    sent = send_to_mlflow(shop, tracking_uri=uri)
    assert [message.round for message in sent] == [1, 2, 3]
    runs = runs_of(client)
    assert set(runs) == {"round 1", "round 2", "round 3"}
    for row in shop.history():
        run = runs[f"round {row.number}"]
        assert run.info.status == "FINISHED"
        assert run.data.tags["warmstart.outcome"] == row.state
        assert run.data.tags["warmstart.reason"] == run.data.tags["mlflow.note.content"] == row.reason
        assert run.data.params["policy"] == run.data.params["strategy"] == "cold"
        assert run.data.params["arrivals"] == str(row.number)
        assert 0 <= run.data.metrics["accuracy"] <= 1
        assert run.data.metrics["cost_flops"] > 0
    second = runs["round 2"].data.metrics
    assert second["difference_low"] <= second["difference"] <= second["difference_high"]
    assert second["accuracy"] - second["champion_accuracy"] == pytest.approx(
        second["difference"] * (second["held_out_rows"] + 2) / second["held_out_rows"]
    )
    assert "champion_accuracy" not in runs["round 1"].data.metrics


def test_what_was_promoted_is_an_artifact_that_serves_without_the_project(shop, client, uri, tmp_path):
    send_to_mlflow(shop.directory, tracking_uri=uri, experiment="nightly")
    runs = runs_of(client, "nightly")
    for row in shop.history():
        run = runs[f"round {row.number}"]
        files = [one.path for one in client.list_artifacts(run.info.run_id, "champion")]
        assert bool(files) == (row.state == "promoted")
        if files:
            folder = client.download_artifacts(run.info.run_id, "champion", str(tmp_path))
            found = load_champion(folder)
            assert found.id == run.data.tags["warmstart.model"]
            assert found.predict(nights.arrival(9)).labels


def test_a_second_call_and_a_message_that_comes_twice_make_no_second_run(shop, client, uri):
    send_to_mlflow(shop, tracking_uri=uri, registered_model="shop")
    before = {name: run.to_dictionary() for name, run in runs_of(client).items()}
    assert send_to_mlflow(shop, tracking_uri=uri, registered_model="shop") == ()
    with Ledger.open(shop.directory / LEDGER) as ledger, ledger.transaction():
        ledger.execute("UPDATE outbox SET sent = NULL")
    assert len(send_to_mlflow(shop, tracking_uri=uri, registered_model="shop")) == 3
    assert {name: run.to_dictionary() for name, run in runs_of(client).items()} == before
    versions = client.search_model_versions("name = 'shop'")
    assert len(versions) == sum(row.state == "promoted" for row in shop.history())


@pytest.mark.parametrize(
    "method", ["log_param", "log_metric", "log_artifacts", "create_model_version", "set_terminated"]
)
def test_a_call_that_was_cut_off_is_completed_by_the_next(method, shop, client, uri, monkeypatch):
    def cut_off(*_args, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(mlflow.MlflowClient, method, cut_off)
        with pytest.raises(KeyboardInterrupt):
            send_to_mlflow(shop, tracking_uri=uri, registered_model="shop")
    assert shop.status().unsent == 3
    assert len(send_to_mlflow(shop, tracking_uri=uri, registered_model="shop")) == 3
    runs = runs_of(client)
    assert len(client.search_runs([client.get_experiment_by_name("shop").experiment_id])) == len(runs) == 3
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    assert all("accuracy" in run.data.metrics and "policy" in run.data.params for run in runs.values())
    assert client.list_artifacts(runs["round 1"].info.run_id, "champion")


def test_the_alias_follows_what_serves_also_after_a_rollback(shop, client, uri, tmp_path):
    send_to_mlflow(shop, tracking_uri=uri, registered_model="shop")

    def at_alias():
        return client.get_model_version_by_alias("shop", "champion").tags["warmstart.model"]

    assert at_alias() == shop.status().champion.id
    back = shop.rollback()
    assert send_to_mlflow(shop, tracking_uri=uri, registered_model="shop") == ()
    assert at_alias() == back.after != back.before
    # A model that no round promoted becomes a version when somebody lets it serve.
    kept = next(row for row in shop.history() if row.state == "kept").models[0].id
    shop.promote(kept)
    send_to_mlflow(shop, tracking_uri=uri, registered_model="shop")
    assert at_alias() == kept
    before = mlflow.get_tracking_uri()
    try:
        mlflow.set_tracking_uri(uri)
        folder = mlflow.artifacts.download_artifacts("models:/shop@champion", dst_path=str(tmp_path / "served"))
    finally:
        mlflow.set_tracking_uri(before)
    assert load_champion(folder).id == kept


def test_a_model_that_is_gone_leaves_a_run_that_says_so(shop, client, uri):
    first = shop.history()[0].models[0].id
    (shop.directory / "models" / first[:2] / f"{first}.safetensors").write_bytes(b"")
    send_to_mlflow(shop, tracking_uri=uri, registered_model="shop")
    run = runs_of(client)["round 1"]
    assert run.info.status == "FINISHED"
    assert "file is" in run.data.tags["warmstart.missing"]
    assert not client.list_artifacts(run.info.run_id, "champion")


def test_two_projects_share_an_experiment(shop, client, uri, tmp_path):
    other = nights.project(tmp_path / "other")
    other.add(nights.arrival(1))
    other.update()
    for project in (shop, other):
        send_to_mlflow(project, tracking_uri=uri, experiment="all")
    found = client.search_runs([client.get_experiment_by_name("all").experiment_id])
    projects = [run.data.tags["warmstart.project"] for run in found]
    assert sorted(projects) == ["other", "shop", "shop", "shop"]


def test_nothing_is_made_of_a_project_without_rounds(tmp_path, client, uri):
    empty = nights.project(tmp_path / "empty")
    assert send_to_mlflow(empty, tracking_uri=uri, registered_model="empty") == ()
    assert runs_of(client, "empty") == {}
    with pytest.raises(InputError, match="must be the folder of a retraining project"):
        send_to_mlflow(tmp_path / "none", tracking_uri=uri)


def test_times_of_runs_are_those_of_rounds():
    assert module._milliseconds("1970-01-01T00:00:01+00:00") == 1000
