"""Options that are one of a few take the member or its name, and nothing else."""

import numpy as np
import pytest

from warmstart.basics import InputError
from warmstart.learners import Classifier
from warmstart.models import MLP
from warmstart.strategies import Cold, Noise, Scope, ShrinkPerturb, Warm, shrink_perturb
from warmstart.studies import Arm, Study
from warmstart.training import CarryOver, Recipe, StoppingRule
from warmstart.trial import EvaluationSettings, Trial

OPTIONS = [
    (MLP, "activation", "tanh"),
    (Cold, "scope", "weights"),
    (ShrinkPerturb, "noise", "gaussian"),
    (ShrinkPerturb, "scope", "weights"),
    (Recipe, "optimizer", "sgd"),
    (StoppingRule, "measure", "evaluation"),
    (CarryOver, "normalization", "keep"),
    (CarryOver, "optimizer_state", "keep"),
    (EvaluationSettings, "evaluate", "test"),
    (Study, "train_on", "arrival"),
    (lambda **options: Arm(Warm(), **options), "train_on", "arrival"),
    (lambda **options: Arm(Warm(), **options), "normalization", "keep"),
    (lambda **options: Trial(Classifier(MLP()), Study().stream, **options), "train_on", "arrival"),
]


@pytest.mark.parametrize(("make", "option", "value"), OPTIONS)
def test_a_name_becomes_its_member(make, option, value):
    found = getattr(make(**{option: value}), option)
    assert found == value
    assert type(found) is not str


@pytest.mark.parametrize(("make", "option", "value"), OPTIONS)
def test_another_name_is_refused(make, option, value):
    with pytest.raises(InputError, match=rf"Unknown {option} 'bogus'"):
        make(**{option: "bogus"})


def test_a_name_computes_what_its_member_does():
    assert ShrinkPerturb(noise="gaussian") == ShrinkPerturb(noise=Noise.GAUSSIAN)
    model, fresh = (
        MLP(width=3).build((2,), 2, generator=_generator()),
        MLP(width=3).build((2,), 2, generator=_generator()),
    )
    named, member = shrink_perturb(model, fresh, scope="all"), shrink_perturb(model, fresh, scope=Scope.ALL)
    assert all((a == b).all() for a, b in zip(named.parameters(), member.parameters(), strict=True))
    with pytest.raises(InputError, match=r"Unknown scope 'bogus'"):
        shrink_perturb(model, fresh, scope="bogus")


@pytest.mark.parametrize(("make", "option"), [(MLP, "layers"), (Recipe, "batch_size"), (StoppingRule, "max_epochs")])
def test_none_is_refused_where_it_means_nothing(make, option):
    with pytest.raises(InputError, match=rf"^{option} must be given, got None\.$"):
        make(**{option: None})


def test_numbers_of_numpy_become_those_of_python():
    recipe = Recipe(learning_rate=np.float32(0.5), batch_size=np.int64(8))
    assert recipe == Recipe(learning_rate=0.5, batch_size=8)
    assert (type(recipe.learning_rate), type(recipe.batch_size)) == (float, int)
    assert type(StoppingRule(patience=np.int32(3)).patience) is int


@pytest.mark.parametrize("value", ["false", "true", 1, 0.0, []])
def test_true_and_false_are_those_alone(value):
    with pytest.raises(InputError, match=r"^bias must be true or false, got "):
        MLP(bias=value)


def _generator():
    from warmstart.basics import generator_for

    return generator_for(0)
