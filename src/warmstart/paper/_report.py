"""From stored results to what the page says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from warmstart.basics import InputError

from ._chapter import Chapter, Finding, Verdict
from ._experiment import Claim, Experiment, Judgement
from ._registry import known_experiments
from ._results import CaseResults, Results, read_results
from ._run import STUDIES
from ._setting import Setting
from ._setting_file import SETTING, read_setting


def read_chapters(directory: str | Path) -> list[Chapter]:
    """Return a chapter for every experiment, run or not, from the results in a directory; nothing is trained.

    Raises:
        InputError: If there are no results.
    """
    setting = setting_in(directory)
    found = (
        read_results(experiment, setting, Path(directory) / STUDIES) for experiment in known_experiments().values()
    )
    return [chapter_of(results) for results in found]


def progress_of(experiment: Experiment, directory: str | Path) -> str:
    """Return in words how much of an experiment is stored in a directory."""
    setting = read_setting(Path(directory))
    if setting is None:
        return "not run"
    return _state(read_results(experiment, setting, Path(directory) / STUDIES))


def setting_in(directory: str | Path) -> Setting:
    """Return the setting of the results in a directory.

    Raises:
        InputError: If there are none.
    """
    setting = read_setting(Path(directory))
    if setting is None:
        raise InputError(f"{directory} must hold results of the paper's experiments, but there is no {SETTING} in it.")
    return setting


def chapter_of(results: Results) -> Chapter:
    """Return what the page says of one experiment."""
    experiment = results.experiment
    return Chapter(
        id=experiment.id,
        title=experiment.title,
        where=experiment.where,
        question=experiment.question,
        paper_setting=experiment.paper_setting,
        setting=results.setting.words,
        deviations=experiment.deviations,
        state=_state(results),
        complete=_is_complete(results),
        findings=tuple(_finding(claim, results) for claim in experiment.claims),
        exhibits=tuple(experiment.exhibits(results)) if results.rounds_finished else (),
        provenance=_provenance(results.cases),
    )


def _is_complete(results: Results) -> bool:
    return len(results.cases) == results.cases_planned and all(case.complete for case in results.cases)


def _state(results: Results) -> str:
    if not results.rounds_finished:
        return "not run"
    studies = f"{len(results.cases)} of {results.cases_planned} studies"
    finished = sum(case.complete for case in results.cases)
    return "complete" if _is_complete(results) else f"{studies} begun, {finished} finished"


def _finding(claim: Claim, results: Results) -> Finding:
    judgement = _so_far(claim.judge(results), results) if results.rounds_finished else Judgement(Verdict.NOT_RUN, ())
    return Finding(claim.text, claim.published, claim.reproduction, judgement.verdict, judgement.reasons)


def _so_far(judgement: Judgement, results: Results) -> Judgement:
    """Decide nothing before all is in: a claim about several comparisons would be judged by those that ran first."""
    if _is_complete(results) or judgement.verdict is Verdict.NOT_RUN:
        return judgement
    return Judgement(Verdict.INCONCLUSIVE, (*judgement.reasons, f"Preliminary: {_state(results)}."))


def _provenance(cases: Sequence[CaseResults]) -> dict[str, Any]:
    """Return versions and machine; where studies, or runs of one, differ in one, all its values, each once."""
    merged: dict[str, list[Any]] = {}
    for case in cases:
        for key, value in case.records.provenance.items():
            known = merged.setdefault(key, [])
            known += [one for one in _one_by_one(value) if one not in known]
    return {key: values[0] if len(values) == 1 else _range(key, values) for key, values in merged.items()}


def _one_by_one(value: Any) -> list[Any]:
    """Return the values of a study's runs; a study that went on with another version names both."""
    return value.split(", then ") if isinstance(value, str) else [value]


def _range(key: str, values: list[Any]) -> str:
    if key == "created":
        return f"{min(values)} to {max(values)}"
    return ", ".join(map(str, values))
