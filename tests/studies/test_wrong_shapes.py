"""Study files of a wrong shape: one sentence each, which names the key, and never a raw error."""

import datetime
import random
import tomllib

import pytest
import tomli_w

from warmstart.basics import InputError
from warmstart.specs import options_of
from warmstart.streams import Active
from warmstart.studies import Study, read_study_file, study_from_dict, study_to_dict

WHOLE = study_to_dict(Study(stream=Active(rounds=3))) | {
    "strategies": ["cold", "warm"],
    "source": {"name": "svhn", "subset": 100},
    "penalty": {"name": "adversarial", "strength": 0.5, "epsilon": 0.1, "bounds": "0..1"},
    "measurements": ["correlation"],
}
DEEP = 3
for _ in range(400):
    DEEP = [DEEP]
WRONG = {
    "list": [1, [2]],
    "table": {"a": {"b": 1}},
    "empty key": {"": 1},
    "date": datetime.date(2026, 1, 1),
    "time": datetime.time(1, 2),
    "moment": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    "nested": DEEP,
    "list of tables": [{"name": "mlp"}],
    "true": True,
    "nan": float("nan"),
    "negative": -7,
    "huge": 10**30,
    "nonsense": "no such thing",
    "empty": "",
    "quotes": '"',
    "brackets": "[[[",
    "separators": ":=:,",
}


def places(tables):
    """Every key of a study, and every option of its tables."""
    for key, value in tables.items():
        yield (key,)
        if isinstance(value, dict):
            yield from ((key, option) for option in value)


def changed(tables, place, value):
    if len(place) == 1:
        return {**tables, place[0]: value}
    return {**tables, place[0]: {**tables[place[0]], place[1]: value}}


# What is right after all: texts where any text will do, and numbers that are only large.
FINE = {
    *(
        (("data", option), kind)
        for option in ("name", "directory", "label")
        for kind in ("nonsense", "negative", "huge", "nan")
    ),
    *(
        (("data", option), kind)
        for option in ("name", "directory", "label")
        for kind in ("quotes", "brackets", "separators")
    ),
    *((("source", "name"), kind) for kind in ("nonsense", "negative", "huge", "nan")),
    *((("source", "name"), kind) for kind in ("quotes", "brackets", "separators")),
    *(((key,), "empty") for key in ("measurements",)),
    *((("carry_over", "unused"), kind) for kind in WRONG),
    (("recipe", "learning_rate"), "huge"),
    (("recipe", "weight_decay"), "huge"),
    *((("penalty", option), "huge") for option in ("strength", "epsilon")),
}
CASES = [(place, kind) for place in places(WHOLE) for kind in WRONG if (place, kind) not in FINE]


def told(tables):
    """Return what is said of tables that are written to a file and read again; None where they are right."""
    try:
        study_from_dict(tables)
    except InputError as error:
        return str(error)
    return None


def check_sentence(sentence, *words):
    assert sentence.endswith("."), sentence
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    assert len(sentence) < 700
    flat = sentence.replace("-", "_")
    assert not words or any(word.replace("-", "_") in flat for word in words), (sentence, words)


def test_there_are_hundreds_of_cases():
    assert len(CASES) > 300


@pytest.mark.parametrize("place", list(places(WHOLE)), ids=".".join)
def test_a_wrong_value_at_any_place_is_one_sentence_that_names_it(place):
    for kind in [kind for other, kind in CASES if other == place]:
        sentence = told(changed(WHOLE, place, WRONG[kind]))
        assert sentence is not None, kind
        # Of a name or a list of names, what is unknown says which kind of thing it should be.
        singular = {"strategies": "strategy", "measurements": "measurement", "name": place[0]}
        check_sentence(sentence, place[-1], singular.get(place[-1], place[-1]), "Options follow a name", "data set")


@pytest.mark.parametrize("place", list(places(WHOLE)), ids=".".join)
def test_a_key_that_is_mistyped_or_spelled_twice_is_one_sentence(place):
    table = WHOLE if len(place) == 1 else WHOLE[place[0]]
    value = table[place[-1]]
    for key in (f"{place[-1]}x", "", f"{place[-1]}.x", "Ünïcode", "a b"):
        wrong = {**table, key: value} if len(place) == 1 else {**WHOLE, place[0]: {**table, key: value}}
        check_sentence(told(wrong), key, place[-1])
    if "_" in place[-1]:
        twice = {**table, place[-1].replace("_", "-"): value}
        check_sentence(told(twice if len(place) == 1 else {**WHOLE, place[0]: twice}), place[-1])


def mutated(value, draw):
    """Return a table with a few random changes anywhere in it."""
    if isinstance(value, dict) and value and draw.random() < 0.9:
        keys = list(value)
        key = draw.choice(keys)
        found = {**value, key: mutated(value[key], draw)}
        if draw.random() < 0.2:
            found[draw.choice([draw.choice(keys).upper(), "-", "name", "query.x", "\t"])] = draw.choice(
                list(WRONG.values())
            )
        if draw.random() < 0.2:
            del found[key]
        return found
    if isinstance(value, list) and value and draw.random() < 0.5:
        return [mutated(item, draw) for item in value] + draw.choice([[], [3], ["cold:"], [None]])
    if isinstance(value, str) and draw.random() < 0.5:
        letters = list(value)
        for _ in range(draw.randint(1, 4)):
            letters.insert(draw.randint(0, len(letters)), draw.choice(list("\":,=[]{}()'\\ \n0e-.é\x1b")))
        return "".join(letters)
    return draw.choice(list(WRONG.values()))


@pytest.mark.parametrize("seed", range(20))
def test_random_changes_are_right_or_one_sentence(seed):
    draw = random.Random(seed)
    for _ in range(40):
        tables = WHOLE
        for _ in range(draw.randint(1, 3)):
            tables = mutated(tables, draw)
        if not isinstance(tables, dict):
            continue
        sentence = told(tables)
        if sentence is not None:
            check_sentence(sentence)


def test_files_are_utf_8_whatever_the_locale_says(tmp_path, monkeypatch):
    from warmstart.data import DataSource
    from warmstart.studies._study_file import study_text

    monkeypatch.setattr("locale.getpreferredencoding", lambda *_: "ascii")
    study = Study(data=DataSource("dätä/☃.csv", label="größe"))
    (tmp_path / "study.toml").write_text(study_text(study), encoding="utf-8")
    assert "größe".encode() in (tmp_path / "study.toml").read_bytes()
    assert study_from_dict(read_study_file(tmp_path / "study.toml")) == study


def test_a_file_from_a_windows_editor_is_read(tmp_path):
    (tmp_path / "study.toml").write_bytes(b"\xef\xbb\xbfseeds = 3\r\n")
    assert read_study_file(tmp_path / "study.toml") == {"seeds": 3}


def test_the_whole_study_is_right_by_itself():
    assert study_from_dict(tomllib.loads(tomli_w.dumps(WHOLE))).labels == ("cold", "warm")
    assert options_of(study_from_dict(WHOLE).stream)["rounds"] == 3
