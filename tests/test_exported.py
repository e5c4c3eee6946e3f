"""Whatever is exported is complete: in the stub, among the names, in its table of common checks, in the changelog.

So that to add one costs at most four files, and to forget one of them fails here.
"""

import inspect
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import tomli_w

import warmstart
from warmstart.cli._described import exported, named_datasets
from warmstart.data import known_datasets
from warmstart.specs import KINDS, LEARNER, build_options, from_table, options_for, spoken, to_table

ROOT = Path(__file__).parents[1]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
# Where every kind's own checks are: one of the files must name each class, in its table or beside it.
CHECKS = {
    "strategy": "strategies/test_strategies.py",
    "stream": "streams/test_streams.py",
    "penalty": "penalties/test_penalties.py",
    "query": "queries/test_queries.py",
    "measurement": "diagnostics/test_measurements.py",
    "model": "models/test_models.py",
    "learner": "learners/test_*.py",
}
# Options without a default, for whatever has some.
NEEDED = {"strength": 0.5, "epsilon": 0.1, "arrivals": [[0, 1], [2]]}
CLASSES = [(kind, name, owner) for kind in KINDS for name, owner in kind.known().items()]


@pytest.fixture(params=CLASSES, ids=[f"{kind.name} {name}" for kind, name, _ in CLASSES])
def entry(request):
    return request.param


def test_there_is_something_of_every_kind():
    assert {kind.name for kind, _, _ in CLASSES} >= {kind.name for kind in KINDS} - {LEARNER.name}


def test_it_is_a_name_of_the_package(entry):
    _, _, owner = entry
    assert owner.__name__ in warmstart.__all__
    assert getattr(warmstart, owner.__name__) is owner


def test_it_is_in_the_table_of_common_checks(entry):
    kind, _, owner = entry
    texts = [file.read_text(encoding="utf-8") for file in (ROOT / "tests").glob(CHECKS[kind.name])]
    assert any(re.search(rf"\b{owner.__name__}\b", text) for text in texts), f"not in tests/{CHECKS[kind.name]}"


def test_it_is_in_the_changelog(entry):
    _, name, owner = entry
    spelled = {name, owner.__name__, *(form for form in WORDS.get(name, ()))}
    assert any(form.lower() in CHANGELOG.lower().replace("\n", " ") for form in spelled), f"CHANGELOG.md lacks {name}"


# Names that prose writes otherwise.
WORDS = {
    "logistic": ("logistic regression",),
    "mlp": ("multilayer perceptron",),
    "resnet18": ("ResNet-18",),
    "part": ("part of the pool",),
    "confidence": ("confidence penalty",),
    "least-confidence": ("least confidence",),
    "evaluation-curve": ("evaluation curves",),
    "gradient-norms": ("gradient norms",),
    "correlation": ("correlation with",),
    "shrink-curve": ("accuracy after shrinking",),
}


def test_it_can_be_typed_stored_and_read(entry):
    kind, name, owner = entry
    options = {key: NEEDED[key] for key, option in options_for(owner).items() if option.is_required}
    value = build_options(owner, options, kind=name)
    table = tomllib.loads(tomli_w.dumps(to_table(kind, value)))
    assert table["name"] == name == spoken(owner.__name__)
    assert from_table(kind, table) == value


def test_it_says_what_it_is_in_one_line_and_what_its_options_are(entry):
    _, _, owner = entry
    assert (inspect.getdoc(owner) or "").split("\n")[0].rstrip().endswith((".", ":"))
    documented = "\n".join(inspect.getdoc(part) or "" for part in owner.__mro__)  # a base may describe what is common
    assert all(re.search(rf"^ +{option.name}: ", documented, re.MULTILINE) for option in options_for(owner).values())


def test_it_has_a_version_of_its_formula(entry):
    _, _, owner = entry
    assert isinstance(getattr(owner, "version", 1), int)


def test_exported_classes_of_a_kind_are_all_known():
    for kind in KINDS:
        room = import_module(kind.room.__name__)
        found = {
            value
            for value in vars(room).values()
            if inspect.isclass(value) and issubclass(value, kind.bases) and not inspect.isabstract(value)
        }
        # What is bound to a round holds tensors; a user's model is named by its function.
        missing = found - set(kind.known().values()) - set(kind.bases)
        assert all(getattr(value, "is_bound", value.__name__ == "UserModel") for value in missing)


def test_data_sets_are_in_the_changelog_and_in_the_help():
    assert named_datasets() == [dataset.name for dataset in known_datasets()]
    written = re.sub(r"[-\s]", "", CHANGELOG.lower())
    assert all(name.replace("-", "") in written for name in named_datasets())


def test_what_is_read_from_source_is_what_is_there():
    for room, *bases in (
        ("strategies", "Strategy"),
        ("streams", "Stream"),
        ("queries", "Query"),
        ("models", "Architecture"),
    ):
        kind = next(kind for kind in KINDS if kind.room.__name__.endswith(room))
        assert set(exported(room, *bases)) == set(kind.known())


def test_the_version_is_there_before_and_after_any_other_name():
    code = "import warmstart as ws; first = ws.__version__; ws.Cold; assert ws.__version__ == first"
    subprocess.run([sys.executable, "-c", f"{code}; assert {{'__version__', 'Cold'}} <= {{*dir(ws)}}"], check=True)
