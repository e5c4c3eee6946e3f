"""Options of any type: from an object to a table or a spec, and back to an equal object."""

import datetime
import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from warmstart.basics import InputError
from warmstart.queries import Margin, Query, Random
from warmstart.specs import (
    STRATEGY,
    build_options,
    convert,
    format_spec,
    from_spec,
    from_table,
    options_of,
    plain,
    split_outside,
    split_spec,
    to_spec,
    to_table,
)
from warmstart.strategies import Warm


class Colour(StrEnum):
    RED = "red"
    NONE = "none"


class Level(Enum):
    LOW = 1
    HIGH = 2


@dataclass(frozen=True)
class Inner:
    size: int = 1
    note: str = "x"


def double(value):
    return 2 * value


@dataclass(frozen=True)
class Noted(Query):
    """A query with options, one of which needs quotes."""

    note: str = "a"
    weight: float = 1.0

    def __call__(self, logits, count, *, generator):
        return generator.permutation(len(logits))[:count]


TEXTS = st.text(st.characters(codec="utf-8"))
FLOATS = st.floats(allow_nan=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple) | st.dictionaries(TEXTS, inner, max_size=3)
    ),
    max_leaves=6,
)
KINDS = [
    (bool, st.booleans()),
    (int, st.integers()),
    (float, FLOATS),
    (str, TEXTS),
    (str | None, st.none() | TEXTS),
    (Optional[int], st.none() | st.integers()),  # noqa
    (int | str, st.integers() | TEXTS),
    (float | str | None, st.none() | FLOATS | TEXTS),
    (tuple[int, ...], st.lists(st.integers()).map(tuple)),
    (tuple[float, float], st.tuples(FLOATS, FLOATS)),
    (tuple[int, str, bool], st.tuples(st.integers(), TEXTS, st.booleans())),
    (tuple[int, ...] | None, st.none() | st.lists(st.integers()).map(tuple)),
    (list[str], st.lists(TEXTS)),
    (list[int | None], st.lists(st.none() | st.integers())),
    (list[tuple[int, float]], st.lists(st.tuples(st.integers(), FLOATS))),
    (set[int], st.sets(st.integers())),
    (frozenset[str], st.frozensets(TEXTS)),
    (dict[str, float], st.dictionaries(TEXTS, FLOATS)),
    (dict[int, list[str]], st.dictionaries(st.integers(), st.lists(TEXTS))),
    (Mapping[str, int], st.dictionaries(TEXTS, st.integers())),
    (Sequence[int], st.lists(st.integers()).map(tuple)),
    (Colour, st.sampled_from(Colour)),
    (Level, st.sampled_from(Level)),
    (Literal["a", "1", 1, 2.5], st.sampled_from(["a", "1", 1, 2.5])),
    (Path, TEXTS.filter(lambda text: "\0" not in text).map(Path)),
    (Fraction, st.fractions()),
    (datetime.date, st.dates()),
    (Inner, st.builds(Inner, st.integers(), TEXTS)),
    (list[Inner], st.lists(st.builds(Inner, st.integers(), TEXTS), max_size=2)),
    (Query, st.sampled_from([Margin(), Random()]) | st.builds(Noted, TEXTS, FLOATS)),
    (Annotated[int, "steps"], st.integers()),
    (Any, PLAIN),
]


