"""From stored results to the chapters of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warmstart.basics import InputError
from warmstart.store import TrialStore
from warmstart.studies import has_study

from ._registry import known_experiments
from ._result_file import read_result_file, write_result_file
from ._setting_file import SETTING, STUDIES, read_setting
from .kit.exhibits import Exhibit
from .kit.experiment import Experiment, Judgement, Verdict
from .kit.results import CaseResults, Results, read_results
from .kit.setting import Setting


@dataclass(frozen=True)
class Finding:
    """A claim with its verdict.

    Args:
        claim: What is claimed, in one sentence.
        published: What the paper reports on it, numbers included; empty: nothing.
        reproduction: What the independent reproduction found; empty: nothing.
        verdict: What the results here say.
        reasons: Reasons of the verdict, one sentence per comparison, with its interval.
        seeds: Number of seeds that the claim needs, if the published numbers hold.
        needed: About how many seeds would decide an inconclusive claim; None: not known, or not a matter of seeds.
    """

    claim: str
    published: str
    reproduction: str
    verdict: Verdict
    reasons: tuple[str, ...]
    seeds: int = 5
    needed: int | None = None

    @property
    def deciding(self) -> str:
        """The first reason that has an interval, or else the first, and how many more there are; empty: none."""
        reasons = [reason for reason in self.reasons if "[" in reason] or self.reasons
        more = f"; {len(reasons) - 1} more" if len(reasons) > 1 else ""
        return f"{reasons[0].rstrip('.')}{more}" if reasons else ""


@dataclass(frozen=True)
class Chapter:
    """What the report says about one experiment.

    Args:
        id: Id of the experiment.
        title: Title of the experiment.
        where: The paper's figure or table.
        question: The question it asks.
        paper_setting: The paper's setting, in words.
        setting: The setting of the results here, in words: share of the data, seeds, limits.
        deviations: How else the setting differs from the paper's.
        state: How much of it has been run, in words.
        complete: Whether all of it has been run.
        findings: Its claims with their verdicts.
        exhibits: Its tables and charts; empty if nothing has been run.
        provenance: Versions, machine, commit, time; empty if nothing has been run.
        seeds: Number of seeds of its studies, such as "5" or "5 to 6"; empty if nothing has been run.
    """

    id: str
    title: str
    where: str
    question: str
    paper_setting: str
    setting: str
    deviations: str
    state: str
    complete: bool
    findings: tuple[Finding, ...]
    exhibits: tuple[Exhibit, ...]
    provenance: Mapping[str, Any]
    seeds: str = ""


def read_chapters(place: str | Path) -> list[Chapter]:
    """Return a chapter per experiment, run or not, from stored results; nothing is trained.

    Args:
        place: Directory of results, or a file that :func:`export_results` wrote.

    Raises:
        InputError: If there are no results.
    """
    return list(map(chapter_of, _read_all(place)))


def export_results(directory: str | Path, file: str | Path) -> Path:
    """Write all results in a directory into one file, from which the report can be built again without them.

    Raises:
        InputError: If there are no results.
    """
    return write_result_file(_read_all(directory), file)


def _read_all(place: str | Path) -> list[Results]:
    experiments = known_experiments().values()
    if Path(place).is_file():
        file = read_result_file(place)
        return [file.results(experiment) for experiment in experiments]
    setting, studies = setting_in(place), Path(place) / STUDIES
    return [read_results(experiment, setting, studies) for experiment in experiments]


def progress_of(experiment: Experiment, directory: str | Path) -> str:
    """Return in words how much of an experiment is stored in a directory."""
    setting = read_setting(Path(directory))
    if setting is None:
        return "not run"
    return _state(read_results(experiment, setting, Path(directory) / STUDIES))


def count_trials(directory: str | Path) -> tuple[int, int]:
    """Return how many trials the studies in a directory have, and how many there are, each counted once.

    Trials that are equal in all that decides their numbers are trained once, however many studies have them.
    """
    setting, studies = setting_in(directory), Path(directory) / STUDIES
    begun: dict[str, int] = {}
    for experiment in known_experiments().values():
        for case in experiment.cases(setting):
            if has_study(studies / case.folder):
                begun[f"{experiment.id} {case.folder}"] = len(case.study.arms) * case.study.max_seeds
    return sum(begun.values()), len(TrialStore(studies).stored_keys())


def setting_in(directory: str | Path) -> Setting:
    """Return the setting of the results in a directory, or in a file that was exported from one.

    Raises:
        InputError: If there are none.
    """
    if Path(directory).is_file():
        return read_result_file(directory).setting
    setting = read_setting(Path(directory))
    if setting is None:
        raise InputError(
            f"{directory} must contain results of the paper's experiments, but there is no {SETTING} in it."
        )
    return setting


def findings_of(results: Results) -> tuple[Finding, ...]:
    """Return the claims of one experiment with their verdicts."""
    findings: list[Finding] = []
    for claim in results.experiment.claims:
        judgement = claim.judge(results) if results.rounds_finished else Judgement(Verdict.NOT_RUN, ())
        verdict, reasons, needed = judgement.verdict, judgement.reasons, judgement.needed
        if verdict is not Verdict.NOT_RUN and not results.complete:
            # A claim about several comparisons would otherwise be judged by those that happened to run first.
            verdict, reasons = Verdict.INCONCLUSIVE, (*reasons, f"Preliminary: {_state(results)}.")
            needed = None
        texts = claim.text, claim.published, claim.reproduction
        findings.append(Finding(*texts, verdict, reasons, claim.seeds, needed))
    return tuple(findings)


def chapter_of(results: Results) -> Chapter:
    """Return the chapter of one experiment."""
    experiment = results.experiment
    # Without a finished round tables would be empty and charts without points: the chapter then has none.
    exhibits = tuple(experiment.exhibits(results)) if results.rounds_finished else ()
    counts = [case.study.max_seeds for case in results.cases]
    return Chapter(
        id=experiment.id,
        title=experiment.title,
        where=experiment.where,
        question=experiment.question,
        paper_setting=experiment.paper_setting,
        setting=results.setting.words,
        deviations=experiment.deviations,
        state=_state(results),
        complete=results.complete,
        findings=findings_of(results),
        exhibits=exhibits,
        provenance=_provenance(results.cases),
        seeds=" to ".join(map(str, sorted({min(counts), max(counts)}))) if counts else "",
    )


def _state(results: Results) -> str:
    if not results.rounds_finished:
        return results.problem or "not run"
    studies = f"{len(results.cases)} of {results.cases_planned} studies"
    finished = sum(case.complete for case in results.cases)
    return "complete" if results.complete else f"{studies} begun, {finished} finished"


def _provenance(cases: Sequence[CaseResults]) -> dict[str, Any]:
    """Return versions and machine; where studies, or runs of one, differ in a value, all of them, each once."""
    merged: dict[str, list[Any]] = {}
    for case in cases:
        for key, value in case.records.provenance.items():
            known = merged.setdefault(key, [])
            # A study that was resumed with another version names both.
            values = value.split(", then ") if isinstance(value, str) else [value]
            known += [one for one in values if one not in known]
    texts = {
        key: f"{min(values)} to {max(values)}" if key == "created" else ", ".join(map(str, values))
        for key, values in merged.items()
    }
    return {key: values[0] if len(values) == 1 else texts[key] for key, values in merged.items()}
