"""Listeners of a study that log its rounds to TensorBoard, Weights & Biases or MLflow: a run for each trial."""

from __future__ import annotations

import hashlib
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from warmstart.basics import InputError, checked_path, described, require
from warmstart.store import RoundRecord

_TRIAL = "warmstart.trial"


class _Tracker(ABC):
    """A listener: called with what a study reports, it logs finished rounds and ignores the rest."""

    def __init__(self, study: str, settings: Mapping[str, Any] | None) -> None:
        if not isinstance(study, str) or not study.strip():
            raise InputError(f"study must be a name, under which the runs are grouped, got {described(study)}.")
        self.study, self.settings = study, dict(settings or {})

    def __call__(self, event: Any) -> None:
        """Log a finished round."""
        if isinstance(event, RoundRecord):
            self._log(event, _numbers(event))

    @abstractmethod
    def _log(self, record: RoundRecord, numbers: dict[str, float]) -> None:
        """Log the numbers of a round."""

    @abstractmethod
    def close(self) -> None:
        """Finish what is open; also at the end of a ``with`` block."""

    def __enter__(self) -> Self:
        """Return the listener."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _id(self, record: RoundRecord) -> str:
        """Return what is the same for all rounds of a trial, whenever they are sent."""
        return hashlib.sha256(f"{self.study}\0{record.arm}\0{record.seed}".encode()).hexdigest()[:16]

    def _settings(self, record: RoundRecord) -> dict[str, Any]:
        return {**self.settings, "study": self.study, "strategy": record.arm, "seed": record.seed}


class TensorBoardListener(_Tracker):
    """Logs a study's rounds to TensorBoard: a run for each strategy and seed, in ``directory/study/strategy/seed-N``.

    Its step is the round. Use it as the ``listener`` of :func:`run_study`. Rounds that are stored already are not sent
    again when a study is resumed; to send those of a finished study, call it with each of ``read_study(...).rounds``.

    Args:
        directory: Where TensorBoard looks (``tensorboard --logdir``); made if need be.
        study: Name under which the runs are grouped.

    Raises:
        InputError: If TensorBoard is not installed, or an argument is of another kind.

    Example:
        >>> listener = TensorBoardListener("runs/tensorboard", study="digits")  # doctest: +SKIP
        >>> run_study(study, "runs/digits", listener=listener)  # doctest: +SKIP
    """

    def __init__(self, directory: str | Path, *, study: str) -> None:
        super().__init__(study, None)
        self.directory = checked_path("directory", directory)
        require("tensorboard", extra="tensorboard", purpose="Logging to TensorBoard")
        self._writer = require("torch.utils.tensorboard", extra="tensorboard", purpose="Logging to TensorBoard")

    def _log(self, record: RoundRecord, numbers: dict[str, float]) -> None:
        place = self.directory / _file_name(self.study) / _file_name(record.arm) / f"seed-{record.seed}"
        # One for each round: nothing is lost if the study is killed, and a thousand trials hold no thousand threads.
        with self._writer.SummaryWriter(str(place)) as writer:
            for name, value in numbers.items():
                writer.add_scalar(name, value, record.round)

    def close(self) -> None:
        """Do nothing: every round is written at once."""


class WandbListener(_Tracker):
    """Logs a study's rounds to Weights & Biases: a run for each strategy and seed, in the group of the study.

    Its step is the round. Use it in a ``with`` block, as the ``listener`` of :func:`run_study`: runs stay open until it
    ends, since a study does not say which round is a trial's last. A study that is resumed continues its runs.

    Args:
        project: Name of the project.
        study: Name of the group.
        settings: What is stored as the configuration of each run, besides study, strategy and seed.
        options: Others of ``wandb.init``, such as ``{"entity": "team", "mode": "offline", "dir": "runs"}``.

    Raises:
        InputError: If wandb is not installed, or ``study`` is no name.

    Example:
        >>> with WandbListener("warm-starts", study="digits") as listener:  # doctest: +SKIP
        ...     run_study(study, "runs/digits", listener=listener)
    """

    def __init__(
        self,
        project: str,
        *,
        study: str,
        settings: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(study, settings)
        self._wandb = require("wandb", extra="wandb", purpose="Logging to Weights & Biases")
        self.project, self.options = project, dict(options or {})
        self._runs: dict[str, Any] = {}

    def _log(self, record: RoundRecord, numbers: dict[str, float]) -> None:
        key = self._id(record)
        if key not in self._runs:
            self._runs[key] = self._wandb.init(
                **{
                    "project": self.project,
                    "group": self.study,
                    "name": f"{record.arm}, seed {record.seed}",
                    "id": key,
                    "resume": "allow",
                    "reinit": "create_new",  # several trials run at once
                    "config": self._settings(record),
                    **self.options,
                }
            )
        self._runs[key].log({**numbers, "stop_reason": record.stop_reason}, step=record.round, commit=True)

    def close(self) -> None:
        """Finish the runs."""
        for run in self._runs.values():
            run.finish()
        self._runs.clear()


class MLflowListener(_Tracker):
    """Logs a study's rounds to MLflow: a run for each strategy and seed, in the experiment of the study.

    Its step is the round. Use it as the ``listener`` of :func:`run_study`. A study that is resumed continues its runs.
    For the rounds of a retraining project there is :func:`send_to_mlflow`.

    Args:
        study: Name of the experiment, which is made if there is none.
        tracking_uri: Of the server; None: as MLflow is configured.
        settings: What is stored as parameters of each run, besides study, strategy and seed.

    Raises:
        InputError: If MLflow is not installed, or ``study`` is no name.

    Example:
        >>> listener = MLflowListener("digits", tracking_uri="sqlite:///mlflow.db")  # doctest: +SKIP
        >>> run_study(study, "runs/digits", listener=listener)  # doctest: +SKIP
    """

    def __init__(
        self, study: str, *, tracking_uri: str | None = None, settings: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(study, settings)
        mlflow = require("mlflow", extra="mlflow", purpose="Logging to MLflow")
        self._client = mlflow.MlflowClient(tracking_uri)
        self._runs: dict[str, str] = {}

    def _log(self, record: RoundRecord, numbers: dict[str, float]) -> None:
        key = self._id(record)
        if key not in self._runs:
            self._runs[key] = self._begun(key, record)
        run = self._runs[key]
        for name, value in numbers.items():
            self._client.log_metric(run, name, value, step=record.round)
        self._client.set_tag(run, "warmstart.stop_reason", record.stop_reason)

    def _begun(self, key: str, record: RoundRecord) -> str:
        """Return the id of a trial's run, which is made if there is none."""
        known = self._client.get_experiment_by_name(self.study)
        experiment = self._client.create_experiment(self.study) if known is None else known.experiment_id
        found = self._client.search_runs([experiment], f"tags.`{_TRIAL}` = '{key}'", max_results=1)
        if found:
            return found[0].info.run_id
        tags = {_TRIAL: key, "warmstart.study": self.study}
        run = self._client.create_run(experiment, run_name=f"{record.arm}, seed {record.seed}", tags=tags)
        for name, value in self._settings(record).items():
            self._client.log_param(run.info.run_id, name, value)
        return run.info.run_id

    def close(self) -> None:
        """Mark the runs as finished."""
        for run in self._runs.values():
            self._client.set_terminated(run, "FINISHED")
        self._runs.clear()


def _numbers(record: RoundRecord) -> dict[str, float]:
    """Return the finite numbers of a round by names that every tracker takes; what was not counted is left out."""
    plain = {name: value for name, value in asdict(record).items() if name not in ("arm", "seed", "round")}
    found = {name: value for name, value in plain.items() if isinstance(value, int | float)}
    found |= plain["metrics"] | {f"next/{name}": value for name, value in plain["next_baselines"].items()}
    found |= {f"{kind}/{name}": value for kind, of in plain["baselines"].items() for name, value in of.items()}
    return {re.sub(r"[^\w\-. /]", "_", name): float(value) for name, value in found.items() if math.isfinite(value)}


def _file_name(text: str) -> str:
    return re.sub(r"[^\w\-.=]", "_", text)
