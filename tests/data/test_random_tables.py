"""Tables drawn at random from columns of every kind: all rows are there, and another reading gives the same."""

import csv
import io
import random

import numpy as np
import pytest

from warmstart.data import DataSource, load, read_table

COLUMNS = (
    lambda draw, row: str(draw.randint(-5, 5)),
    lambda draw, row: f"{draw.gauss(0, 1):.3f}",
    lambda draw, row: f"{draw.gauss(0, 1):.2f}".replace(".", ","),
    lambda draw, row: f"{draw.randint(0, 99_999):,}",
    lambda draw, row: f"{draw.randint(0, 100)}%",
    lambda draw, row: str(row),
    lambda draw, row: draw.choice("abc"),
    lambda draw, row: draw.choice(["yes", "no"]),
    lambda draw, row: draw.choice(["", "?", "1"]),
    lambda draw, row: draw.choice(["1", "x", ""]),
    lambda draw, row: f"2024-{row % 12 + 1:02d}-{row % 28 + 1:02d}",
    lambda draw, row: f"{row % 28 + 1}/{row % 12 + 1}/2024",
    lambda draw, row: f"{draw.randint(0, 23)}:{draw.randint(0, 59):02d}",
    lambda draw, row: "x",
    lambda draw, row: "",
    lambda draw, row: f"name {row}",
    lambda draw, row: draw.choice(["a,b", '"q"', "two\nlines", " sp ", "#x", "-", "+", "NA"]),
)


@pytest.mark.parametrize("seed", range(150))
def test_all_rows_are_read_and_read_again_alike(tmp_path, seed):
    draw = random.Random(seed)
    # The first is a feature whatever the others are, which may be nothing but names or gaps.
    columns = [COLUMNS[0], *(draw.choice(COLUMNS) for _ in range(draw.randint(0, 4)))]
    is_named, count = draw.random() < 0.8, draw.choice([2, 3, 12, 40])
    file = io.StringIO()
    writer = csv.writer(file, delimiter=draw.choice(",;\t|"), lineterminator=draw.choice(["\n", "\r\n"]))
    if is_named:
        writer.writerow([*(f"c{number}" for number in range(len(columns))), "label"])
    for row in range(count):
        writer.writerow([*(make(draw, row) for make in columns), "uv"[row % 2]])
    path = tmp_path / "t.csv"
    path.write_bytes(file.getvalue().encode(draw.choice(["utf-8", "utf-16", "latin-1", "utf-8-sig"])))
    settings = {"header": is_named, "label": "label" if is_named else str(len(columns) + 1)}
    source = DataSource(str(path), scale=draw.choice(["none", "standard"]), **settings)
    dataset = load(source)
    assert len(dataset.train) == count
    assert dataset.train.labels.tolist() == [row % 2 for row in range(count)]
    again = read_table(source, dataset.encoding or dataset.features)
    assert np.array_equal(again.astype(dataset.train.inputs.dtype), dataset.train.inputs, equal_nan=True)
    if dataset.encoding is not None:
        assert np.isfinite(dataset.encoding.fitted(dataset.train.inputs).encode(dataset.train.inputs)).all()
