"""What an audit learns from rows that neither of its models has seen."""

import numpy as np
import pandas as pd
import pytest

from warmstart.retrain import Retrainer
from warmstart.retrain._ledger import LEDGER, AuditRow, Ledger
from warmstart.retrain._objects import load_scores
from warmstart.retrain._sides import HOLDOUT
from warmstart.retrain._upkeep import gc
from warmstart.statistics import shared_variance


def nights(tmp_path, group, count, *, late=0, window=30, after=lambda project: None):
    """Run a project for some nights; return its folder. The first ``late`` rows of a night get their labels later."""
    tables = {
        "data": {"label": "label", "key": "id", **({} if group is None else {"group": group})},
        "model": {"name": "logistic"},
        "stop": {"max_epochs": 1},
    }
    # By cost, a trial of rounds of one epoch would end at once.
    settings = {"policy": "auto:prefer=accuracy", "holdout": 0.5, "window": window}
    project = Retrainer.create(tmp_path / "project", settings=settings, tables=tables, salt="00")
    draw = np.random.default_rng(0)
    waiting = None
    for night in range(count):
        size = draw.normal(size=60)
        rows = pd.DataFrame({
            "id": [f"{night}-{row}" for row in range(60)],
            "size": size,
            "other": draw.normal(size=60),
            "label": np.where(size + draw.normal(size=60) > 0, "yes", "no"),
        })  # fmt: skip
        if group is not None:
            rows[group] = [f"{night}-{row // 12}" for row in range(60)]
        labels = rows[["id", "label"]].iloc[:late]
        if night:
            rows.loc[rows.index < late, "label"] = None
        project.add(rows)
        if waiting is not None and late:
            project.add_labels(waiting)
        waiting = labels if night else None
        project.update()
        after(project)
    return project.directory


def by_hand(directory, ledger, audit, latest):
    """Return the differences of an audit that was closed at ``latest``, by arrival and row that neither model knew."""
    found = {}
    for arrival in ledger.accepted_arrivals():
        if arrival.number > latest:
            continue
        scores = [
            load_scores(directory, each, arrival.id, arrival.rows) for each in (audit.arm_model, audit.cold_model)
        ]
        for one in ledger.samples(arrival.number):
            is_unseen = arrival.number == latest or (one.side == HOLDOUT and one.joined is None)
            if is_unseen and one.label is not None:
                found[arrival.number, one.row] = scores[0][one.row, 0] - scores[1][one.row, 0]
    return found


@pytest.mark.parametrize("group", [None, "day"])
def test_an_audit_is_judged_on_all_that_neither_model_has_seen(tmp_path, group):
    directory = nights(tmp_path, group, 8)
    with Ledger.open(directory / LEDGER) as ledger:
        arm = ledger.licence().state["arms"][0]
        audits = [one for one in ledger.select(AuditRow, "ORDER BY round") if one.round in arm["rounds"]]
        tables = [by_hand(directory, ledger, one, one.round + 1) for one in audits]
        units = {(one.arrival, one.row): one.unit for n in range(1, 9) for one in ledger.samples(n)}
    # Rounds 2 and 3 do not count, and round 8 has not been scored yet.
    assert arm["rounds"] == [4, 5, 6, 7]
    # The rows held out until then, and the whole arrival after it.
    assert [len(table) for table in tables] == [pytest.approx(1 / step) for step in arm["steps"]]
    assert all(len(table) > 60 + 30 * one.round * 0.5 for table, one in zip(tables, audits, strict=True))
    if group is not None:
        tables = [pd.Series(table).groupby([units[place] for place in table]).mean().to_dict() for table in tables]
    assert [one.n for one in audits] == [len(table) for table in tables]
    assert arm["differences"] == pytest.approx([np.mean(list(table.values())) for table in tables])
    expected = shared_variance(pd.DataFrame(tables).to_numpy())
    assert expected > 0
    assert arm["shared"] == pytest.approx(expected)


def test_what_the_rows_of_a_trial_share_is_known_after_a_collection_of_garbage(tmp_path):
    kept = nights(tmp_path / "kept", None, 8)
    collected = nights(tmp_path / "collected", None, 8, after=lambda project: gc(project.directory, keep=1))
    states = []
    for directory in (kept, collected):
        with Ledger.open(directory / LEDGER) as ledger:
            states.append(ledger.licence().state["arms"][0])
    assert states[1] == states[0]


def test_rows_whose_labels_come_late_judge_the_models_that_had_not_seen_them(tmp_path):
    directory = nights(tmp_path, None, 6, late=20)
    with Ledger.open(directory / LEDGER) as ledger:
        audit = ledger.first(AuditRow, "WHERE round = 4")
        held_out = [one for one in ledger.judging_rows(audit.arrival, 30) if one.arrival < 7]
    # Rows come as arrival 7, 20 of them without labels; the labels of 20 rows of the night before come as arrival 8.
    assert audit.arrival == 8
    assert audit.n == len(held_out) + 40 + 20


def customers(night, count, draw):
    """Return what the same customers bring on a night, 20 rows each."""
    who = np.arange(count * 20) % count
    size = draw.normal(size=len(who))
    return pd.DataFrame({
        "customer": [f"c{one}" for one in who],
        "size": size,
        "other": draw.normal(size=len(who)),
        "label": np.where(size + draw.normal(size=len(who)) > 0, "yes", "no"),
    })  # fmt: skip


