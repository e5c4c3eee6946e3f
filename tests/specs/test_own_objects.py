"""Strategies, streams, ... that are not ours: by module:Object, as objects, and by other packages' entry points."""

import math
import subprocess
import sys
from dataclasses import dataclass

import pytest
from torch import nn

from packages import install
from warmstart.basics import InputError, generator_for
from warmstart.data import DataSource
from warmstart.learners import Regressor, Scores
from warmstart.models import MLP, UserModel
from warmstart.penalties import L2
from warmstart.queries import Margin, Query
from warmstart.specs import (
    KINDS,
    LEARNER,
    MODEL,
    QUERY,
    STRATEGY,
    data_from_table,
    data_to_table,
    from_spec,
    from_table,
    identity,
    to_spec,
    to_table,
)
from warmstart.strategies import Cold, Warm
from warmstart.streams import Active, Growing
from warmstart.studies import Arm, Study, parse_arm, study_digest, study_from_dict, study_to_dict
from warmstart.training import Huber


@pytest.fixture(autouse=True)
def package(tmp_path, monkeypatch):
    """A package, and its module forgotten afterwards."""
    monkeypatch.syspath_prepend(install(tmp_path))
    yield tmp_path
    sys.modules.pop("halves", None)


@dataclass(frozen=True)
class Mine(Warm):
    amount: float = 0.5
    query: Query = Margin()


class Plain(Warm):
    """Not a dataclass: two of them are not equal."""

    def __init__(self, amount=1):
        self.amount = amount


@dataclass(frozen=True)
class Versioned(Query):
    version = 2

    def __call__(self, logits, count, *, generator):
        raise NotImplementedError


@dataclass(frozen=True)
class MyLearner:
    rate: float = 0.1

    def build(self, data, seed): ...
    def train(self, model, round): ...
    def evaluate(self, model, data):
        return Scores([1.0])


@pytest.mark.parametrize(
    ("spec", "label", "amount"),
    [
        ("halves:Half", "halves:Half", 0.5),
        ("halves:Half:amount=0.3", "halves:Half:amount=0.3", 0.3),
        ("halves:Half:amount=1/4:sizes=[2]", "halves:Half:amount=0.25:sizes=[2]", 0.25),
        ("halves:quarter", "halves:quarter", 0.25),
        ("halves:tenth", "halves:tenth", 0.1),
        ("halves:tenth:times=3", "halves:tenth:times=3", 0.3),
        ("half", "half", 0.5),
        ("half:amount=0.3", "half:amount=0.3", 0.3),
        ("a-tenth:times=3", "a-tenth:times=3", 0.3),
        ("half:batch-size=7:penalty=l2:penalty.strength=3", "half:batch-size=7:penalty=l2:penalty.strength=3", 0.5),
    ],
)
def test_an_arm_of_somebody_elses_survives_its_label_its_spec_and_its_file(spec, label, amount):
    study = Study([spec, "cold"])
    (arm, _) = study.arms
    assert (arm.label, arm.strategy.amount) == (label, amount)
    for again in (parse_arm(arm.label), parse_arm(arm.spec), study_from_dict(study_to_dict(study)).arms[0]):
        assert (again, again.label, again.spec) == (arm, arm.label, arm.spec)
    assert study_digest(study_from_dict(study_to_dict(study))) == study_digest(study)


@pytest.mark.parametrize("strategy", [Mine(), Mine(0.1), Mine(query=Versioned()), Plain(), Plain(2)])
def test_an_object_from_python_is_named_by_its_module_and_class(strategy):
    study = Study([strategy])
    (text,) = study_to_dict(study)["strategies"]
    assert text.startswith(f"{__name__}:{type(strategy).__name__}:amount=")
    (arm,) = study_from_dict(study_to_dict(study)).arms
    assert vars(arm.strategy) == vars(strategy)


def test_objects_without_equality_are_distinguished_by_their_options():
    assert len(Study([Plain(1), Plain(2)]).labels) == 2
    with pytest.raises(InputError, match="differ from each other"):
        Study([Plain(1), Plain(1)])


def test_an_option_that_is_called_like_one_of_the_arm_s():
    arm = Arm(Batched(3), batch_size=7)
    assert arm.label == f"{__name__}:Batched:strategy.batch-size=3:batch-size=7"
    assert parse_arm(arm.label) == parse_arm(arm.spec) == arm


