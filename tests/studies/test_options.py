"""Names and options: what people type becomes objects, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmstart.basics import InputError
from warmstart.models import MLP, Activation, UserModel
from warmstart.strategies import Cold, Noise, Scope, ShrinkPerturb, Warm
from warmstart.streams import Growing, TwoPhase
from warmstart.studies import Arm, Study, parse_arm, study_digest, study_from_dict, study_to_dict
from warmstart.training import Measure, Normalization, OptimizerState, Recipe, StopRule
from warmstart.trial import TrainOn

ARMS = [
    ("cold", Arm(Cold())),
    ("cold:scale=0.5", Arm(Cold(scale=0.5))),
    ("warm:train-on=arrival", Arm(Warm(), train_on=TrainOn.ARRIVAL)),
    ("warm:optimizer-state=keep", Arm(Warm(), optimizer_state=OptimizerState.KEEP)),
    ("warm:normalization=reset", Arm(Warm(), normalization=Normalization.RESET)),
    ("shrink-perturb", Arm(ShrinkPerturb())),
    (
        "shrink-perturb:perturb=0.1:noise=gaussian",
        Arm(ShrinkPerturb(perturb=0.1, noise=Noise.GAUSSIAN)),
    ),
    ("shrink-perturb:shrink=0.2:noise=first", Arm(ShrinkPerturb(0.2, noise=Noise.FIRST))),
    ("shrink-perturb:shrink=0.2:perturb=0.1:noise=first", Arm(ShrinkPerturb(0.2, 0.1, Noise.FIRST))),
    (
        "shrink-perturb:shrink=0.6:perturb=0.02:noise=gaussian:scope=weights",
        Arm(ShrinkPerturb(0.6, 0.02, Noise.GAUSSIAN, Scope.WEIGHTS)),
    ),
    ("shrink-perturb:before-first-round=true", Arm(ShrinkPerturb(before_first_round=True))),
]


@pytest.mark.parametrize(("text", "arm"), ARMS)
def test_specs_become_arms_and_arms_their_shortest_spec(text, arm):
    assert parse_arm(text) == arm
    assert arm.label == text


@pytest.mark.parametrize("arm", [arm for _, arm in ARMS], ids=lambda arm: arm.label)
def test_the_complete_spec_means_the_same(arm):
    assert parse_arm(arm.spec) == arm


@given(st.floats(0, 1), st.floats(0, 10), st.sampled_from(Noise), st.sampled_from(Scope))
def test_every_shrink_perturb_survives_its_spec(shrink, perturb, noise, scope):
    arm = Arm(ShrinkPerturb(shrink, perturb, noise, scope))
    assert parse_arm(arm.label) == arm


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("wram", "Unknown strategy 'wram': did you mean 'warm'?"),
        ("warm:scale=2", "The strategy warm has no options, got 'scale'"),
        ("cold:scael=2", "Unknown option of strategy cold 'scael': did you mean 'scale'?"),
        ("cold:scale", "as name:option=value, got 'scale' in 'cold:scale'"),
        ("cold:scale=much", "scale must be a number, got much"),
        ("cold:scale=-1", r"scale must lie in \[0, inf\), got -1"),
        ("shrink-perturb:noise=gausian", "Unknown noise 'gausian': did you mean 'gaussian'?"),
        ("shrink-perturb:before-first-round=perhaps", "must be true or false, got perhaps"),
        ("warm:train-on=seem", "Unknown train-on 'seem': did you mean 'seen'?"),
    ],
)
def test_mistakes_in_a_spec_are_one_sentence(text, message):
    with pytest.raises(InputError, match=message):
        parse_arm(text)


STUDIES = [
    Study(),
    Study([Warm()], architecture=MLP(3, 50, Activation.TANH), stream=TwoPhase(0.25), seeds=3),
    Study(
        [Cold(), Arm(Warm(), TrainOn.ARRIVAL)], architecture=UserModel("torch.nn:Identity"), train_on=TrainOn.ARRIVAL
    ),
    Study(
        stream=Growing(100, 4), stop=StopRule(None, None, 7, 9, Measure.EVALUATION), recipe=Recipe(learning_rate=0.5)
    ),
]


@pytest.mark.parametrize("study", STUDIES, ids=study_digest)
def test_a_study_survives_its_file(study):
    tomli_w, tomllib = pytest.importorskip("tomli_w"), pytest.importorskip("tomllib")
    assert study_from_dict(tomllib.loads(tomli_w.dumps(study_to_dict(study)))) == study


def test_digests_tell_studies_apart_but_not_where_data_lie():
    from dataclasses import replace

    assert len({study_digest(study) for study in STUDIES}) == len(STUDIES)
    elsewhere = replace(STUDIES[0], data=replace(STUDIES[0].data, directory="elsewhere"))
    assert study_digest(elsewhere) == study_digest(STUDIES[0])


@pytest.mark.parametrize(("text", "number"), [("1/3", 1 / 3), ("1e-3", 0.001), ("0.333", 0.333), (0.1, 0.1)])
def test_numbers_are_read_exactly(text, number):
    assert study_from_dict({"evaluation": {"holdout": text}}).evaluation.holdout == number


def test_strategies_in_one_text_are_separated_by_commas():
    assert study_from_dict({"strategies": "cold, warm"}).labels == ("cold", "warm")


def test_a_strategy_that_no_file_could_name_is_one_sentence():
    class Mine(Warm):
        pass

    with pytest.raises(InputError, match=r"A study can hold what warmstart knows by name .* got Mine"):
        study_to_dict(Study([Mine()]))


def test_an_empty_description_is_the_default_study():
    assert study_from_dict({}) == Study()


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"modle": {}}, "Unknown key of a study 'modle': did you mean 'model'?"),
        ({"recipe": {"lr": 1}}, "Unknown option of recipe 'lr'"),
        ({"recipe": 3}, "recipe must be a table of options, got 3"),
        ({"seeds": "many"}, "seeds must be a whole number, got many"),
        ({"seeds": 1.5}, "seeds must be a whole number, got 1.5"),
        ({"seeds": 0}, "seeds must be a whole number of at least 1, got 0"),
        ({"strategies": [1]}, "strategies must be a list of names with options"),
        ({"strategies": 3}, "strategies must be a list of names with options, got 3"),
        ({"strategies": []}, "at least one strategy, got none"),
        ({"strategies": ["warm", "warm"]}, "differ from each other, got 'warm' more than once"),
        ({"model": {"name": "resnet", "width": 3}}, "Unknown model 'resnet': did you mean 'resnet18'?"),
        ({"model": {"name": "logistic", "width": 3}}, "The model logistic has no options, got 'width'"),
        ({"model": {"name": "a:b", "width": 3}}, "Unknown option of user model 'width'"),
        (
            {"stream": {"name": "two-phase", "rounds": 3}},
            "Unknown option of stream two-phase 'rounds'. Known: fraction",
        ),
        ({"stop": {"patience": "long"}}, "patience must be a whole number, got long"),
        ({"evaluation": {"holdout": 1}}, r"holdout must lie in \(0, 1\), got 1"),
    ],
)
def test_mistakes_in_a_study_are_one_sentence(tables, message):
    with pytest.raises(InputError, match=message):
        study_from_dict(tables)
