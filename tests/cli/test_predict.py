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


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of pictures, red or blue, and a study on them."""
    image = pytest.importorskip("PIL.Image")
    folder = tmp_path_factory.mktemp("pictures")
    draw = random.Random(0)
    for name, color in (("blue", (0, 0, 200)), ("red", (200, 0, 0))):
        (folder / "train" / name).mkdir(parents=True)
        for number in range(20):
            shifted = tuple(min(255, part + draw.randrange(50)) for part in color)
            image.new("RGB", (8, 8), shifted).save(folder / "train" / name / f"{number}.png")
    flags = ["--model", "logistic", "--strategies", "warm", "--rounds", "2", "--seeds", "1", "--lr", "0.05"]
    out = ["--workers", "1", "--yes", "--out", str(folder / "found")]
    assert run(["compare", "--data", str(folder / "train"), *flags, *out]) == 0
    return folder


def test_pictures_need_no_class_folders_and_are_named_by_their_files(pictures, tmp_path, capsys):
    image = pytest.importorskip("PIL.Image")
    (tmp_path / "later").mkdir()
    for name, color in (("a.png", (200, 9, 9)), ("b.png", (9, 9, 200)), ("later/c.png", (220, 0, 0))):
        image.new("RGB", (8, 8), color).save(tmp_path / name)
    (tmp_path / ".hidden.png").write_text("no picture")
    assert run(["predict", str(pictures / "found"), str(tmp_path)]) == 0
    lines = list(csv.reader(capsys.readouterr().out.splitlines()))
    assert lines[0][:2] == ["file", "prediction"]
    assert [line[:2] for line in lines[1:]] == [
        [str(tmp_path / "a.png"), "red"],
        [str(tmp_path / "b.png"), "blue"],
        [str(tmp_path / "later/c.png"), "red"],
    ]
    assert run(["predict", str(pictures / "found"), str(tmp_path / "b.png")]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith(f"{tmp_path / 'b.png'},blue,")
    image.new("L", (8, 8), 100).save(tmp_path / "grey.png")
    assert run(["predict", str(pictures / "found"), str(tmp_path / "grey.png")]) == 0


def test_a_table_is_no_picture(pictures, tmp_path, capsys):
    assert run(["predict", str(pictures / "found"), _write(tmp_path / "new.csv", ["1"], header="size")]) == 2
    assert "DATA must be images, as the study's data are, got the table" in capsys.readouterr().err


def test_a_folder_without_tables_and_a_name_are_one_sentence(study, tmp_path, capsys):
    for data, message in ((str(tmp_path), "must contain tables like the training samples"), ("digits", "digits")):
        assert run(["predict", study, data]) == 2
        said = capsys.readouterr().err
        assert message in said
        assert said.count("\n") == 1


def test_a_folder_of_tables_is_read_whole(study, tmp_path, capsys):
    for day in (1, 2):
        _write(tmp_path / f"2024-01-0{day}.csv", ["red,9.5", "green,0.5"], header="color,size")
    assert run(["predict", study, str(tmp_path)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5
