import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch

from warmstart.basics import InputError, check_at_least, check_in_range, printable, require, shown, unknown_name


@pytest.mark.parametrize("value", [0, 0.5, 1])
def test_bounds_are_included(value):
    check_in_range("share", value, 0, 1)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf])
def test_values_out_of_range_are_refused_with_name_range_and_value(value):
    with pytest.raises(InputError, match=r"^share must lie in \[0, 1\], got .*\.$"):
        check_in_range("share", value, 0, 1)


def test_open_bounds_are_excluded_and_shown_as_such():
    with pytest.raises(InputError, match=r"\(0, 1\), got 1"):
        check_in_range("share", 1, 0, 1, low_open=True, high_open=True)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "2"])
def test_integers_below_the_minimum_and_other_types_are_refused(value):
    with pytest.raises(InputError, match="seeds must be a whole number of at least 1"):
        check_at_least("seeds", value, 1)


def test_none_means_no_limit():
    check_at_least("max_steps", None, 1)


def test_an_unknown_name_without_a_close_match_lists_the_known_ones():
    assert str(unknown_name("model", "xyzzy", ["mlp", "resnet18"])) == "Unknown model 'xyzzy'. Known: mlp, resnet18."


def test_a_missing_dependency_is_reported_with_its_extra():
    with pytest.raises(InputError, match=r'pip install "warmstart\[data\]"'):
        require("no_such_package.inside", extra="data", purpose="Reading parquet files")


def test_a_dependency_with_a_broken_import_is_not_reported_as_missing(tmp_path, monkeypatch):
    (tmp_path / "broken_inside.py").write_text("import no_such_thing_in_it")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_thing_in_it"):
        require("broken_inside", extra="data", purpose="Reading")


NO_NUMBERS = ["0.5", b"1", None, True, np.True_, [0.5], {}, 1j, object, np.array([0.1, 0.2]), torch.tensor(True)]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_other_types_than_numbers_are_refused_in_one_sentence(value):
    with pytest.raises(InputError, match=r"^share must lie in \[0, 1\], got [^\n]*\.$"):
        check_in_range("share", value, 0, 1)


@pytest.mark.parametrize("value", ["3", True, 3.0, math.nan, math.inf, np.True_, np.float64(3), [3], 1j], ids=repr)
def test_other_types_than_integers_are_refused_in_one_sentence(value):
    with pytest.raises(InputError, match=r"^seeds must be a whole number of at least 1, got [^\n]*\.$"):
        check_at_least("seeds", value, 1)


@pytest.mark.parametrize("value", [np.float32(0.5), np.float64(0.5), np.int64(1), Fraction(1, 2), Decimal("0.5"), 0])
def test_numbers_of_every_library_pass(value):
    check_in_range("share", value, 0, 1)


@pytest.mark.parametrize("value", [np.int8(3), np.uint64(3), 2**63 - 1])
def test_integers_of_every_library_pass(value):
    check_at_least("seeds", value, 1)


@pytest.mark.parametrize("value", [10**400, 10**5000, -(10**400)], ids=["400", "5000", "minus"])
def test_numbers_too_large_for_a_float_are_out_of_range_and_abbreviated(value):
    for check in (
        lambda: check_in_range("rate", value, 0, math.inf, high_open=True),
        lambda: check_at_least("seeds", value, 1),
    ):
        with pytest.raises(InputError, match=r"^(rate|seeds) must .* got .*\.$") as caught:
            check()
        assert len(str(caught.value)) < 200


def test_the_maximum_is_reported_with_the_way_out():
    with pytest.raises(InputError, match=r"^seeds must be a whole number from 1 to 5, got 6; take fewer\.$"):
        check_at_least("seeds", 6, 1, most=5, why="take fewer")
    check_at_least("seeds", 5, 1, most=5)


@pytest.mark.parametrize("text", ["\x1b[31mred", "bell\a", "back\b\r", "\x9b31m", "turned\u202e", "\udcff", "del\x7f"])
def test_control_characters_are_escaped(text):
    safe = printable(text)
    assert safe.isprintable()
    assert safe.encode().decode("unicode_escape") == text


@pytest.mark.parametrize("text", ["plain", "naïve — ¼ ☃", "日本語", "two\nlines", ""])
def test_harmless_text_is_unchanged(text):
    assert printable(text) == text


def test_values_are_shown_on_one_line_and_shortened():
    class Broken:
        def __str__(self):
            raise RuntimeError

    assert shown("a\n b") == "a b"
    assert shown(Broken()) == "an object of type Broken"
    for value in ("x" * 3000, "\x1b" * 3000, 10**5000, list(range(10**5))):
        assert len(shown(value)) <= 80


def test_many_known_names_are_not_all_listed():
    message = str(unknown_name("column", "c99", [f"c{number}" for number in range(100_000)]))
    assert "did you mean 'c99'" in message
    assert "and 99,960 more" in message
    assert len(message) < 500
