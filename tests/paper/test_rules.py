"""Every verdict rule gives the right answer: on the published effect, and where there is none."""

import os
from functools import cache

import pytest

from paper.simulated import shares_reproduced
from paper.truths import SIMULATIONS
from warmstart.paper import known_experiments
from warmstart.studies import Arm

# All draws are seeded: a rule that passes stays so until it is changed. The few runs find a rule that is broken: of 60,
# a true share of 5 % gives more than 6 in one case of 50; of the many it gives more than 30 in one case of 100. The
# best of twelve equal settings, chosen on one half of the seeds and judged on the other, comes nearest: 3.8 % in one
# look and 4.7 % in two.
FEW, MANY = 60, 400
CLAIMS = [
    pytest.param(name, index, setting, id=f"{name}-{index}-{setting}")
    for name, simulation in SIMULATIONS.items()
    for index in range(len(simulation.wrong))
    for setting in simulation.settings
]


@pytest.fixture(autouse=True, scope="module")
def _labels_are_kept():
    """Judges look arms up by their labels, which they put together anew every time: here thousands of times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Arm, "label", property(cache(Arm.label.fget)))
        yield


def test_every_claim_of_every_experiment_has_a_simulation():
    claims = {name: len(experiment.claims) for name, experiment in known_experiments().items()}
    assert {name: len(simulation.wrong) for name, simulation in SIMULATIONS.items()} == claims


def alike(experiment, index, truths):
    """Return the claims of an experiment that are tested on the same draws as this one."""
    claims = known_experiments()[experiment].claims
    same = [
        (claim.seeds, truth) == (claims[index].seeds, truths[index])
        for claim, truth in zip(claims, truths, strict=True)
    ]
    return tuple(place for place, is_same in enumerate(same) if is_same)


@pytest.mark.parametrize(("experiment", "index", "setting"), CLAIMS)
def test_the_published_effect_is_reproduced(experiment, index, setting):
    truth = SIMULATIONS[experiment].published
    indices = alike(experiment, index, [truth] * len(SIMULATIONS[experiment].wrong))
    assert shares_reproduced(experiment, indices, setting, truth, runs=FEW)[index][0] >= 0.8


def share_without_effect(experiment, index, setting, runs):
    wrong = SIMULATIONS[experiment].wrong
    indices = alike(experiment, index, wrong)
    return max(shares_reproduced(experiment, indices, setting, wrong[index], runs=runs, two_looks=True)[index])


@pytest.mark.parametrize(("experiment", "index", "setting"), CLAIMS)
def test_nothing_is_reproduced_where_there_is_no_effect(experiment, index, setting):
    assert share_without_effect(experiment, index, setting, FEW) <= 0.1


@pytest.mark.skipif(os.environ.get("WARMSTART_LONG") != "1", reason="takes half an hour; set WARMSTART_LONG=1")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("experiment", "index"), [claim.values[:2] for claim in CLAIMS if claim.values[2] == "desk"])
def test_in_the_long_run_that_is_so_in_one_of_twenty_at_most(experiment, index):
    assert share_without_effect(experiment, index, "desk", MANY) <= 0.075
