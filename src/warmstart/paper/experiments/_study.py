"""What the paper's studies have in common."""

from collections.abc import Sequence
from typing import Any

from warmstart.paper._experiment import Case
from warmstart.paper._setting import Setting
from warmstart.strategies import Strategy
from warmstart.streams import TwoPhase
from warmstart.studies import Arm, Study


def paper_study(setting: Setting, arms: Sequence[Arm | Strategy], *, data: str = "cifar10", **others: Any) -> Study:
    """Return a study in the paper's usual setting.

    CIFAR-10, ResNet-18, half of the data and then everything, Adam with learning rate 1e-3 and batches of 128, 99 %
    training accuracy.

    Args:
        setting: How large.
        arms: What is compared.
        data: The paper's data set.
        others: Arguments of :class:`Study` in which this one departs from that.
    """
    usual = {"architecture": setting.resnet, "stream": TwoPhase(), "stop": setting.stop(), "seeds": setting.seeds}
    return Study(arms, data=setting.source(data), **{**usual, **others})


def only_case(study: Study) -> list[Case]:
    """Return the one case of an experiment that has no other study."""
    return [Case({"data": study.data.name}, study)]