def exactly(one, other):
    """Whether two values are equal, and of the same types all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(exactly, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(map(exactly, one.values(), other.values()))
    return one == other


@pytest.mark.parametrize(("kind", "values"), KINDS, ids=[str(kind) for kind, _ in KINDS])
@given(st.data())
def test_every_value_survives_a_table_and_a_spec(kind, values, data):
    value = data.draw(values)
    stored = plain(value, kind)
    table = tomllib.loads(tomli_w.dumps({"x": stored}))
    assert exactly(convert(table["x"], kind, name="x"), value)
    name, options = split_spec(format_spec("name", {"x": stored, "last": 1}))
    assert (name, options.pop("last")) == ("name", "1")
    held = build_options(_holder(kind), options, kind="holder").x
    # A float without a fraction looks like an integer, of which no annotation says that it is none.
    assert exactly(held, value) or (
        kind in (Any, int | str, float | str | None) and repr(held) == repr(plain_int(value))
    )


def plain_int(value):
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _holder(kind):
    class Holder:
        def __init__(self, x):
            self.x = x

    Holder.__init__.__annotations__["x"] = kind
    return Holder


@given(st.lists(st.tuples(TEXTS, st.integers()), min_size=1, max_size=3))
def test_specs_with_any_text_are_separated_by_commas(pairs):
    specs = [format_spec("mine", {"note": plain(note, str), "size": size}) for note, size in pairs]
    assert split_outside(",".join(specs), ",") == specs


@dataclass(frozen=True)
class Sampled(Warm):
    """A strategy with everything."""

    sizes: tuple[int, ...] = (1, 3)
    query: Query = Margin()
    inner: Inner = Inner()
    places: dict[str, Path] = field(default_factory=dict)
    by: Callable[[int], int] = double


@pytest.mark.parametrize(
    "stream",
    [
        Sampled(),
        Sampled((), Noted("a:b,c=\"d'", 0.5)),
        Sampled(inner=Inner(3, "none")),
        Sampled(places={"a b": Path("/x:y")}),
    ],
)
def test_own_objects_with_objects_inside_survive(stream):
    table = tomllib.loads(tomli_w.dumps(to_table(STRATEGY, stream)))
    assert from_table(STRATEGY, table) == stream
    assert from_spec(STRATEGY, to_spec(STRATEGY, stream)) == stream
    assert from_table(STRATEGY, table).sizes == stream.sizes


class Untyped(Warm):
    def __init__(self, size, sizes=(1, 3), *, scale=None, **more):
        self.size, self._sizes, self.scale = size, sizes, scale


@pytest.mark.parametrize(
    "value", [(1, 3), [1, 3], {"a": (1, None)}, "1", "none", "[x", 3, 0.5, None, True, math.inf, b"x", [math.inf]]
)
def test_options_without_annotations_keep_their_types(value):
    stream = Untyped(value, sizes=(2, 3))
    for again in (from_table(STRATEGY, to_table(STRATEGY, stream)), from_spec(STRATEGY, to_spec(STRATEGY, stream))):
        assert exactly((again.size, again._sizes, again.scale), (value, (2, 3), None))


@pytest.mark.parametrize(
    ("text", "name", "options"),
    [
        ("a.b:C", "a.b:C", {}),
        ("a.b:C:x=1", "a.b:C", {"x": "1"}),
        ("a:q=m.n:O:r=2", "a", {"q": "m.n:O", "r": "2"}),
        ('a:x="1:2,3":y=[1, 2]', "a", {"x": '"1:2,3"', "y": "[1, 2]"}),
        ("a:x={'b': 'c:d'}", "a", {"x": "{'b': 'c:d'}"}),
        ("a:don't=can't", "a", {"don't": "can't"}),
    ],
)
def test_specs_are_split_outside_quotes_and_brackets(text, name, options):
    assert split_spec(text) == (name, options)


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ("x", tuple[int, ...], "x must be a whole number, got x"),
        (3, list[int], "x must be a list, got 3"),
        ([1], dict[str, int], r"x must be a table, got \[1\]"),
        ([1, 2, 3], tuple[int, str], "x must be 2 values, got"),
        ("y", Literal["a", "b"], "Unknown x 'y'. Known: a, b"),
        ("y", Level, "Unknown x 'y'. Known: LOW, HIGH"),
        ("y", Fraction, "x must be a Fraction, got y"),
        ("y", int | bool, "x must be int or bool, got y"),
        ("no_module:f", Callable[[], int], "The x 'no_module:f' cannot be imported"),
        ({"sizs": 1}, Inner, "Unknown option of x \\(Inner\\) 'sizs': did you mean 'size'"),
        ("margn", Query, "Unknown query 'margn': did you mean 'margin'"),
    ],
)
def test_values_of_another_type_are_one_sentence(value, kind, message):
    with pytest.raises(InputError, match=message):
        convert(value, kind, name="x")


def test_a_value_without_a_plain_form_is_one_sentence():
    import torch

    with pytest.raises(InputError, match="The option size of Untyped cannot be stored: there is no way to write"):
        options_of(Untyped(torch.zeros(2)))


def test_an_option_that_is_kept_under_another_name_is_one_sentence():
    class Hidden(Untyped):
        def __init__(self, size):
            self.width = size

    with pytest.raises(InputError, match="Hidden must keep its option size as an attribute of that name"):
        options_of(Hidden(3))


@pytest.mark.parametrize("text", ["E_", "1e_", "1e_1", "1e1_", "1e1__0", "1e-_5", "e"])
def test_what_resembles_an_exponent_is_a_text_or_no_number(text):
    assert convert(text, float | str | None, name="rate") == text
    with pytest.raises(InputError, match=f"rate must be a number, got {text}"):
        convert(text, float, name="rate")
    assert convert("1e1_0", float, name="rate") == 1e10
