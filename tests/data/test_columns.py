import time

import pytest

from warmstart.basics import InputError
from warmstart.data._columns import LABEL_NAMES, find_image, find_label


@pytest.mark.parametrize("name", [*LABEL_NAMES, "Label", "TARGET"])
def test_a_usual_name_is_found_whatever_its_case(name):
    assert find_label(["a", name, "b"], None, file="t.csv") == name


def test_the_more_telling_of_two_usual_names_is_taken():
    assert find_label(["y", "class", "Target"], None, file="t.csv") == "Target"


def test_the_users_word_counts_more_than_a_usual_name():
    assert find_label(["label", "species"], "species", file="t.csv") == "species"


def test_a_misspelt_column_is_answered_with_the_nearest():
    with pytest.raises(InputError, match=r"column 'specis' of t.csv: did you mean 'species'\? Known: a, species"):
        find_label(["a", "species"], "specis", file="t.csv")


def test_without_a_usual_name_the_message_lists_the_columns():
    with pytest.raises(InputError, match=r"t.csv must be named with --label, .* its columns are: a, b[.]"):
        find_label(["a", "b"], None, file="t.csv")


def test_of_many_columns_the_message_lists_the_first():
    with pytest.raises(InputError, match=r"c17, c18, \.\.\., c699\.$"):
        find_label([f"c{number}" for number in range(700)], None, file="t.csv")


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(InputError, match=r"t.csv has several called 'a'"):
        find_label(["a", "label", "a"], None, file="t.csv")


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [([], None), (["picture"], "picture"), (["mask", "image"], "image"), (["Img", "mask"], "Img")],
)
def test_the_image_column_is_the_only_one_or_that_called_image(candidates, expected):
    assert find_image(candidates, file="a.parquet") == expected


def test_several_columns_of_bytes_of_other_names_are_refused():
    with pytest.raises(InputError, match=r"image column of a.parquet must be called image, got left, right"):
        find_image(["left", "right"], file="a.parquet")


def test_a_hundred_thousand_columns_are_looked_through_once():
    names = [*(f"c{number}" for number in range(100_000)), "label"]
    began = time.process_time()
    assert find_label(names, None, file="t.csv") == "label"
    with pytest.raises(InputError, match=r"did you mean 'c99'\? Known: c0, c1, .*, c39 and 99,961 more\.$"):
        find_label(names, "c99x", file="t.csv")
    assert time.process_time() - began < 10  # comparing each with all takes minutes


def test_long_names_of_columns_are_shortened_and_what_cannot_be_printed_is_escaped():
    with pytest.raises(InputError, match=r"its columns are: a{60}\.\.\., \\x1b\[31m[.]$"):
        find_label(["a" * 3000, "\x1b[31m"], None, file="t.csv")
