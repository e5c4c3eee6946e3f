"""Names and options: what people type becomes objects, and back."""

import math
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warmstart.basics import InputError
from warmstart.data import DataSource
from warmstart.diagnostics import Correlation, EvaluationCurve, GradientNorms, ShrinkCurve
from warmstart.models import MLP, Activation, ResNet18, UserModel
from warmstart.penalties import EWC, L2, Adversarial, BoundL2Init, Confidence, L2Init
from warmstart.queries import Entropy, LeastConfidence, Margin, Random
from warmstart.strategies import Cold, Noise, Scope, ShrinkPerturb, Warm
from warmstart.streams import Active, Growing, Part, TwoPhase
from warmstart.studies import (
    Arm,
    Study,
    parse_arm,
    study_digest,
    study_from_dict,
    study_to_dict,
)
from warmstart.studies._study_file import study_text
from warmstart.training import Measure, Normalization, OptimizerState, Recipe, StoppingRule
from warmstart.trial import TrainOn

ARMS = [
    ("cold", Arm(Cold())),
    ("cold:scale=0.5", Arm(Cold(scale=0.5))),
    ("warm:train-on=arrival", Arm(Warm(), train_on=TrainOn.ARRIVAL)),
    ("warm:optimizer-state=keep", Arm(Warm(), optimizer_state=OptimizerState.KEEP)),
    ("warm:normalization=reset", Arm(Warm(), normalization=Normalization.RESET)),
    ("shrink-perturb", Arm(ShrinkPerturb())),
    ("cold:init=first", Arm(Cold(init="first"))),
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
    ("warm:learning-rate=0.01:batch-size=64", Arm(Warm(), learning_rate=0.01, batch_size=64)),
    ("cold:step-shrink=0.99:step-noise=1e-05", Arm(Cold(), step_shrink=0.99, step_noise=1e-5)),
    ("warm:first-learning-rate=0.1:first-batch-size=8", Arm(Warm(), first_learning_rate=0.1, first_batch_size=8)),
    ("warm:first-epochs=5", Arm(Warm(), first_epochs=5)),
    ("warm:penalty=l2:penalty.strength=0.1", Arm(Warm(), penalty=L2(0.1))),
    ("warm:penalty=l2-init:penalty.strength=0.001", Arm(Warm(), penalty=L2Init(0.001))),
    ("warm:penalty=ewc:penalty.strength=10", Arm(Warm(), penalty=EWC(10.0))),
    ("warm:penalty=ewc:penalty.strength=10:penalty.samples=5", Arm(Warm(), penalty=EWC(10.0, samples=5))),
    ("cold:scale=0.5:penalty=confidence:penalty.strength=0.1", Arm(Cold(scale=0.5), penalty=Confidence(0.1))),
    (
        "warm:learning-rate=0.01:penalty=adversarial:penalty.strength=1:penalty.epsilon=0.03",
        Arm(Warm(), learning_rate=0.01, penalty=Adversarial(1.0, 0.03)),
    ),
    (
        "warm:penalty=adversarial:penalty.strength=1:penalty.epsilon=0.1:penalty.bounds=-1..1",
        Arm(Warm(), penalty=Adversarial(1.0, 0.1, (-1.0, 1.0))),
    ),
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
        ("cold:scale=1:scale=0.5", "scale must be given once, got it twice in 'cold:scale=1:scale=0.5'"),
        ("warm:train_on=seen:train-on=arrival", "train-on must be given once, got it twice"),
        ("warm:first-epochs=none:first_epochs=3", "first-epochs must be given once"),
        ("cold:scale=1e400", r"scale must be a number that 64 bits can hold, .* got 1e400"),
        ("cold:scale=1e-400", r"scale must be a number that 64 bits can hold, .* got 1e-400"),
        ("cold:scale=-1e400", r"scale must be a number that 64 bits can hold, .* got -1e400"),
        ("cold:scale=1e-999999999", "scale must be a number that 64 bits can hold, .* got 1e-999999999"),
        ("cold:scale=1e999999999999999999999", "scale must be a number that 64 bits can hold"),
        ("cold:scale=0e999999999", "scale must be a number that 64 bits can hold"),
        ("cold:scale=" + 5000 * "9", r"scale must be a number that 64 bits can hold, .* got 9+ \.\.\. 9+\.$"),
        ("cold:scale=0." + 5000 * "0" + "1", "scale must be a number that 64 bits can hold"),
        ("cold:scale=1/" + 5000 * "9", "scale must be a number that 64 bits can hold"),
        ("cold:scale=" + 5000 * "x", r"scale must be a number, got x+ \.\.\. x+\.$"),
        ("cold:scale=1/0", "scale must be a number, got 1/0"),
        ("warm:batch-size=" + 5000 * "9", "batch-size must be a number that 64 bits can hold"),
        ("warm:batch-size=1e19", "batch-size must be a whole number from 1 to 9223372036854775807, got 1000000000"),
        ("warm:batch-size=1e-3", "batch-size must be a whole number, got 1e-3"),
        ("w" * 3000, r"Unknown strategy 'w+ \.\.\. w+'"),
        ("warm:" + 3000 * "o" + "=1", r"The strategy warm has no options, got 'o+ \.\.\. o+'"),
        ("cold:scale=-1", r"scale must lie in \[0, inf\), got -1"),
        ("shrink-perturb:noise=gausian", "Unknown noise 'gausian': did you mean 'gaussian'?"),
        ("shrink-perturb:before-first-round=perhaps", "must be true or false, got perhaps"),
        ("warm:train-on=seem", "Unknown train-on 'seem': did you mean 'seen'?"),
        ("warm:learning-rate=0", r"learning-rate must lie in \(0, inf\), got 0"),
        ("warm:first-batch-size=0", "batch_size must be a whole number of at least 1, got 0"),
        ("warm:first-epochs=0", "max_epochs must be a whole number of at least 1, got 0"),
        ("warm:step-shrink=2", r"step-shrink must lie in \[0, 1\], got 2"),
        ("warm:penalty=l3:penalty.strength=1", "Unknown penalty 'l3': did you mean 'l2'?"),
        ("warm:penalty=l2", "The penalty l2 needs the option strength, got none"),
        ("warm:penalty=l2:penalty.strength=-1", r"strength must lie in \[0, inf\), got -1"),
        ("warm:penalty=l2:penalty.epsilon=1", "Unknown option of penalty l2 'epsilon'. Known: strength"),
        ("warm:penalty.strength=1", "penalty.strength must come with a penalty=NAME, got none"),
        (
            "warm:penalty=adversarial:penalty.strength=1:penalty.epsilon=1:penalty.bounds=1..0",
            r"bounds must be a lower and a higher number, got \(1.0, 0.0\)",
        ),
        (
            "warm:penalty=adversarial:penalty.strength=1:penalty.epsilon=1:penalty.bounds=0",
            r"bounds must be two numbers as 0..1, got 0",
        ),
    ],
)
def test_mistakes_in_a_spec_are_one_sentence(text, message):
    with pytest.raises(InputError, match=message) as caught:
        parse_arm(text)
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


