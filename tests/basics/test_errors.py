import math

import pytest

from warmstart.basics import InputError, check_at_least, check_in_range, require, unknown_name


@pytest.mark.parametrize("value", [0, 0.5, 1])
def test_bounds_are_inside(value):
    check_in_range("share", value, 0, 1)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf])
def test_values_outside_are_refused_by_name_range_and_value(value):
    with pytest.raises(InputError, match=r"^share must lie in \[0, 1\], got .*\.$"):
        check_in_range("share", value, 0, 1)


def test_open_bounds_are_outside_and_shown_as_such():
    with pytest.raises(InputError, match=r"\(0, 1\), got 1"):
        check_in_range("share", 1, 0, 1, low_open=True, high_open=True)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "2"])
def test_whole_numbers_are_whole_and_large_enough(value):
    with pytest.raises(InputError, match="seeds must be a whole number of at least 1"):
        check_at_least("seeds", value, 1)


def test_no_limit_is_allowed():
    check_at_least("max_steps", None, 1)


def test_an_unknown_name_without_a_near_one_lists_the_known():
    assert str(unknown_name("model", "xyzzy", ["mlp", "resnet18"])) == "Unknown model 'xyzzy'. Known: mlp, resnet18."


def test_a_missing_dependency_names_the_extra():
    with pytest.raises(InputError, match=r'pip install "warmstart\[data\]"'):
        require("no_such_package.inside", extra="data", purpose="Reading parquet files")


def test_a_dependency_that_is_broken_inside_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "broken_inside.py").write_text("import no_such_thing_in_it")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_thing_in_it"):
        require("broken_inside", extra="data", purpose="Reading")
