"""Every verdict rule gives the right answer: on the published effect, and where there is none."""

import pytest

from paper.simulated import shares_reproduced
from paper.truths import SIMULATIONS
from warmstart.paper import known_experiments

# All draws are seeded: a rule that passes stays so until it is changed. The few runs find a rule that is broken: of 60,
# a true share of 5 % gives more than 6 in one case of 50. The many show that the level is kept, to half a point.
FEW, MANY = 60, 2_000
TO_COME: set[str] = set()
CLAIMS = [
    pytest.param(name, index, setting, id=f"{name}-{index}-{setting}")
    for name, simulation in SIMULATIONS.items()
    for index in range(len(simulation.wrong))
    for setting in simulation.settings
]


def test_every_claim_of_every_experiment_has_a_simulation():
    claims = {name: len(experiment.claims) for name, experiment in known_experiments().items() if name not in TO_COME}
    assert {name: len(simulation.wrong) for name, simulation in SIMULATIONS.items()} == claims


@pytest.mark.parametrize(("experiment", "index", "setting"), CLAIMS)
def test_the_published_effect_is_reproduced(experiment, index, setting):
    once, _ = shares_reproduced(experiment, index, setting, SIMULATIONS[experiment].published, runs=FEW)
    assert once >= 0.8


@pytest.mark.parametrize(("experiment", "index", "setting"), CLAIMS)
def test_nothing_is_reproduced_where_there_is_no_effect(experiment, index, setting):
    wrong = SIMULATIONS[experiment].wrong[index]
    assert max(shares_reproduced(experiment, index, setting, wrong, runs=FEW, two_looks=True)) <= 0.1


@pytest.mark.slow
@pytest.mark.parametrize(("experiment", "index", "setting"), CLAIMS)
def test_in_the_long_run_that_is_so_in_one_of_twenty_at_most(experiment, index, setting):
    wrong = SIMULATIONS[experiment].wrong[index]
    assert max(shares_reproduced(experiment, index, setting, wrong, runs=MANY, two_looks=True)) <= 0.055
