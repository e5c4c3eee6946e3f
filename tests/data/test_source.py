import pickle
import subprocess
import sys
from dataclasses import fields, replace

import pytest

from warmstart.basics import InputError
from warmstart.data import DataSource


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": ""}, "data must be the name of a data set or a path, got ''"),
        ({"name": 3}, "data must be the name .* got 3"),
        ({"subset": 0}, "subset must be a whole number of at least 1, got 0"),
        ({"subset": 2.5}, "subset must be a whole number of at least 1, got 2.5"),
        ({"directory": 7}, "directory must be a non-empty string"),
        ({"label": ""}, "label must be a non-empty string"),
        ({"order": ""}, "order must be a non-empty string or left out, got ''"),
        ({"key": 3}, "key must be a non-empty string or left out, got 3"),
        ({"drop": "size"}, "drop must be a list of texts, got 'size'"),
        ({"features": (1,)}, "features must be a list of texts, got"),
        ({"drop": ("caf\udce9",)}, r"drop must be UTF-8 text, got 'caf\\udce9'"),
        ({"separator": ";;"}, "separator must be one character, or tab or space, got ';;'"),
        ({"separator": "\n"}, "separator must be one character"),
        ({"separator": "é"}, "separator must be one character"),
        ({"decimal": ";"}, "decimal must be . or , or left out, got ';'"),
        ({"thousands": "0"}, "thousands must be one character that is no digit, such as a comma, got '0'"),
        ({"thousands": ",", "decimal": ","}, "thousands must be another character than decimal, got ',' for both"),
        ({"header": "yes"}, "header must be true or false, got 'yes'"),
        ({"encoding": "utf-99"}, "encoding must be one that Python knows, such as utf-8, .* got 'utf-99'"),
        ({"missing": "drop"}, "Unknown missing 'drop'. Known: fill, refuse"),
        ({"scale": "minmax"}, "Unknown scale 'minmax'. Known: standard, none"),
        ({"tidy_labels": "yes"}, "tidy_labels must be true or false"),
        ({"options": [("a", 1)]}, "options must be a mapping of names to values, got"),
        ({"options": {3: 1}}, "options must be a mapping of names to values, got"),
    ],
)
def test_settings_of_the_wrong_kind_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        DataSource(**settings)


def test_a_source_can_be_built_again_from_how_it_prints():
    source = DataSource("svhn", directory="/data", subset=10, label="digit")
    assert eval(repr(source)) == source


def test_lists_become_tuples_and_every_option_comes_back_from_how_a_source_prints():
    source = DataSource("t.csv", drop=["a", "b"], separator="\t", header=False, missing_marks=("-1",), order="file")
    assert source.drop == ("a", "b")
    assert eval(repr(source), {"DataSource": DataSource}) == source
    assert len({source, replace(source), replace(source, drop=())}) == 2


def test_options_are_keyword_only_copied_and_part_of_what_a_source_is():
    given = {"count": [1, 2]}
    source = DataSource("mine:data", options=given)
    given["other"] = 1
    assert source.options == {"count": [1, 2]}
    assert eval(repr(source)) == source == pickle.loads(pickle.dumps(source))
    assert len({source, DataSource("mine:data"), DataSource("mine:data", options={}), replace(source)}) == 2
    with pytest.raises(TypeError):
        DataSource("mine:data", None, None, None, 1, given)


def test_options_are_stored_only_where_there_are_any():
    (field,) = (field for field in fields(DataSource) if field.name == "options")
    assert field.metadata["later"]
    assert field.default == {} == DataSource().options


def test_importing_the_room_imports_none_of_the_libraries_that_only_loading_needs():
    heavy = ("torch", "pyarrow", "PIL", "sklearn", "scipy", "huggingface_hub")
    code = f"import sys, warmstart.data; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