STUDIES = [
    Study(),
    Study([Warm()], architecture=MLP(3, 50, Activation.TANH), stream=TwoPhase(0.25), seeds=3),
    Study(
        [Cold(), Arm(Warm(), train_on=TrainOn.ARRIVAL)],
        architecture=UserModel("torch.nn:Identity"),
        train_on=TrainOn.ARRIVAL,
    ),
    Study(
        stream=Growing(100, 4),
        stop=StoppingRule(None, None, 7, 9, Measure.EVALUATION),
        recipe=Recipe(learning_rate=0.5),
    ),
    Study([arm for _, arm in ARMS]),
    Study(stream=Part(0.1), source=DataSource("svhn", "somewhere", subset=500)),
    Study(stream=Part(0.1), source=DataSource("svhn", label="digit")),
    Study(source=DataSource()),
    Study(penalty=L2(0.5)),
    Study(penalty=EWC(3.0, samples=7)),
    Study(penalty=Adversarial(0.5, 0.1, (-1.0, 1.0))),
    Study(penalty=Adversarial(0.5, 0.1)),
    Study(measurements=[Correlation(), EvaluationCurve(every=3)]),
    Study(measurements=[GradientNorms(2, samples=64), ShrinkCurve(steps=5, recalibrate=True)]),
    Study(recipe=Recipe(step_shrink=0.9)),
    Study(recipe=Recipe(step_noise=0.01)),
    *(Study(stream=Active(query, 100)) for query in (Margin(), Entropy(), LeastConfidence(), Random())),
]


