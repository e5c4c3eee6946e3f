"""What an audit learns from the next arrival."""

import numpy as np
import pandas as pd
import pytest

from warmstart.retrain import Retrainer
from warmstart.retrain._ledger import LEDGER, Ledger


@pytest.mark.parametrize("group", [None, "day"])
def test_a_difference_may_be_as_small_as_one_row_also_where_rows_are_grouped(tmp_path, group):
    tables = {
        "data": {"label": "label", **({} if group is None else {"group": group})},
        "model": {"name": "logistic"},
        "stop": {"max_epochs": 1},
    }
    # By cost, a trial of rounds of one epoch would end at once.
    settings = {"policy": "auto:prefer=accuracy", "holdout": 0.5}
    project = Retrainer.create(tmp_path / "project", settings=settings, tables=tables)
    draw = np.random.default_rng(0)
    for night in range(5):
        size = draw.normal(size=60)
        days = [f"{night}-{row // 12}" for row in range(60)]
        rows = pd.DataFrame({"size": size, "other": draw.normal(size=60), "label": size > 0})
        project.add(rows if group is None else rows.assign(day=days))
        project.update()
    with Ledger.open(project.directory / LEDGER) as ledger:
        licence = ledger.licence()
    assert licence is not None
    arm = licence.state["arms"][0]
    # Rounds 2 and 3 do not count, and round 5 has not been scored yet.
    assert licence.round == 5
    assert arm["steps"] == [pytest.approx(1 / 60)]
