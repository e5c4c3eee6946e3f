import sys

import pytest

from warmstart.basics import InputError
from warmstart.data import DataSource, load, training_samples
from warmstart.data._assemble import subset_rows


@pytest.fixture
def write_module(tmp_path, monkeypatch):
    """Write a module into the current folder, and forget it at the end."""
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)

    def write(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(text)

    yield write
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]


OWN = """
import numpy as np
from warmstart.data import Dataset, LabelledArrays
TEXTS = ["a", "b", "c"]
def blobs(count=6, shift=0.0):
    return np.arange(2.0 * count).reshape(count, 2) + shift, np.arange(count) % 2
def prices():
    return blobs()[0], np.arange(6) / 4
def both():
    return (TEXTS, TEXTS[:1])
def ready():
    return Dataset("x", LabelledArrays(np.eye(2, dtype=np.float32), np.array([0, 1])), None, ("a", "b"))
def nothing(): pass
def fails(): raise RuntimeError("no luck")
def leaves(): raise SystemExit(3)
class Squares:
    def __init__(self, count=4): self.count = count
    def __len__(self): return self.count
    def __getitem__(self, index): return index ** 2
    @classmethod
    def five(cls): return cls(5)
"""


@pytest.mark.parametrize(
    ("name", "options", "items"),
    [
        ("own_data:TEXTS", {}, ["a", "b", "c"]),
        ("own_data:Squares", {}, [0, 1, 4, 9]),
        ("own_data:Squares", {"count": 2}, [0, 1]),
        ("own_data:Squares.five", {}, [0, 1, 4, 9, 16]),
        ("own_data:both", {}, ["a", "b", "c"]),
    ],
)
def test_data_of_the_users_own_are_loaded_from_the_current_folder(write_module, name, options, items):
    write_module("own_data", OWN)
    path = list(sys.path)
    source = DataSource(name, options=options)
    dataset = load(source)
    assert (dataset.name, [dataset.train[index] for index in range(len(dataset.train))]) == (name, items)
    assert (dataset.test, training_samples(source)) == (None, len(items))
    assert sys.path[: len(path)] == path  # the folder comes last, where it hides nothing


def test_arrays_of_the_users_own_are_labelled_arrays(write_module):
    write_module("own_data", OWN)
    dataset = load(DataSource("own_data:blobs", subset=4, options={"count": 8, "shift": 0.5}))
    assert (dataset.classes, dataset.train.inputs.tolist()) == (
        ("0", "1"),
        [[2 * n + 0.5, 2 * n + 1.5] for n in subset_rows(8, 4)],
    )
    assert load(DataSource("own_data:prices"), targets="values").train.labels.tolist() == [0, 0.25, 0.5, 0.75, 1, 1.25]
    with pytest.raises(InputError, match=r"Labels must be classes, .* targets of own_data:prices contains 0\.25"):
        load(DataSource("own_data:prices"))


def test_a_test_set_of_the_users_own_is_loaded_when_requested(write_module):
    write_module("own_data", OWN)
    assert load(DataSource("own_data:both"), with_test=True).test == ["a"]
    for name in ("own_data:TEXTS", "own_data:ready", "own_data:blobs"):
        with pytest.raises(InputError, match=f"no test set with the data of {name}: choose --evaluate holdout instead"):
            load(DataSource(name), with_test=True)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (DataSource("no_such_module:x"), "The data 'no_such_module:x' cannot be imported: ModuleNotFoundError"),
        (DataSource("own_data:Square"), "Unknown data in module own_data 'Square': did you mean 'Squares'"),
        (DataSource("own_data:nothing"), "The data 'own_data:nothing' must be a data set, got None"),
        (DataSource("own_data:fails"), r"The data 'own_data:fails' cannot be made: RuntimeError: no luck\.$"),
        (DataSource("own_data:leaves"), "The data 'own_data:leaves' cannot be made: SystemExit: 3"),
        (
            DataSource("own_data:Squares", options={"size": 3}),
            "cannot be made: TypeError: .*unexpected keyword .*'size'",
        ),
        (
            DataSource("own_data:TEXTS", options={"size": 3}),
            "options must be left out for 'own_data:TEXTS', .* got size",
        ),
        (DataSource("own_data:TEXTS", label="y"), "must be left out for own_data:TEXTS, which has no columns"),
        (DataSource("digits", options={"size": 3}), "options must be left out for digits, as only data of your own"),
        (DataSource("own_data:TEXTS", subset=4), r"subset must lie in \[1, 3\]"),
        (DataSource("own_data:bad:thing"), "Unknown data set 'own_data:bad:thing'"),
    ],
)
def test_what_leads_to_no_data_is_refused(write_module, source, message):
    write_module("own_data", OWN)
    with pytest.raises(InputError, match=message) as caught:
        load(source)
    assert "\n" not in str(caught.value)


def test_a_module_that_fails_is_refused_in_one_sentence(write_module):
    write_module("own_broken", "1 / 0")
    with pytest.raises(
        InputError, match="The data 'own_broken:x' cannot be imported: ZeroDivisionError: division by zero"
    ):
        load(DataSource("own_broken:x"))


def test_targets_of_another_kind_than_requested_are_refused(write_module):
    write_module("own_data", OWN)
    with pytest.raises(InputError, match="targets must be classes for own_data:ready, which has no others, got values"):
        load(DataSource("own_data:ready"), targets="values")
    assert load(DataSource("own_data:ready")).name == "x"


def test_a_file_whose_name_looks_like_a_module_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own:data.csv").write_text("a,y\n1,x\n2,z\n")
    assert load(DataSource("own:data.csv")).classes == ("x", "z")