@pytest.mark.parametrize("study", STUDIES, ids=study_digest)
def test_a_study_survives_its_file(study):
    tomli_w, tomllib = pytest.importorskip("tomli_w"), pytest.importorskip("tomllib")
    assert study_from_dict(tomllib.loads(tomli_w.dumps(study_to_dict(study)))) == study


def test_digests_distinguish_studies_but_not_where_data_are():
    assert len({study_digest(study) for study in STUDIES}) == len(STUDIES)
    elsewhere = replace(STUDIES[0], data=replace(STUDIES[0].data, directory="elsewhere"))
    assert study_digest(elsewhere) == study_digest(STUDIES[0])
    source = Study(stream=Part(0.1), source=DataSource("svhn", "here"))
    assert study_digest(replace(source, source=DataSource("svhn", "there"))) == study_digest(source)


@pytest.mark.parametrize(
    ("study", "digest"),
    [
        (Study(), "49d6a819"),
        (
            Study([Warm()], architecture=MLP(3, 50, Activation.TANH), stream=TwoPhase(0.25), seeds=3),
            "c93e8013",
        ),
    ],
)
def test_options_that_came_later_leave_an_older_study_what_it_is(study, digest):
    """The digests are from before there were any: a study that was begun then must still be the same."""
    described = study_to_dict(study)
    assert not {"source", "penalty", "measurements"} & described.keys()
    assert not {"step_shrink", "step_noise"} & described["recipe"].keys()
    assert study_digest(study) == digest


def test_what_an_arm_says_counts_more_than_what_the_study_says():
    own = Arm(
        Warm(),
        learning_rate=0.5,
        batch_size=7,
        step_shrink=0.8,
        step_noise=0.2,
        first_learning_rate=0.3,
        first_epochs=2,
        penalty=L2(0.1),
    )
    recipe, stop = Recipe(learning_rate=0.1, batch_size=32, weight_decay=0.01), StoppingRule(0.9, patience=3)
    study = Study([own, Cold()], recipe=recipe, stop=stop, penalty=L2(9.0), measurements=[Correlation()])
    trial, plain = study.trial(own.label, 3), study.trial("cold", 3)
    expected = Recipe(learning_rate=0.5, batch_size=7, weight_decay=0.01, step_shrink=0.8, step_noise=0.2)
    first, others = trial.learner_of(1), trial.learner_of(2)
    assert (others.recipe, first.recipe) == (expected, replace(expected, learning_rate=0.3))
    assert (others.stop, first.stop) == (stop, StoppingRule(None, patience=None, max_epochs=2, early_stopping="off"))
    assert (others.penalty, first.penalty, plain.learner.penalty) == (L2(0.1), L2(0.1), L2(9.0))
    assert (plain.learner.recipe, plain.learner.stop, plain.first_learner) == (recipe, stop, None)
    assert trial.measurements == plain.measurements == (Correlation(),)
    assert trial.seed == plain.seed == 3


def test_arms_may_differ_in_nothing_but_a_penalty():
    arms = [Arm(Warm(), penalty=L2(strength)) for strength in (0.1, 0.2)]
    assert len(Study([Warm(), *arms]).labels) == 3
    with pytest.raises(InputError, match=r"differ from each other, got 'warm' more than once"):
        Study([Warm(), arms[0]], penalty=L2(0.1))


