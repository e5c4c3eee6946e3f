"""Tables as people bring them: one command each, and what their owner is told."""

import gzip
import random

import pytest

from warmstart.cli._main import run
from warmstart.studies import read_study

pytest.importorskip("pyarrow")

QUICK = ["--rounds", "2", "--seeds", "2", "--max-epochs", "12", "--workers", "1", "--strategies", "cold,warm"]


def rows(count, make):
    draw = random.Random(0)
    return [make(number, draw) for number in range(count)]


def numbers(number, draw, separator=",", decimal="."):
    cells = [f"{draw.gauss(0, 1):.3f}", f"{draw.random():.3f}"]
    return separator.join([*(cell.replace(".", decimal) for cell in cells), "yn"[number % 2]])


def customers(number, draw):
    plan, since = draw.choice(["basic", "plus", "pro"]), f"2023-{number % 12 + 1:02d}-{number % 27 + 1:02d}"
    active = draw.choice(["true", "false"])
    return f"{number + 1000},{plan},{draw.gauss(40, 9):.1f},{active},{since},{'yn'[number % 3 == 0]}"


def faults(number, draw):
    return f"{draw.gauss(0, 1):.3f},{draw.gauss(0, 1):.3f},{'broken' if number % 150 == 7 else 'fine'}"


def drifting(number, draw):
    heat = draw.gauss(0, 1)
    day = f"2024-{number // 100 + 1:02d}-{number % 28 + 1:02d}"
    return f"{day},{heat:.3f},{draw.random():.3f},{int(heat > number / 300 - 1)}"


