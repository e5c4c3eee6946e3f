"""Running experiments, or going on with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from warmstart.basics import InputError, checked_path, unknown_name
from warmstart.data import Dataset, DataSource, is_at_hand, load, training_samples
from warmstart.executors import Execution, Workers
from warmstart.studies import Listener, check_source, is_complete, run_study
from warmstart.trial import EvaluateOn

from ._experiment import Case, Experiment
from ._setting import STAND_IN, SVHN, Setting
from ._setting_file import STUDIES as STUDIES
from ._setting_file import binding_setting, check_free, drop_setting, has_results, keep_setting

Load = Callable[[DataSource], Dataset]


class UnfinishedError(InputError):
    """Some studies could not be run; all others were."""


def run_experiments(
    experiments: Sequence[Experiment],
    setting: Setting,
    directory: str | Path,
    *,
    only: Mapping[str, Sequence[str]] | None = None,
    execution: Execution | None = None,
    listener: Listener | None = None,
) -> Setting:
    """Run experiments, or what is left of them.

    Every study has a directory of its own under ``studies``, and experiments that declare the same study share it.
    After an interruption the same call goes on where it was.

    Args:
        experiments: LayerEnd.
        setting: In which setting; the same for all experiments in one directory.
        directory: Where results are stored; made if need be.
        only: Facets that a study must have one of, such as ``{"data": ["cifar10"]}``; studies of experiments without
            such a facet run, too.
        execution: Processes or Ray, threads, device.
        listener: Told what is under way.

    Returns:
        The setting, with the sizes of the data sets in it.

    Raises:
        InputError: If no study has these facets, if the directory is a file, holds other files or results in another
            setting, or if a data set is missing.
        UnfinishedError: If studies could not be run, after all others were.
        StorageError: If the disk is full or the directory cannot be written.
    """
    directory, tell = checked_path("The results' directory", directory), listener or _silent
    loaded = _loader(tell)
    check_free(directory)
    check_source(setting.whole("digits"))
    setting = replace(setting, digits=_digits(setting, directory))
    _check_facets(experiments, setting, only or {})
    setting = _sized(setting, experiments, directory, only or {})
    chosen = [(experiment, case) for experiment in experiments for case in _chosen(experiment, setting, only or {})]
    if not chosen:
        raise InputError(f"only must leave at least one study to run, but none has {_facets_text(only or {})}.")
    # Workers first: where a cluster cannot be reached, nothing has been written.
    with Workers(execution or Execution()) as workers:
        setting = keep_setting(setting, directory)
        try:
            failed = _run_all(chosen, directory, loaded, workers, tell)
        finally:
            drop_setting(directory)  # unless there are results
        if has_results(directory):
            keep_setting(setting, directory)  # another process may have dropped it before there were any
    if failed:
        raise UnfinishedError(f"{len(failed)} of {len(chosen)} studies could not be run: {' '.join(failed)}")
    return setting


def _run_all(
    chosen: Sequence[tuple[Experiment, Case]], directory: Path, loaded: Load, workers: Workers, tell: Listener
) -> list[str]:
    """Run studies one after the other, and return a sentence for each that could not be run."""
    failed: list[str] = []
    for number, (experiment, case) in enumerate(chosen, start=1):
        name = f"{experiment.id} {' '.join(case.facets.values())}"
        tell(f"{number} of {len(chosen)} studies: {name}")
        try:
            _run_case(case, directory / STUDIES, loaded, workers, tell)
        except InputError as error:
            failed.append(f"{name}: {error}")
    return failed


def _digits(setting: Setting, directory: Path) -> str:
    """Return what stands for the paper's house numbers: what results in the directory have, else what is at hand."""
    stored = binding_setting(directory)
    if stored is not None:
        return stored.digits
    svhn, stand_in = (is_at_hand(DataSource(name, setting.directory)) for name in (SVHN, STAND_IN))
    return STAND_IN if stand_in and not svhn else SVHN


def _silent(_: Any) -> None:
    pass


def _loader(tell: Listener) -> Load:
    """Return a function that loads each data set once, in each of its sizes."""

    @cache
    def loaded(source: DataSource) -> Dataset:
        tell(f"Loading {source.name}")
        return load(source)

    return loaded


def _check_facets(experiments: Sequence[Experiment], setting: Setting, only: Mapping[str, Sequence[str]]) -> None:
    """Raise if a facet or a value of one is of no study: misspelled, it would choose others than are meant."""
    known: dict[str, dict[str, None]] = {}
    for case in (case for experiment in experiments for case in experiment.cases(setting)):
        for key, value in case.facets.items():
            known.setdefault(key, {})[value] = None
    for key, values in only.items():
        if key not in known:
            raise unknown_name("facet", key, known)
        unknown = next((value for value in values if value not in known[key]), None)
        if unknown is not None:
            raise unknown_name(key, unknown, known[key])


def _chosen(experiment: Experiment, setting: Setting, only: Mapping[str, Sequence[str]]) -> list[Case]:
    return [
        case
        for case in experiment.cases(setting)
        if all(key not in case.facets or case.facets[key] in values for key, values in only.items())
    ]


def _facets_text(only: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(f"{key}={' or '.join(values)}" for key, values in only.items())


def _run_case(case: Case, directory: Path, loaded: Load, workers: Workers, tell: Listener) -> None:
    study = case.study
    if is_complete(study, directory / case.folder):
        return  # without loading anything
    assert study.evaluation.evaluate is EvaluateOn.HOLDOUT, "only training data are loaded"
    run_study(
        study,
        directory / case.folder,
        dataset=loaded(study.data),
        source=None if study.source is None else loaded(study.source),
        workers=workers,
        listener=tell,
    )


def _sized(
    setting: Setting, experiments: Sequence[Experiment], directory: Path, only: Mapping[str, Sequence[str]]
) -> Setting:
    """Return the setting with the size of every data set that its studies read."""
    stored = binding_setting(directory)
    known = dict(stored.samples) if stored is not None else {}
    sources = {
        source for experiment in experiments for case in _chosen(experiment, setting, only) for source in _sources(case)
    }
    for source in sorted(sources, key=lambda source: source.name):
        if source.name not in known:
            known[source.name] = training_samples(source)
    return replace(setting, samples=known)


def _sources(case: Case) -> list[DataSource]:
    return [case.study.data, *([case.study.source] if case.study.source is not None else [])]