def test_a_penalty_that_no_file_could_name_is_one_sentence():
    with pytest.raises(InputError, match=r"A study can hold what warmstart knows by name .* got BoundL2Init"):
        study_to_dict(Study(penalty=BoundL2Init(0.1, {})))
    with pytest.raises(InputError, match=r"A study can hold what warmstart knows by name .* got BoundL2Init"):
        _ = Arm(Warm(), penalty=BoundL2Init(0.1, {})).label


@pytest.mark.parametrize(("text", "number"), [("1/3", 1 / 3), ("1e-3", 0.001), ("0.333", 0.333), (0.1, 0.1)])
def test_numbers_are_read_exactly(text, number):
    assert study_from_dict({"evaluation": {"holdout": text}}).evaluation.holdout == number


def test_strategies_in_one_text_are_separated_by_commas():
    assert study_from_dict({"strategies": "cold, warm"}).labels == ("cold", "warm")


def test_a_strategy_that_no_file_could_name_is_one_sentence():
    class Mine(Warm):
        pass

    with pytest.raises(InputError, match=r"Mine is defined inside a function, .* move it to the top level"):
        study_to_dict(Study([Mine()]))


def test_an_empty_description_is_the_default_study():
    assert study_from_dict({}) == Study()


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"modle": {}}, "Unknown key of a study 'modle': did you mean 'model'?"),
        ({"recipe": {"lr": 1}}, "Unknown option of recipe 'lr'"),
        ({"recipe": 3}, "recipe must be a table of options, got 3"),
        ({"": 3}, "Unknown key of a study ''"),
        ({"recipe": {"": 3}}, "Unknown option of recipe ''"),
        ({"train-on": "seen", "train_on": "arrival"}, "train_on must be given once in a study, got it twice"),
        ({"recipe": {"batch-size": 1, "batch_size": 2}}, "batch-size must be given once, got it twice in the options"),
        ({"seeds": 100_001}, "seeds must be a whole number from 1 to 100000, got 100001; .* several studies"),
        ({"seeds": 10**5000}, "seeds must be a whole number from 1 to 100000, got a number of more than 4000 digits"),
        ({"seeds": True}, "seeds must be a whole number, got True"),
        ({"seeds": math.nan}, "seeds must be a whole number, got nan"),
        ({"seeds": [1]}, r"seeds must be a whole number, got \[1\]"),
        ({"stop": {"max-epochs": 2**63}}, "^stop.max-epochs must be a whole number from 1 to 9223372036854775807"),
        ({"recipe": {"learning_rate": math.inf}}, r"^recipe.learning_rate must lie in \(0, inf\), got inf"),
        ({"recipe": {"learning_rate": 10**400}}, "^recipe.learning_rate must be a number that 64 bits can hold"),
        ({"data": {"name": ["digits"]}}, "name must be a text that is not empty, got "),
        ({"data": {"name": ""}}, "name must be a text that is not empty, got ''"),
        ({"data": {"directory": True}}, "directory must be a text that is not empty, got 'True'"),
        ({"data": {"label": {"a": 1}}}, "label must be a text that is not empty"),
        ({"stream": {"name": "active", "query": ["margin"]}}, "^stream.query must be the name of a query, got "),
        ({"model": {"name": "mlp", "bias": 2}}, "bias must be true or false, got 2"),
        ({"seeds": "many"}, "seeds must be a whole number, got many"),
        ({"seeds": 1.5}, "seeds must be a whole number, got 1.5"),
        ({"seeds": 0}, "seeds must be a whole number of at least 1, got 0"),
        ({"strategies": [1]}, "strategies must be a list of names with options"),
        ({"strategies": 3}, "strategies must be a list of names with options, got 3"),
        ({"strategies": []}, "at least one strategy, got none"),
        ({"strategies": ["warm", "warm"]}, "differ from each other, got 'warm' more than once"),
        ({"model": {"name": "resnet1", "width": 3}}, "Unknown model 'resnet1': did you mean 'resnet18'?"),
        ({"model": {"name": "logistic", "width": 3}}, "The model logistic has no options, got 'width'"),
        (
            {"model": {"name": "torch.nn:Identity", "width": 3}},
            "The model torch.nn:Identity has no options, got 'width'",
        ),
        (
            {"stream": {"name": "two-phase", "rounds": 3}},
            "Unknown option of stream two-phase 'rounds'. Known: fraction",
        ),
        ({"stop": {"patience": "long"}}, "patience must be a whole number, got long"),
        ({"evaluation": {"holdout": 1}}, r"holdout must lie in \(0, 1\), got 1"),
        ({"source": {"nmae": "svhn"}}, "Unknown option of source 'nmae': did you mean 'name'?"),
        ({"source": "svhn"}, "source must be a table of options, got svhn"),
        ({"penalty": {"strength": 1}}, "Unknown penalty ''"),
        ({"penalty": {"name": "l2"}}, "The penalty l2 needs the option strength, got none"),
        ({"measurements": ["corelation"]}, "Unknown measurement 'corelation': did you mean 'correlation'?"),
        ({"measurements": ["evaluation-curve:every=0"]}, "every must be a whole number of at least 1, got 0"),
        ({"measurements": 3}, "measurements must be a list of names with options, got 3"),
        ({"stream": {"name": "active", "query": "margn"}}, "Unknown query 'margn': did you mean 'margin'?"),
        ({"recipe": {"step-noise": -1}}, r"^recipe.step-noise must lie in \[0, inf\), got -1"),
    ],
)
def test_mistakes_in_a_study_are_one_sentence(tables, message):
    with pytest.raises(InputError, match=message):
        study_from_dict(tables)


