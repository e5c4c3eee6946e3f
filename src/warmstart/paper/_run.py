"""Running experiments, or resuming them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from warmstart.basics import InputError, checked_path, unknown_name
from warmstart.data import Dataset, DataSource, OwnDataset, is_at_hand, load, training_samples
from warmstart.executors import Execution, Workers
from warmstart.studies import Listener, check_source, is_complete, run_study
from warmstart.training import Precision
from warmstart.trial import EvaluateOn

from ._report import findings_of
from ._setting_file import STUDIES, binding_setting, check_results_directory, drop_setting, has_results, keep_setting
from .kit.experiment import Case, Experiment, Verdict
from .kit.results import read_results
from .kit.setting import STAND_IN, SVHN, Setting


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

    Every study has a directory of its own under ``studies``; experiments that declare the same study share it. Safe to
    interrupt: the same call resumes.

    Args:
        experiments: The experiments to run.
        setting: Their setting; the same for all experiments in one directory.
        directory: Directory of the results; created if missing.
        only: Allowed values of facets, such as ``{"data": ["cifar10"]}``; studies without such a facet run, too.
        execution: Processes or Ray, threads, device.
        listener: Called with what is under way.

    Returns:
        The setting, with the sizes of the data sets.

    Raises:
        InputError: If no study has these facets, if the directory is a file, contains other files or results in another
            setting, or if a data set is missing.
        UnfinishedError: If studies could not be run, after all others were.
        StorageError: If the disk is full or the directory cannot be written.
    """
    directory, report = checked_path("The results' directory", directory), listener or (lambda _: None)
    only = only or {}
    check_results_directory(directory)
    check_source(setting.full_source("digits"))
    execution = execution or Execution()
    setting = replace(
        setting, digits=available_digits(setting, directory), precision=_precision(setting, directory, execution)
    )
    _check_facets(experiments, setting, only)
    # Arrivals and fractions follow from the sizes of the data sets, so the studies are declared again with them.
    setting = _with_sizes(setting, [case for _, case in _chosen(experiments, setting, only)], directory)
    chosen = _chosen(experiments, setting, only)
    if not chosen:
        facets = ", ".join(f"{key}={' or '.join(values)}" for key, values in only.items())
        raise InputError(f"only must leave at least one study to run, but none has {facets}.")
    # Workers first: if a cluster cannot be reached, nothing has been written.
    with Workers(execution) as workers:
        setting = keep_setting(setting, directory)
        try:
            failed = _run_all(chosen, directory / STUDIES, workers, report)
            if setting.auto_seeds:
                # Those of an earlier call as well: they are still at twice the seeds.
                setting = replace(setting, second_look=_open_experiments(experiments, setting, directory))
                setting = keep_setting(setting, directory)
                chosen = _chosen([e for e in experiments if e.id in setting.second_look], setting, only)
                failed += _run_all(chosen, directory / STUDIES, workers, report)
        finally:
            drop_setting(directory)
        if has_results(directory):
            # Another process may have dropped it before there were any results.
            keep_setting(setting, directory)
    if failed:
        raise UnfinishedError(f"{len(failed)} of {len(chosen)} studies could not be run: {' '.join(failed)}")
    return setting


def _precision(setting: Setting, directory: Path, execution: Execution) -> Precision | None:
    """Return the precision of a directory's results, or what the setting's is on this machine."""
    asked = setting.precision or (Precision.AUTO if setting.desk else None)
    if asked is not Precision.AUTO:
        return asked
    if execution.on_ray:
        raise InputError("precision must be fp32, tf32 or bf16 on Ray, whose nodes may differ, got auto.")
    stored = binding_setting(directory)
    here = Precision.AUTO.on(execution.device)
    return here if stored is None or stored.precision is None else stored.precision


def _open_experiments(experiments: Sequence[Experiment], setting: Setting, directory: Path) -> tuple[str, ...]:
    """Return the ids of experiments with a claim that twice the seeds would probably settle."""
    open_ids = list(setting.second_look)
    for experiment in experiments:
        if experiment.id in setting.second_look:
            continue
        results = read_results(experiment, setting, directory / STUDIES)
        twice = 2 * results.setting.seed_count
        needed = [finding.needed for finding in findings_of(results) if finding.verdict is Verdict.INCONCLUSIVE]
        # Where many more would be needed, twice the time would buy nothing.
        if any(count is not None and count <= twice for count in needed):
            open_ids.append(experiment.id)
    return tuple(open_ids)


def available_digits(setting: Setting, directory: Path) -> str:
    """Return the data set used for the paper's house numbers: SVHN, or MNIST-M where only that is available."""
    stored = binding_setting(directory)
    if stored is not None:
        # SVHN may have arrived since, but one directory never mixes both.
        return stored.digits
    svhn, stand_in = (is_at_hand(DataSource(name, setting.directory)) for name in (SVHN, STAND_IN))
    return STAND_IN if stand_in and not svhn else SVHN


def _check_facets(experiments: Sequence[Experiment], setting: Setting, only: Mapping[str, Sequence[str]]) -> None:
    known: dict[str, dict[str, None]] = {}
    for _, case in _chosen(experiments, setting, {}):
        for key, value in case.facets.items():
            known.setdefault(key, {})[value] = None
    for key, values in only.items():
        # A misspelled facet would select every study, and a misspelled value fewer than intended.
        if key not in known:
            raise unknown_name("facet", key, known)
        for value in values:
            if value not in known[key]:
                raise unknown_name(key, value, known[key])


def _chosen(
    experiments: Sequence[Experiment], setting: Setting, only: Mapping[str, Sequence[str]]
) -> list[tuple[Experiment, Case]]:
    """Return the studies with allowed values of all facets, each with its experiment."""
    return [
        (experiment, case)
        for experiment in experiments
        for case in experiment.cases(setting)
        if all(key not in case.facets or case.facets[key] in values for key, values in only.items())
    ]


def _with_sizes(setting: Setting, cases: Sequence[Case], directory: Path) -> Setting:
    """Return the setting with the size of every data set that these studies read."""
    stored = binding_setting(directory)
    sizes = dict(stored.samples) if stored is not None else {}
    sources = {source for case in cases for source in (case.study.data, case.study.source) if source is not None}
    for source in sorted(sources, key=lambda source: source.name):
        if source.name not in sizes:
            sizes[source.name] = training_samples(source)
    return replace(setting, samples=sizes)


def _run_all(
    chosen: Sequence[tuple[Experiment, Case]], directory: Path, workers: Workers, report: Listener
) -> list[str]:
    """Run studies one after the other, and return a sentence for each that could not be run."""

    @cache  # many studies read the same data set
    def loaded(source: DataSource, with_test: bool) -> Dataset | OwnDataset:
        report(f"Loading {source.name}")
        return load(source, with_test=with_test)

    failed: list[str] = []
    for number, (experiment, case) in enumerate(chosen, start=1):
        name, study = f"{experiment.id} {' '.join(case.facets.values())}", case.study
        report(f"{number} of {len(chosen)} studies: {name}")
        try:
            if is_complete(study, directory / case.folder):
                continue  # without loading any data
            with_test = study.evaluation.evaluate is EvaluateOn.TEST
            data = loaded(study.data, with_test)
            source = None if study.source is None else loaded(study.source, with_test)
            run_study(
                study,
                directory / case.folder,
                dataset=data,
                source=source,
                store=directory,  # experiments share equal trials
                workers=workers,
                listener=report,
            )
        except InputError as error:
            # One missing data set must not keep a night's other studies from running.
            failed.append(f"{name}: {error}")
    return failed
