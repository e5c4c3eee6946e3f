"""Rounds of a project as runs of MLflow, and its champion as a version of a registered model."""

from __future__ import annotations

import datetime
import math
import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from warmstart.basics import InputError, StorageError, require
from warmstart.retrain import Message, ProjectReport, ReportedRound, Retrainer, deliver, read_report_data

_ID, _MODEL, _ROUND = "warmstart.id", "warmstart.model", "warmstart.round"
_FOLDER = "champion"
_ALIAS = "champion"


def send_to_mlflow(
    project: Retrainer | str | Path,
    *,
    tracking_uri: str | None = None,
    experiment: str | None = None,
    registered_model: str | None = None,
) -> tuple[Message, ...]:
    """Send the rounds that a project has not sent yet to MLflow, each as a run; see :func:`warmstart.retrain.deliver`.

    A run has the round's settings as parameters, as metrics the held-out score of the candidate (``accuracy`` or
    whatever the metric is), that of the champion before (``champion_accuracy``), their ``difference`` with its interval
    and the cost, and as tags outcome and reason. Where an audit trained a cold start beside the candidate, its metrics
    begin with ``audit_``. The model that a round promoted is the artifact ``champion``: a folder that
    :func:`warmstart.load_champion` reads, without the project and without a pickle. A round has one run, however often
    it is sent: one that was interrupted is completed.

    Args:
        project: The project, or its folder.
        tracking_uri: Of the server; None: as MLflow is configured.
        experiment: Its name; None: that of the project's folder. It is made if there is none.
        registered_model: Name of the registered model. Each promoted model becomes a version of it, and after every
            call the alias ``champion`` is at the version that serves, also after a rollback. None: nothing is
            registered.

    Returns:
        The messages that were sent.

    Raises:
        InputError: If MLflow is not installed, or there is no project.
        LockedError: If another process is sending, or a model is to be copied while a round runs.
        StorageError: If the ledger is damaged.
    """
    mlflow = require("mlflow", extra="mlflow", purpose="Sending to MLflow")
    project = project if isinstance(project, Retrainer) else Retrainer(project)
    name = experiment or project.directory.resolve().name
    sender = _Sender(mlflow.MlflowClient(tracking_uri), project, name, registered_model)
    sent = deliver(project.directory, sender.send)
    sender.point()
    return sent


