"""All experiments, run once at a tiny scale on embedded digits."""

import pytest

from runs import ONE
from warmstart.paper import Setting, chosen_experiments, run_experiments

TINY = Setting(scale=0.04, seeds=2, data="digits", width=2, max_epochs=2)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A directory with the results of every experiment, and their setting."""
    directory = tmp_path_factory.mktemp("paper")
    return directory, run_experiments(chosen_experiments(["all"]), TINY, directory, execution=ONE)