def test_numbers_of_numpy_are_those_of_a_file():
    study = Study(seeds=np.int64(3), stream=TwoPhase(np.float32(0.25)), architecture=ResNet18(np.int16(8)))
    plain = Study(seeds=3, stream=TwoPhase(0.25), architecture=ResNet18(8))
    assert study_text(study) == study_text(plain)
    assert study_digest(study) == study_digest(plain)
    assert Growing(arrival_size=np.int64(4)).sizes(10) == [4, 4, 2]


def test_a_column_may_be_called_by_a_number():
    assert study_from_dict({"data": {"label": 3}}).data.label == "3"


def test_numbers_that_take_long_to_compute_are_refused_at_once():
    begun = time.perf_counter()
    for text in ("1e-999999999", "1e999999999", "1_0e-99999999", f"{'9' * 4000}e{'9' * 9}"):
        with pytest.raises(InputError):
            study_from_dict({"recipe": {"learning_rate": text}})
    assert time.perf_counter() - begun < 5


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("arms", None),
        ("arms", "warm"),
        ("arms", [3]),
        ("arms", 3),
        ("measurements", [Warm()]),
        ("measurements", None),
        ("recipe", {"learning_rate": 0.1}),
        ("stop", None),
        ("carry_over", "keep"),
        ("architecture", MLP),
        ("stream", None),
        ("source", 3),
        ("penalty", L2),
        ("evaluation", 0.3),
        ("seeds", "three"),
        ("seeds", 10**400),
    ],
)
def test_parts_of_other_classes_are_one_sentence(part, value):
    with pytest.raises(InputError, match=rf"^{part} must be [^\n]*\.$") as caught:
        Study(**{part: value})
    assert len(str(caught.value)) < 300


def test_a_table_of_settings_is_no_data_in_memory():
    with pytest.raises(InputError, match=r"The data 'own data' must be a Dataset, .* got dict\.$"):
        Study(data={"name": "digits"})


def test_seeds_may_be_text_as_typed():
    assert Study(seeds="3") == Study(seeds=3)