CUSTOMERS = ["customer,plan,age,active,since,churned", *rows(120, customers)]
TABLES = {
    # file, lines, further flags, what is said
    "columns of every kind": (
        "customers.csv",
        CUSTOMERS,
        ["--label", "churned"],
        [
            "120 rows, 4 features (3 encoded), 2 classes: y 67 %, n 33 %",
            "plan (category of 3, such as",
            "active (boolean",
            "since (time",
            "left out: customer (row number, '1000' in row 1)",
        ],
    ),
    "semicolons": ("a.csv", ["a;b;label", *rows(60, lambda i, d: numbers(i, d, ";"))], [], ["separator ';'"]),
    "decimal commas": (
        "a.csv",
        ["a;b;label", *rows(60, lambda i, d: numbers(i, d, ";", ","))],
        [],
        ["2 features, 2 classes", "decimal comma"],
    ),
    "tabs": ("a.tsv", ["a\tb\tlabel", *rows(60, lambda i, d: numbers(i, d, "\t"))], [], ["60 rows, 2 features"]),
    "compressed": ("a.csv.gz", ["a,b,label", *rows(60, numbers)], [], ["60 rows, 2 features, 2 classes"]),
    "no header": ("a.csv", rows(60, numbers), ["--label", "3"], ["60 rows, 2 features", "no header"]),
    "missing cells": (
        "a.csv",
        [
            "a,b,label",
            *rows(60, lambda i, d: f"{'' if i % 7 == 0 else i % 5},{'?' if i % 9 == 0 else d.random()},{i % 2}"),
        ],
        [],
        ["2 features (2 filled)", "a (9 missing, '' in row 1), b (7 missing, '?' in row 1)"],
    ),
    "labels of several spellings": (
        "a.csv",
        ["a,label", *rows(60, lambda i, d: f"{d.random():.2f},{['yes', 'no', 'Yes', 'yes ', 'NO'][i % 5]}")],
        [],
        ["5 classes", "differ in case, spaces or a full stop alone", "--tidy-labels"],
    ),
    "labels made one": (
        "a.csv",
        ["a,label", *rows(60, lambda i, d: f"{d.random():.2f},{['yes', 'no', 'Yes', 'yes ', 'NO'][i % 5]}")],
        ["--tidy-labels"],
        ["2 classes: yes 60 %, no 40 %"],
    ),
    "values to predict": (
        "a.csv",
        ["size,price", *rows(200, lambda i, d: f"{d.random():.3f},{d.randint(1000, 9000)}")],
        ["--label", "price", "--learner", "regressor"],
        ["values from", "Always predicting the mean has an rmse of"],
    ),
    "one class in 150": (
        "a.csv",
        ["a,b,state", *rows(900, faults)],
        ["--label", "state"],
        [
            "fine 99.3 %, broken 0.7 %",
            "Always predicting 'fine' (99.3 % of the samples) has an accuracy of",
            "by --metric balanced-accuracy cold has",
        ],
    ),
    "whole numbers that stay": (
        "a.csv",
        ["item,shop,label", *rows(200, lambda i, d: f"{d.randint(1, 999)},{d.randint(1, 20)},{i % 2}")],
        ["--scale", "none"],
        ["200 rows, 2 features"],
    ),
    "thousands and per cent": (
        "a.csv",
        ["price,share,label", *rows(40, lambda i, d: f'"{i + 1},{i:03d}",{d.randint(1, 99)}%,{i % 2}')],
        [],
        ["40 rows, 2 features"],
    ),
    "another encoding": (
        "a.csv",
        ["größe,label", *rows(60, lambda i, d: f"{d.gauss(0, 1):.2f},{'äö'[i % 2]}")],
        [],
        ["2 classes: ä 50 %, ö 50 %", "encoding cp1252"],
    ),
    "time order": (
        "a.csv",
        ["day,heat,noise,label", *rows(600, drifting)],
        ["--order", "day"],
        ["600 rows", "Accuracy on the next arrival, before training on it, mean over rounds: cold"],
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_one_command_runs_and_says_what_was_read_as_what(name, tmp_path, capsys):
    file, lines, flags, told = TABLES[name]
    content = ("\n".join(lines) + "\n").encode("latin-1" if name == "another encoding" else "utf-8")
    path = tmp_path / file
    path.write_bytes(gzip.compress(content) if file.endswith(".gz") else content)
    assert run(["compare", "--data", str(path), *flags, *QUICK, "--out", str(tmp_path / "found")]) == 0
    said = capsys.readouterr()
    # Lines are broken at the terminal's width.
    words = " ".join(" ".join([said.err, said.out]).split())
    for phrase in told:
        assert phrase in words
    records = read_study(tmp_path / "found")
    assert len(records.rounds) == 8
    assert all(record.baselines for record in records.rounds)


def test_every_column_that_cannot_be_used_is_named_at_once(tmp_path, capsys):
    lines = [
        "a,b,c,label",
        *rows(40, lambda i, d: f"{'' if i == 3 else i},{'NA' if i == 5 else i % 7},{i % 3},{i % 2}"),
    ]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    assert run(["compare", "--data", str(tmp_path / "a.csv"), "--missing", "refuse", *QUICK]) == 2
    said = capsys.readouterr().err
    assert "--missing must be fill" in said
    assert "a ('' in row 4), b ('NA' in row 6)" in said


def test_values_of_whole_numbers_are_a_question(tmp_path, capsys):
    lines = ["size,price", *rows(200, lambda i, d: f"{d.random():.3f},{d.randint(1000, 9000)}")]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    assert run(["compare", "--data", str(tmp_path / "a.csv"), "--label", "price", *QUICK]) == 2
    said = capsys.readouterr().err
    assert "--learner regressor" in said
    assert "--many-classes" in said


def test_a_folder_of_dated_files_is_one_arrival_each(tmp_path, capsys):
    (tmp_path / "days").mkdir()
    for day in range(1, 6):
        lines = ["a,label", *rows(40, lambda i, d: f"{d.random():.2f},{i % 2}")]
        (tmp_path / "days" / f"2024-01-{day:02d}.csv").write_text("\n".join(lines) + "\n")
    flags = [flag for flag in QUICK if flag not in ("--rounds", "2")]
    flags = ["--seeds", "2", *flags[flags.index("--max-epochs") :]]
    assert run(["compare", "--data", str(tmp_path / "days"), *flags, "--out", str(tmp_path / "found")]) == 0
    records = read_study(tmp_path / "found")
    assert records.rounds_expected == 5
    assert records.study["stream"]["name"] == "time-ordered"
    with_next = [record for record in records.rounds if record.next_score is not None]
    assert {record.round for record in with_next} == {1, 2, 3, 4}
    assert all("persistence" in record.next_baselines for record in with_next)


def test_time_order_shows_what_a_random_holdout_hides(tmp_path):
    (tmp_path / "a.csv").write_text("\n".join(["day,heat,noise,label", *rows(900, drifting)]) + "\n")
    flags = [
        "--order",
        "day",
        "--rounds",
        "6",
        "--seeds",
        "3",
        "--strategies",
        "cold",
        "--workers",
        "1",
        "--lr",
        "0.01",
    ]
    assert run(["compare", "--data", str(tmp_path / "a.csv"), *flags, "--out", str(tmp_path / "found")]) == 0
    records = read_study(tmp_path / "found").rounds
    ahead = [record.next_score for record in records if record.next_score is not None]
    held_out = [record.score for record in records if record.round == 6]
    assert sum(ahead) / len(ahead) < sum(held_out) / len(held_out) - 0.01
