"""What the page says of one experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ._exhibits import Exhibit


class Verdict(StrEnum):
    """What the results say of a claim; the interval decides. ``NOT_RUN``: there are none yet."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    INCONCLUSIVE = "inconclusive"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Finding:
    """A claim and what became of it here.

    Args:
        claim: What is claimed, in one sentence.
        published: What the paper reports on it, numbers included; empty: nothing.
        reproduction: What the independent reproduction found; empty: nothing.
        verdict: What the results here say.
        reasons: Why, one sentence for each comparison, with its interval.
    """

    claim: str
    published: str
    reproduction: str
    verdict: Verdict
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Chapter:
    """One experiment: what was asked, how, and what came out.

    Args:
        id: Of the experiment, as typed.
        title: Of the experiment.
        where: The paper's figure or table.
        question: What it asks.
        paper_setting: The paper's setting, in words.
        setting: The setting of the results here, in words: share of the data, seeds, limits.
        deviations: In what else the setting departs from the paper's.
        state: How much of it has been run, in words.
        complete: Whether all of it has.
        findings: Its claims.
        exhibits: Its tables and charts; none where nothing has been run.
        provenance: Versions, machine, commit, time; empty where nothing has been run.
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
