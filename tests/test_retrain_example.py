"""The recorded project of the page on the nightly job is run as its commands would."""

import json

import numpy as np
import pandas as pd

import retrain_example


def test_weeks_are_added_and_trained_on_one_by_one(tmp_path, capsys):
    draw = np.random.default_rng(0)
    rows = 2 * retrain_example.ROWS
    frame = pd.DataFrame({"date": np.arange(rows) / rows, "day": 1.0, "price": draw.normal(size=rows)})
    place = tmp_path / "electricity"
    place.mkdir()
    frame.assign(label=(frame["price"] > 0).astype(int)).to_parquet(place / "train.parquet")
    file = tmp_path / "result.json"
    retrain_example.main(["--data-dir", str(tmp_path), "--weeks", "2", "--json", str(file)])
    result = json.loads(file.read_text())
    assert [night["add"][0].split(":")[0] for night in result["nights"]] == ["Arrival 1", "Arrival 2"]
    assert [night["update"][0].split(":")[0] for night in result["nights"]] == ["Round 1", "Round 2"]
    assert result["status"][0] == "Project power, policy auto"
    assert str(tmp_path) not in file.read_text()
    printed = capsys.readouterr().out.splitlines()
    assert all(line in printed for line in (*result["status"], *result["history"]))