@dataclass(frozen=True)
class Batched(Warm):
    batch_size: int = 1


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("hafl", "Unknown strategy 'hafl': did you mean 'half'"),
        ("halves:Hafl", "Unknown strategy in module halves 'Hafl': did you mean 'Half'"),
        ("halvs:Half", "The strategy 'halvs:Half' cannot be imported: ModuleNotFoundError: No module named 'halvs'"),
        ("halves:Half:amuont=3", "Unknown option of strategy halves:Half 'amuont': did you mean 'amount'"),
        ("halves:Half:amount=x", "amount must be a number, got x"),
        ("halves:quarter:amount=3", "The strategy halves:quarter is an object already and takes no options"),
        ("halves:wrong", "The strategy 'halves:wrong' must be a Strategy: a class, .* got 1"),
        ("halves:NoStrategy", "The strategy 'halves:NoStrategy' must be a Strategy: .* got the class NoStrategy"),
        ("halves:number", "The strategy 'halves:number' must be a Strategy: .* got 3"),
        ("halves:Half:amount=0.5:sizes", "Options follow a name as name:option=value, got 'sizes'"),
        (
            "broken",
            "The strategy 'broken' is offered by an installed package as no_such_module:Half, which cannot be imported",
        ),
        ("a b:c", "Options follow a name as name:option=value, got 'c'"),
        ("cold:warm", "Options follow a name as name:option=value, got 'warm' in 'cold:warm'"),
    ],
)
def test_names_that_lead_nowhere_are_one_sentence_when_the_study_is_made(spec, message):
    with pytest.raises(InputError, match=message) as caught:
        Study(["cold", spec])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"architecture": "mpl"}, "Unknown model 'mpl': did you mean 'mlp'"),
        ({"stream": "active:query=margn"}, "Unknown query 'margn': did you mean 'margin'"),
        ({"penalty": "l3:strength=1"}, "Unknown penalty 'l3'"),
        ({"measurements": ["corelation"]}, "Unknown measurement 'corelation'"),
        ({"data": "halves:nubmer"}, "Unknown data in module halves 'nubmer'"),
        ({"data": "halves:number:n=3"}, "options must be left out for 'halves:number', .* got n"),
    ],
)
def test_names_inside_are_checked_when_the_study_is_made(part, message):
    with pytest.raises(InputError, match=message):
        Study(**part)


def test_names_stand_for_objects_everywhere_in_python():
    study = Study(
        ["cold"],
        architecture="mlp:layers=3",
        stream="active:query=margin:rounds=3",
        penalty="l2:strength=0.5",
        measurements=["correlation"],
        data="cifar10",
        source="halves:tenth:times=2",
    )
    assert (study.architecture, study.stream) == (MLP(layers=3), Active(rounds=3))
    assert (study.penalty, study.data) == (L2(0.5), DataSource("cifar10"))
    assert study.source == DataSource("halves:tenth", options={"times": 2})
    assert study_from_dict(study_to_dict(study)) == study


def test_a_broken_entry_point_breaks_nothing_else(package):
    (package / "halves-1.0.dist-info" / "entry_points.txt").write_text("no entry points at all\n[\n=")
    with pytest.raises(InputError, match=r"Unknown strategy 'half'\. Known: cold"):
        parse_arm("half")
    assert parse_arm("halves:Half").strategy.amount == 0.5


def test_a_class_defined_in_a_function_is_one_sentence():
    class Local(Warm):
        pass

    for make in (lambda: Study([Local()]), lambda: Arm(Local()).label):
        with pytest.raises(InputError, match=r"Local is defined inside a function, .* move it to the top level"):
            make()


def test_a_class_of_main_works_there_and_is_one_sentence_elsewhere(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from dataclasses import dataclass\n"
        "from warmstart import Study, Warm\n"
        "from warmstart.studies import study_from_dict, study_to_dict\n"
        "@dataclass(frozen=True)\n"
        "class Mine(Warm):\n    amount: float = 0.5\n"
        "study = Study([Mine(0.3)])\n"
        "assert study_from_dict(study_to_dict(study)) == study\n"
        "print(study_to_dict(study)['strategies'][0])\n"
    )
    printed = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True).stdout.strip()
    assert printed == "__main__:Mine:amount=0.3"
    with pytest.raises(InputError, match=r"was defined in the program that made the study.*: put Mine into a module"):
        parse_arm(printed)


def test_a_built_in_learner_stores_only_what_is_its_own_by_public_names():
    study = Study(learner=Regressor(MLP(width=7), loss=Huber(0.5)))
    tables = study_to_dict(study)
    assert tables["learner"] == {"name": "regressor", "loss": {"object": "warmstart.training:Huber", "delta": 0.5}}
    assert (tables["model"]["name"], tables["model"]["width"]) == ("mlp", 7)
    assert study_from_dict(tables) == study


def test_learners_need_no_base_class():
    learner = MyLearner(0.3)
    assert to_table(LEARNER, learner) == {"name": f"{__name__}:MyLearner", "rate": 0.3}
    assert from_table(LEARNER, to_table(LEARNER, learner)) == from_spec(LEARNER, to_spec(LEARNER, learner)) == learner
    with pytest.raises(InputError, match="must be a Learner"):
        from_spec(LEARNER, "halves:Half")


