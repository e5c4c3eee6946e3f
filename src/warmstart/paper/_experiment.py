"""What an experiment is: a declaration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from warmstart.basics import short_name
from warmstart.studies import Study, study_digest

from ._chapter import Verdict
from ._exhibits import Exhibit
from ._setting import Setting

if TYPE_CHECKING:
    from ._results import Results


@dataclass(frozen=True)
class Case:
    """One study of an experiment.

    Args:
        facets: What sets it apart from the experiment's other studies, such as data and model, as plain text.
        study: The study.
    """

    facets: Mapping[str, str]
    study: Study

    def most_samples(self, setting: Setting) -> int:
        """Return how many samples the study processes at most, with every round at its limit of epochs."""
        seen = accumulate(self.study.stream.sizes(setting.fitted(self.study.data.name)))
        source = setting.fitted(self.study.source.name) if self.study.source is not None else 0
        trials = len(self.study.arms) * self.study.seeds
        return trials * (source + sum(seen)) * self.study.stop.max_epochs

    @property
    def folder(self) -> str:
        """Name of the study's directory; experiments that declare the same study share it."""
        return f"{short_name(self.study.data.name.replace('/', '-'))}-{study_digest(self.study)}"


@dataclass(frozen=True)
class Judgement:
    """What results say of a claim, and why, one sentence for each comparison."""

    verdict: Verdict
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Args:
        text: One sentence.
        judge: Says what results make of it.
        published: What the paper reports on it, with numbers.
        reproduction: What the independent reproduction (Kireev et al., ReScience C 2021) found; empty: nothing.
    """

    text: str
    judge: Callable[[Results], Judgement]
    published: str = ""
    reproduction: str = ""


@dataclass(frozen=True)
class Experiment:
    """An experiment of the paper: which studies, what they show, what is claimed.

    Args:
        id: As typed.
        number: Its place in the list.
        title: A few words.
        where: Figure or table, and version of the article.
        question: What it asks, in one sentence.
        paper_setting: The paper's setting, in one or two sentences.
        deviations: In what the setting here departs from the paper's besides scale, in one sentence.
        cases: The studies, in a given setting.
        exhibits: Tables and charts, from the results.
        claims: The claims.
    """

    id: str
    number: int
    title: str
    where: str
    question: str
    paper_setting: str
    deviations: str
    cases: Callable[[Setting], Sequence[Case]] = field(repr=False)
    exhibits: Callable[[Results], Sequence[Exhibit]] = field(repr=False)
    claims: tuple[Claim, ...] = field(repr=False)
