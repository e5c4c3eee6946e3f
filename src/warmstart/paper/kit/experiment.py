"""What an experiment is: a declaration of studies, exhibits and claims."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from warmstart.basics import short_name
from warmstart.data import DataSource
from warmstart.strategies import Strategy
from warmstart.streams import TwoPhase
from warmstart.studies import Arm, Study, study_digest

from .exhibits import Exhibit
from .setting import Desk, Setting

if TYPE_CHECKING:  # results hold the experiment that declares what they are
    from .results import Results


@dataclass(frozen=True)
class Case:
    """One study of an experiment.

    Args:
        facets: What distinguishes it from the experiment's other studies, such as data and model, as plain text.
        study: The study.
    """

    facets: Mapping[str, str]
    study: Study

    def most_samples(self, setting: Setting) -> int:
        """Return how many samples the study processes at most, with every round at its limit of epochs."""
        # When a round stops is known only after it has run, so this is all that can be said before.
        seen = accumulate(self.study.stream.sizes(setting.fitted(self.study.data.name, self.study.data.subset)))
        source = (
            setting.fitted(self.study.source.name, self.study.source.subset) if self.study.source is not None else 0
        )
        trials = len(self.study.arms) * self.study.max_seeds
        return trials * (source + sum(seen)) * self.study.stop.max_epochs

    @property
    def folder(self) -> str:
        """Name of the study's directory; experiments that declare the same study share it."""
        # The digest alone would do; the name is for people who open the directory.
        return f"{short_name(self.study.data.name.replace('/', '-'))}-{study_digest(self.study)}"


def paper_study(
    setting: Setting, arms: Sequence[Arm | Strategy], *, data: str | DataSource = "cifar10", **others: Any
) -> Study:
    """Return a study in the paper's usual setting.

    CIFAR-10, ResNet-18, half of the data and then everything, Adam with learning rate 1e-3 and batches of 128, 99 %
    training accuracy.

    Args:
        setting: Scale, seeds and stand-ins.
        arms: What is compared.
        data: Name of the paper's data set, or where the data come from.
        others: Arguments of :class:`Study` that differ from the usual setting.
    """
    usual = {
        "architecture": setting.resnet,
        "stream": TwoPhase(),
        "stop": setting.stop(),
        "seeds": setting.seed_count,
        "recipe": setting.recipe(),
        "evaluation": setting.evaluation,
        "data": data if isinstance(data, DataSource) else setting.source(data),
    }
    return Study(arms, **{**usual, **others})


def only_case(setting: Setting, arms: Sequence[Arm | Strategy], **others: Any) -> list[Case]:
    """Return the case of an experiment with a single study; arguments as for :func:`paper_study`."""
    study = paper_study(setting, arms, **others)
    return [Case({"data": study.data.name}, study)]


class Verdict(StrEnum):
    """What results say about a claim, decided by the interval. ``NOT_RUN``: there are no results yet."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    INCONCLUSIVE = "inconclusive"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Judgement:
    """A verdict on a claim.

    Args:
        verdict: The verdict.
        reasons: Its reasons, one sentence per comparison.
        needed: About how many seeds would decide an inconclusive claim if means and deviations stay as they are; None:
            not known, or not a matter of seeds.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    needed: int | None = None


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Args:
        text: One sentence.
        judge: Returns the verdict of results, with reasons.
        published: What the paper reports on it, with numbers.
        reproduction: What the independent reproduction (Kireev et al., ReScience C 2021) found; empty: nothing.
        seeds: Number of seeds at which the verdict is *reproduced* in at least 80 % of runs if the published numbers
            are true, or where there are none the assumptions in ``tests/paper/truths.py``.
    """

    text: str
    judge: Callable[[Results], Judgement]
    published: str = ""
    reproduction: str = ""
    seeds: int = 5


@dataclass(frozen=True)
class Experiment:
    """An experiment of the paper: its studies, exhibits and claims.

    Args:
        id: Name on the command line.
        number: Position in the list of experiments.
        title: A few words.
        where: Figure or table, and version of the article.
        question: The question it asks, in one sentence.
        paper_setting: The paper's setting, in one or two sentences.
        deviations: How the setting here differs from the paper's besides scale, in one sentence.
        declare: Returns the studies in a given setting, which has the experiment's plan.
        exhibits: Tables and charts, from the results.
        claims: The claims.
        desk: How it runs in the desk setting.
        epoch_columns: Columns of the epochs' history that exhibits or claims read, and a file of results has to hold:
            see :func:`epoch_points`.
    """

    id: str
    number: int
    title: str
    where: str
    question: str
    paper_setting: str
    deviations: str
    declare: Callable[[Setting], Sequence[Case]] = field(repr=False)
    exhibits: Callable[[Results], Sequence[Exhibit]] = field(repr=False)
    claims: tuple[Claim, ...] = field(repr=False)
    desk: Desk = Desk()
    epoch_columns: tuple[str, ...] = ()

    def in_setting(self, setting: Setting) -> Setting:
        """Return the setting with what this experiment has of its own there."""
        return setting.for_plan(self.id, self.desk)

    def cases(self, setting: Setting) -> Sequence[Case]:
        """Return the studies in a given setting."""
        return self.declare(self.in_setting(setting))
