"""The JSON Schema of study files allows what a study takes, and refuses what it refuses."""

import json

import jsonschema
import pytest

from warmstart.basics import InputError
from warmstart.data import DataSource
from warmstart.penalties import L2
from warmstart.specs import KINDS, options_for, plain
from warmstart.strategies import Cold, Warm
from warmstart.streams import Active, TwoPhase
from warmstart.studies import Study, study_from_dict, study_schema, study_to_dict
from warmstart.studies._study import KINDS_OF_KEYS, PARTS

SCHEMA = study_schema()
CHECK = jsonschema.Draft202012Validator(SCHEMA)


def complaints(tables):
    return [error.message for error in CHECK.iter_errors(tables)]


def is_taken(tables):
    try:
        study_from_dict(tables)
    except InputError:
        return False
    return True


def test_it_is_a_schema_in_json():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA, allow_nan=False)) == SCHEMA


@pytest.mark.parametrize(
    "study",
    [
        Study(),
        Study([Cold(), "warm:penalty=l2:penalty.strength=0.1"], stream=TwoPhase(), seeds="auto:max=20"),
        Study(data="t.csv", learner="regressor", measurements=["correlation"]),
        Study([Warm()], stream=Active(), penalty=L2(0.1), source=DataSource("cifar10"), data="cifar10"),
        Study(data=DataSource("t.csv", label="kind", drop=("a", "b"), header=False, image_size=None)),
    ],
    ids=["default", "specs", "regression", "active", "table"],
)
def test_every_study_that_is_written_is_valid(study):
    assert complaints(json.loads(json.dumps(study_to_dict(study)))) == []


FAULTS = [
    {"sedes": 3},
    {"seeds": 0},
    {"seeds": "many"},
    {"strategies": []},
    {"train_on": "sene"},
    {"recipe": {"batch_size": 0}},
    {"recipe": {"batch_size": 1.5}},
    {"recipe": {"learning_rate": 0}},
    {"recipe": {"momentum": 1, "optimizer": "sgd"}},
    {"recipe": {"optimizer": "adma"}},
    {"recipe": {"augmentation": ["flap"]}},
    {"recipe": {"lr": 0.1}},
    {"stop": {"train_accuracy": 1.5}},
    {"stop": {"patience": "many"}},
    {"stop": {"max_epochs": 0}},
    {"stream": {"name": "two-phase", "fraction": 2}},
    {"stream": {"name": "two-phase", "rounds": 2}},
    {"model": {"name": "mlp", "wdth": 3}},
    {"penalty": {"name": "l2"}},
    {"penalty": {"name": "l2", "strength": -1}},
    {"data": {"name": "digits", "lable": "a"}},
    {"carry_over": {"normalization": "forget"}},
]
RIGHT = [
    {},
    {"train-on": "arrival"},
    {"recipe": {"batch-size": 1, "learning-rate": 0.1, "clip-norm": "none"}},
    {"recipe": {"augmentation": ["flip", "crop"], "optimizer": "sgd", "momentum": 0}},
    {"stop": {"train_accuracy": 1, "max_epochs": 1, "patience": "none"}},
    {"model": {"width": 8}},
    {"model": {"name": "torch.nn:Linear", "in_features": 64, "out_features": 10}},
    {"stream": {"name": "two-phase", "fraction": 0.25}},
    {"penalty": {"name": "l2", "strength": 0.5}},
    {"data": {"name": "t.csv", "label": "kind", "missing": "fill"}},
]


@pytest.mark.parametrize("tables", FAULTS, ids=str)
def test_what_a_study_refuses_is_invalid(tables):
    assert not is_taken(tables)
    assert complaints(tables)


@pytest.mark.parametrize("tables", RIGHT, ids=str)
def test_what_a_study_takes_is_valid(tables):
    assert is_taken(tables)
    assert complaints(tables) == []


def numbers(schema, path=()):
    """Each option with a limit, with the place of its table."""
    for name, value in schema.get("properties", {}).items():
        forms = value.get("anyOf", [value]) if isinstance(value, dict) else []
        for form in forms:
            if {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"} & set(form):
                yield (*path, name), form
        if isinstance(value, dict):
            yield from numbers(value, (*path, name))


def test_the_limits_of_the_usual_options_are_there():
    found = {".".join(path): form for path, form in numbers(SCHEMA)}
    assert found["recipe.momentum"] == {"type": "number", "minimum": 0, "exclusiveMaximum": 1} | {
        key: found["recipe.momentum"][key] for key in ("default", "description")
    }
    assert found["stop.validation"]["maximum"] == 0.5
    assert found["stop.max_epochs"]["minimum"] == 1
    assert {"recipe.ema", "recipe.warm_up", "evaluation.holdout", "data.subset", "seeds"} <= set(found)


@pytest.mark.parametrize("key", PARTS)
def test_each_option_has_its_default_and_its_text(key):
    table = SCHEMA["properties"][key]["properties"]
    assert set(table) == {option.name for option in options_for(PARTS[key]).values()}
    for option in options_for(PARTS[key]).values():
        assert table[option.name]["default"] == json.loads(json.dumps(plain(option.default, option.kind)))
        assert len(table[option.name]["description"]) > 10


def test_whatever_is_known_has_a_table_of_its_own():
    for key, kind in KINDS_OF_KEYS.items():
        titles = [table["title"] for table in SCHEMA["properties"][key]["anyOf"]]
        assert titles == [*kind.known(), "module:Object"]
    strategy = next(kind for kind in KINDS if kind.name == "strategy")
    assert SCHEMA["properties"]["strategies"]["items"]["anyOf"][0]["enum"] == sorted(strategy.known())