def test_a_study_with_a_learner_stores_it_unless_it_is_the_default():
    assert "learner" not in study_to_dict(Study())
    study = Study(learner=MyLearner(0.3))
    assert study_to_dict(study)["learner"] == {"name": f"{__name__}:MyLearner", "rate": 0.3}
    assert not {"model", "recipe", "stop", "carry_over"} & study_to_dict(study).keys()
    assert study_from_dict(study_to_dict(study)) == study


def test_a_model_is_an_architecture_or_a_function():
    assert from_spec(MODEL, "torch.nn:Identity") == UserModel("torch.nn:Identity")
    assert to_table(MODEL, UserModel("torch.nn:Identity")) == {"name": "torch.nn:Identity"}
    assert from_spec(MODEL, f"{__name__}:Wide:width=7") == Wide(width=7)
    model = from_spec(MODEL, f"{__name__}:linear:bias=false")
    assert from_table(MODEL, to_table(MODEL, model)) == from_spec(MODEL, to_spec(MODEL, model)) == model
    built = model.build((2, 3), 4, generator=generator_for(0))
    assert (built[1].in_features, built[1].out_features, built[1].bias) == (6, 4, None)
    for spec, message in (
        (f"{__name__}:linear:classes=3", "Unknown option of model"),
        (f"{__name__}:linear:bias=x", "true"),
    ):
        with pytest.raises(InputError, match=message):
            from_spec(MODEL, spec)


def linear(input_shape, classes, bias: bool = True):
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(input_shape), classes, bias=bias))


@dataclass(frozen=True)
class Wide(MLP):
    width: int = 9


def test_data_of_a_function_or_another_package():
    data = data_from_table({"name": "halves:tenth", "times": "2"}, key="data")
    assert data == DataSource("halves:tenth", options={"times": 2})
    assert data_to_table(data) == {"name": "halves:tenth", "times": 2}
    assert data_from_table(data_to_table(data), key="data") == data
    assert data_from_table({"name": "squares"}, key="data") == DataSource("squares")
    assert data_to_table(DataSource("squares")) == {"name": "squares"}
    assert data_from_table({"name": "digits", "subset": "9"}, key="data") == DataSource("digits", subset=9)
    with pytest.raises(InputError, match="Unknown option of data halves:tenth 'tiems'"):
        data_from_table({"name": "halves:tenth", "tiems": 2}, key="data")


def test_data_of_ones_own_have_a_subset_unless_their_function_has_one(package):
    (package / "halves.py").write_text("def whole(times=1): ...\ndef part(times=1, subset=2): ...\n")
    source = data_from_table({"name": "halves:whole", "subset": 5, "times": 3}, key="data")
    assert source == DataSource("halves:whole", subset=5, options={"times": 3})
    assert data_to_table(source) == {"name": "halves:whole", "times": 3, "subset": 5}
    own = data_from_table({"name": "halves:part", "subset": "5"}, key="data")
    assert own == DataSource("halves:part", options={"subset": 5})
    assert data_from_table(data_to_table(own), key="data") == own
    with pytest.raises(InputError, match="subset must be left out for 'halves:part', which has such an option itself"):
        Study(data=DataSource("halves:part", subset=5))
    with pytest.raises(InputError, match="Unknown option of data halves:whole 'tiems'"):
        Study(data=DataSource("halves:whole", options={"tiems": 5}))


def test_a_path_that_exists_is_no_module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "halves:tenth").mkdir()
    assert data_from_table({"name": "halves:tenth"}, key="data") == DataSource("halves:tenth")


def test_identity_has_options_source_and_version(package):
    assert identity(Cold(0.5)) == {"class": "Cold", "scale": 0.5, "scope": "all"}
    assert "source" not in str(identity(Active(Margin())))
    own = identity(from_spec(STRATEGY, "halves:Half"))
    assert (own["class"], own["amount"], own["sizes"]) == ("halves:Half", 0.5, [1, 3])
    assert identity(from_spec(STRATEGY, "half")) == own
    assert identity(from_spec(STRATEGY, "halves:tenth:times=2"))["times"] == 2
    nested = identity(Active(Versioned(), rounds=3))
    assert nested["inner"][0]["version"] == 2
    assert len(nested["inner"][0]["source"]) == 16


def test_identity_changes_with_the_source(package):
    before = identity(from_spec(STRATEGY, "halves:Half"))
    (package / "halves.py").write_text((package / "halves.py").read_text() + "\n# another formula\n")
    del sys.modules["halves"]
    after = identity(from_spec(STRATEGY, "halves:Half"))
    assert before["source"] != after["source"]
    assert {**before, "source": ""} == {**after, "source": ""}


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
def test_every_kind_reports_an_unknown_name(kind):
    with pytest.raises(InputError, match=rf"^Unknown {kind.name} 'no-such-thing'\. Known: "):
        from_spec(kind, "no-such-thing")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_known_name_leads_to_its_class(kind):
    for name, owner in kind.known().items():
        assert kind.target(name) is owner
    assert QUERY.name_of(Margin()) == "margin"
    assert Growing in Study.__dataclass_fields__["stream"].default.__class__.__mro__