class _Sender:
    """One call: what is the same for all of its messages is read once."""

    def __init__(self, client: Any, project: Retrainer, experiment: str, registered_model: str | None) -> None:
        self.client, self.project, self.registered = client, project, registered_model
        self.name = experiment

    @cached_property
    def report(self) -> ProjectReport:
        """What there is to say of the rounds."""
        return read_report_data(self.project.directory)

    @cached_property
    def experiment(self) -> str:
        """Id of the experiment, which is made if there is none."""
        found = self.client.get_experiment_by_name(self.name)
        return str(self.client.create_experiment(self.name) if found is None else found.experiment_id)

    def send(self, message: Message) -> None:
        """Make the run of a round, or complete it; one that is complete is left alone."""
        if message.kind != "round":
            return  # `point` sees to what serves
        report = self.report
        one = next(one for one in report.rounds if one.row.number == message.round)
        tags = {
            _ID: message.id,
            _ROUND: str(message.round),
            "warmstart.project": report.name,
            "warmstart.outcome": str(message.payload["outcome"]),
            "warmstart.reason": one.row.reason or "",
            "mlflow.note.content": one.row.reason or "",
        }
        run = self._run(message.id)
        if run is None:
            run = self.client.create_run(
                self.experiment, start_time=_milliseconds(one.row.started), run_name=f"round {message.round}", tags=tags
            )
        elif run.info.status == "FINISHED":
            return
        known = run.data.params  # MLflow refuses a second value, and a setting may have been changed meanwhile
        for name, value in _parameters(report, one).items():
            if name not in known:
                self.client.log_param(run.info.run_id, name, value)
        ended = _milliseconds(one.row.ended or one.row.started)
        for name, value in _metrics(report, one):
            self.client.log_metric(run.info.run_id, name, value, timestamp=ended, step=message.round)
        if message.payload["outcome"] == "promoted" and one.row.champion_after is not None:
            self.client.set_tag(run.info.run_id, _MODEL, one.row.champion_after)
            self._upload(run, one.row.champion_after)
        self.client.set_terminated(run.info.run_id, "FINISHED", ended)

    def _run(self, message_id: str) -> Any:
        found = self.client.search_runs([self.experiment], f"tags.`{_ID}` = '{message_id}'", max_results=1)
        return found[0] if found else None

    def _upload(self, run: Any, model: str) -> bool:
        """Add a model to its run, and register it, unless that has been done; return whether it is there."""
        if not self.client.list_artifacts(run.info.run_id, _FOLDER):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    self.project.export(Path(folder) / _FOLDER, model=model)
                except (InputError, StorageError) as error:
                    if getattr(error, "exit_code", None) is not None:
                        raise  # locked by a round: the next call has better luck
                    # Removed by gc, damaged or to be forgotten meanwhile: the run says why it has no model.
                    self.client.set_tag(run.info.run_id, "warmstart.missing", str(error))
                    return False
                self.client.log_artifacts(run.info.run_id, str(Path(folder) / _FOLDER), _FOLDER)
        if self.registered is not None and self._version(model) is None:
            if not self.client.search_registered_models(f"name = '{self.registered}'"):
                self.client.create_registered_model(self.registered)
            tags = {_MODEL: model, _ROUND: run.data.tags[_ROUND]}
            source = f"{run.info.artifact_uri}/{_FOLDER}"
            self.client.create_model_version(self.registered, source, run.info.run_id, tags=tags)
        return True

    def _version(self, model: str) -> str | None:
        """Return the version that a model is of the registered one; None where it is none yet."""
        found = self.client.search_model_versions(f"name = '{self.registered}' AND tags.`{_MODEL}` = '{model}'")
        return found[0].version if found else None

    def point(self) -> None:
        """Let the alias be at the version of the model that serves now; one that was promoted by hand is added."""
        status = self.project.status()
        if self.registered is None or status.champion is None:
            return
        version = self._version(status.champion.id)
        if version is None:
            token = next(one.row.token for one in self.report.rounds if one.row.number == status.champion.round)
            run = self._run(f"{token}-round")
            if run is None or not self._upload(run, status.champion.id):
                return
            version = self._version(status.champion.id)
        current = self.client.get_registered_model(self.registered).aliases.get(_ALIAS)
        if current != version:
            self.client.set_registered_model_alias(self.registered, _ALIAS, version)


def _parameters(report: ProjectReport, one: ReportedRound) -> dict[str, Any]:
    settings = report.settings["retrain"]
    found = {name: settings[name] for name in ("policy", "tolerance", "holdout", "window", "seed")}
    strategies = {"strategy": one.models[0].strategy, "rows": one.models[0].rows} if one.models else {}
    return {**found, "arrivals": one.row.arrivals, "audit": any(model.is_audit for model in one.models), **strategies}


def _metrics(report: ProjectReport, one: ReportedRound) -> Iterator[tuple[str, float]]:
    """Yield what a round has measured, by name; a value that is not known is left out."""
    score = "score" if report.metric is None else report.metric.name
    found: list[tuple[str, float | None]] = []
    if one.held_out_before is not None:
        found.append((f"champion_{score}", one.held_out_before.mean))
    for model in one.models:
        prefix = "audit_" if model.is_audit else ""
        found += [(f"{prefix}cost_{report.cost}", model.cost), (f"{prefix}seconds", model.seconds)]
        if model.held_out is not None:
            found += [(f"{prefix}{score}", model.held_out.mean), (f"{prefix}held_out_rows", model.held_out.rows)]
        for judged in one.judgements:
            if judged.model != model.id or judged.role == "class" or judged.look:
                continue
            opponent = {"champion": "", "anchor": "anchor_"}.get(judged.role, f"{judged.opponent}_")
            begin = f"{prefix}{opponent}difference"
            found += [(begin, judged.mean), (f"{begin}_low", judged.low), (f"{begin}_high", judged.high)]
    # The ledger writes 1e300 for infinite: nothing was compared.
    return ((name, float(value)) for name, value in found if value is not None and abs(value) < 1e300)


def _milliseconds(time: str) -> int:
    return math.floor(datetime.datetime.fromisoformat(time).timestamp() * 1000)
