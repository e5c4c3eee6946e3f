import pytest

from results_by_hand import case_by_hand, record, results_by_hand
from warmstart.paper import Setting, Verdict
from warmstart.paper.experiments import ewc

SETTING = Setting(seeds=4)
(CASE,) = ewc.EXPERIMENT.cases(SETTING)


def judged(claim, consolidated):
    """A claim's judgement where the plain warm start has 0.5 and every consolidated one this accuracy."""
    accuracies = {**dict.fromkeys(CASE.study.labels, consolidated), "cold": 0.5, "warm": 0.5}
    records = [
        record(arm, seed, number, accuracy + 0.001 * seed)
        for arm, accuracy in accuracies.items()
        for seed in range(4)
        for number in (1, 2)
    ]
    return claim(results_by_hand(ewc.EXPERIMENT, SETTING, case_by_hand(CASE, records)))


@pytest.mark.parametrize(
    ("accuracy", "is_worse", "never_helps"),
    [
        (0.4, Verdict.REPRODUCED, Verdict.REPRODUCED),
        (0.508, Verdict.NOT_REPRODUCED, Verdict.NOT_REPRODUCED),
        (0.5, Verdict.NOT_REPRODUCED, Verdict.REPRODUCED),
    ],
)
def test_a_gain_contradicts_both_claims_however_small(accuracy, is_worse, never_helps):
    assert judged(ewc.EXPERIMENT.claims[0].judge, accuracy).verdict is is_worse
    assert judged(ewc.EXPERIMENT.claims[1].judge, accuracy).verdict is never_helps
