"""`warmstart predict`: new samples, read and encoded as the study's own."""

import csv
import random

import pytest

from warmstart.cli._main import run

pytest.importorskip("pyarrow")


def _write(path, rows, header="size,color,label"):
    path.write_text("\n".join([header, *rows]) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    draw = random.Random(0)
    rows = []
    for _ in range(160):
        size = draw.gauss(5, 3)
        cell = "" if draw.random() < 0.1 else f"{size:.2f}"
        rows.append(f"{cell},{draw.choice(['red', 'green', 'blue'])},{'large' if size > 5 else 'small'}")
    table = _write(folder / "train.csv", rows)
    out = str(folder / "found")
    flags = ["--rounds", "2", "--seeds", "1", "--max-epochs", "30", "--lr", "0.01", "--workers", "1", "--yes"]
    assert run(["compare", "--data", table, "--strategies", "cold,warm", *flags, "--out", out]) == 0
    return out


def test_new_samples_need_no_label_and_may_be_incomplete(study, tmp_path, capsys):
    table = _write(tmp_path / "new.csv", ["red,9.5", "green,0.5", "violet,", ",1"], header="color,size")
    assert run(["predict", study, table, "--strategy", "warm"]) == 0
    lines = list(csv.reader(capsys.readouterr().out.splitlines()))
    assert lines[0] == ["row", "prediction", "probability of large", "probability of small"]
    assert [line[:2] for line in lines[1:3]] == [["1", "large"], ["2", "small"]]
    assert len(lines) == 5
    assert all(float(line[2]) + float(line[3]) == pytest.approx(1, abs=1e-5) for line in lines[1:])


def test_predictions_go_to_a_file(study, tmp_path, capsys):
    table = _write(tmp_path / "new.csv", ["red,9.5"], header="color,size")
    assert run(["predict", study, table, "--out", str(tmp_path / "found.csv")]) == 0
    assert (tmp_path / "found.csv").read_text().startswith("row,prediction,")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--strategy", "wram"], "warm"),
        (["--seed", "7"], "seed must lie in [0, 0]"),
        (["--seed", "x"], "--seed must be a whole number"),
        (["--out", "no/such/folder/found.csv"], "out"),
    ],
)
def test_bad_input_is_one_sentence(study, arguments, message, tmp_path, capsys):
    table = _write(tmp_path / "new.csv", ["red,9.5"], header="color,size")
    assert run(["predict", study, table, *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_columns_that_are_missing_are_all_named(study, tmp_path, capsys):
    assert run(["predict", study, _write(tmp_path / "new.csv", ["1"], header="other")]) == 2
    said = capsys.readouterr().err
    assert "size" in said
    assert "color" in said