@pytest.mark.parametrize("count", [3, 12])
def test_what_known_groups_bring_is_new_and_few_groups_license_nothing(tmp_path, count):
    project = Retrainer.create(
        tmp_path / "project",
        settings={"policy": "auto:prefer=accuracy", "tolerance": 0.1},
        tables={
            "data": {"label": "label", "group": "customer"},
            "model": {"name": "logistic"},
            "recipe": {"learning-rate": 0.1},
        },
        salt="01",
    )
    draw = np.random.default_rng(3)
    for night in range(9):
        project.add(customers(night, count, draw))
        project.update()
    with Ledger.open(project.directory / LEDGER) as ledger:
        audits = ledger.select(AuditRow, "ORDER BY round")
        arm = ledger.licence().state["arms"][0]
    # All of them, also those whose older rows were trained on; the newest audit waits for the next night.
    assert {one.n for one in audits if one.difference is not None} == {count}
    assert [one.round for one in audits if one.difference is None] in ([], [9])
    assert (arm["status"] == "licensed") == (count > 5)


def table_of_differences(directory):
    """Return what the trial of a project's first arm should say of its audits, from scratch."""
    with Ledger.open(directory / LEDGER) as ledger:
        arm = ledger.licence().state["arms"][0]
        audits = [one for one in ledger.select(AuditRow, "ORDER BY round") if one.round in arm["rounds"]]
        arrivals = ledger.accepted_arrivals()
        rows = []
        for audit in audits:
            found = {}
            since = ledger.model(audit.arm_model).arrivals
            for arrival in arrivals[: audit.arrival]:
                scores = [
                    load_scores(directory, each, arrival.id, arrival.rows)
                    for each in (audit.arm_model, audit.cold_model)
                ]
                for one in ledger.samples(arrival.number):
                    is_held_out = one.side == HOLDOUT and (one.joined is None or one.joined > audit.round)
                    if arrival.number > since or (is_held_out and arrival.number > since - WINDOW):
                        found[arrival.number, one.row] = scores[0][one.row, 0] - scores[1][one.row, 0]
            rows.append(found)
    return arm, pd.DataFrame(rows)


WINDOW = 3


def test_rows_that_judge_no_longer_are_still_what_earlier_audits_have_in_common(tmp_path):
    directory = nights(tmp_path, None, 9, window=WINDOW)
    arm, table = table_of_differences(directory)
    assert arm["rounds"] == [4, 5, 6, 7, 8]
    assert arm["differences"] == pytest.approx(table.mean(axis=1).tolist())
    assert arm["shared"] == pytest.approx(shared_variance(table.to_numpy()))
    # Those that judge in the last audit alone say less.
    assert shared_variance(table.loc[:, table.iloc[-1].notna()].to_numpy()) != pytest.approx(arm["shared"], rel=0.1)


def test_a_corrected_row_is_the_same_row(tmp_path):
    """Every night the same keys come again, with one cell changed: nothing else judges than the same samples."""
    project = Retrainer.create(
        tmp_path / "project",
        settings={"policy": "auto:prefer=accuracy", "holdout": 0.5},
        tables={"data": {"label": "label", "key": "id"}, "model": {"name": "logistic"}, "stop": {"max_epochs": 1}},
        salt="00",
    )
    draw = np.random.default_rng(0)
    rows = pd.DataFrame({"id": [str(row) for row in range(200)], "size": draw.normal(size=200)})
    rows["other"] = draw.normal(size=200)
    rows["label"] = np.where(rows["size"] + draw.normal(size=200) > 0, "yes", "no")
    for night in range(8):
        rows.loc[night, "other"] += 1
        project.add(rows)
        project.update()
    with Ledger.open(project.directory / LEDGER) as ledger:
        arm = ledger.licence().state["arms"][0]
    assert len(arm["rounds"]) >= 3
    assert arm["shared"] > 0


def test_what_audits_share_is_not_forgotten_with_their_rows(tmp_path):
    directory = nights(tmp_path, None, 7)
    project = Retrainer(directory)
    with Ledger.open(directory / LEDGER) as ledger:
        before = ledger.licence().state["arms"][0]
        held_out = [one.key for number in range(1, 7) for one in ledger.samples(number) if one.side == HOLDOUT]
    assert before["shared"] > 0
    project.forget([held_out[0], held_out[-1]])
    draw = np.random.default_rng(5)
    rows = pd.DataFrame({"id": [f"new-{row}" for row in range(60)], "size": draw.normal(size=60)})
    project.add(rows.assign(other=draw.normal(size=60), label=np.where(rows["size"] > 0, "yes", "no")))
    project.update()
    with Ledger.open(directory / LEDGER) as ledger:
        after = ledger.licence().state["arms"][0]
    assert len(after["rounds"]) == len(before["rounds"]) + 1
    assert after["shared"] >= before["shared"]


def test_an_audit_of_a_strategy_that_the_policy_does_not_have_is_closed(tmp_path):
    def night(project, number):
        draw = np.random.default_rng(number)
        rows = pd.DataFrame({"size": draw.normal(size=60), "other": draw.normal(size=60)})
        project.add(rows.assign(label=np.where(rows["size"] > 0, "yes", "no")))
        return project.update()

    directory = tmp_path / "project"
    project = Retrainer.create(
        directory,
        settings={"policy": "shrink-perturb:shrink=0.37"},
        tables={"data": {"label": "label"}, "model": {"name": "logistic"}, "stop": {"max_epochs": 1}},
    )
    night(project, 1)
    project.audit()
    night(project, 2)
    text = (directory / "project.toml").read_text()
    (directory / "project.toml").write_text(text.replace("shrink-perturb:shrink=0.37", "auto"))
    assert "on trial" in night(Retrainer(directory), 3).plan
    with Ledger.open(directory / LEDGER) as ledger:
        (audit, _) = ledger.select(AuditRow, "ORDER BY round")
    assert audit.difference is not None
