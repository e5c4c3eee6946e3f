"""Whole projects, from the first arrival on: what is promoted, what is refused, and what brings a project back."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from night_learners import own
from nights import TABLES, arrival, assert_same, change, each_night, models, project
from warmstart.basics import InputError
from warmstart.data import DataSource, load
from warmstart.retrain import Retrainer, RetrainSettings
from warmstart.retrain._ledger import LEDGER, AuditRow, Ledger
from warmstart.retrain._lock import LockedError
from warmstart.retrain._objects import crashing_at
from warmstart.retrain._settings import write_project


def test_equal_projects_have_equal_champions_scores_and_ledgers(tmp_path):
    for name in ("one", "two"):
        each_night(project(tmp_path / name, settings={"policy": "auto"}), *(arrival(number) for number in (1, 2, 3)))
    assert_same(tmp_path / "one", tmp_path / "two")
    first, second = (Retrainer(tmp_path / name).champion() for name in ("one", "two"))
    assert first.id == second.id
    frame = arrival(9).drop(columns=["y"])
    assert np.array_equal(first.predict(frame).outputs, second.predict(frame).outputs)


def test_the_first_model_must_beat_a_predictor_that_learns_nothing(tmp_path):
    made = project(tmp_path / "p")
    draw = np.random.default_rng(0)
    noise = arrival(1).assign(y=draw.choice(["no", "yes"], 120))
    (kept,) = each_night(made, noise)
    assert (kept.outcome, kept.champion) == ("kept", None)
    assert kept.reason.startswith("kept: the first model is not shown to beat what learns nothing, ")
    with pytest.raises(InputError, match="has none yet"):
        made.champion()


def test_a_better_model_is_promoted_and_serves_at_once(tmp_path):
    made = project(tmp_path / "p", settings={"policy": "warm"})
    first, second = each_night(made, arrival(1, 200), arrival(2, 400))
    assert (first.outcome, second.outcome) == ("promoted", "promoted")
    assert made.champion().id == second.champion != first.champion
    assert [model.state for model in models(made)] == ["former", "champion"]
    assert models(made)[1].start_model == first.champion
    frame = arrival(9)
    found = made.predict(frame.drop(columns=["y"]))
    assert (np.array(found.labels) == frame["y"]).mean() > 0.9


def test_a_model_that_is_shown_to_be_worse_is_refused_and_no_start_any_more(tmp_path):
    made = project(tmp_path / "p", settings={"policy": "warm", "tolerance": 0.05})
    (good,) = each_night(made, arrival(1, 400))
    change(made, recipe={**TABLES["recipe"], "step-shrink": 0.0, "step-noise": 1.0})
    (refused,) = each_night(made, arrival(2, 100))
    assert (refused.outcome, refused.champion, refused.arms[0].state) == ("kept", good.champion, "worse")
    assert "shown to be worse than the 5.0 points that are allowed" in refused.reason
    change(made, recipe=TABLES["recipe"])
    (next_one,) = each_night(made, arrival(3, 100))
    assert models(made)[-1].start_model == good.champion
    assert next_one.arms[0].state != "worse"


def test_many_small_losses_do_not_add_up(tmp_path):
    cuts = [0.0, 0.35, 0.7]
    made = project(tmp_path / "p", settings={"tolerance": 0.25, "class_tolerance": 0.9, "policy": "cold"}, **own(0.0))
    results = []
    for number, cut in enumerate(cuts, 1):
        change(made, learner=own(cut)["learner"])
        results += each_night(made, arrival(number, 500))
    assert [one.outcome for one in results] == ["promoted", "promoted", "kept"]
    assert "against the best model ever shown" in results[2].reason
    status = made.status()
    assert (status.champion.id, status.anchor.id) == (results[1].champion, results[0].champion)


def test_the_watch_brings_the_model_before_back(tmp_path):
    made = project(tmp_path / "p", settings={"policy": "cold", "tolerance": 0.01})
    good, poisoned = each_night(made, arrival(1, 200), arrival(2, 600, flipped=True))
    assert poisoned.outcome == "promoted", "most held-out rows are of the poisoned arrival: the gate is misled"
    (after,) = each_night(made, arrival(3, 500))
    assert (after.outcome, after.champion) == ("rolled back", good.champion)
    assert any(note.startswith("rolled back: ") and "on 500 rows that arrived since" in note for note in after.notes)
    assert made.champion().id == good.champion
    bad = next(model for model in models(made) if model.id == poisoned.champion)
    assert bad.state == "worse"
    made.exclude(2)
    clean = made.update()
    assert (clean.arms[0].strategy, clean.arms[0].cost["rows"]) == ("cold", 470)
    found = made.predict(arrival(9).drop(columns=["y"]))
    assert (np.array(found.labels) == arrival(9)["y"]).mean() > 0.85


def test_a_pinned_champion_stays_although_a_better_one_is_there(tmp_path):
    made = project(tmp_path / "p", settings={"policy": "warm"})
    (first,) = each_night(made, arrival(1, 200))
    made.pin()
    (second,) = each_night(made, arrival(2, 400))
    assert (second.outcome, second.champion) == ("kept", first.champion)
    assert second.reason.startswith("kept: the champion is pinned (promoted: ")
    made.unpin()
    (third,) = each_night(made, arrival(3, 400))
    assert third.outcome == "promoted"


def test_an_audit_that_was_asked_for_is_measured_on_held_out_rows_and_the_next_arrival(tmp_path):
    made = project(tmp_path / "p", settings={"policy": "shrink-perturb:shrink=0.6"})
    each_night(made, arrival(1))
    assert made.audit().text == "The next round trains a cold start beside its strategy."
    audited, after = each_night(made, arrival(2), arrival(3))
    assert [arm.strategy for arm in audited.arms] == ["shrink-perturb:shrink=0.6", "cold"]
    assert len(after.arms) == 1
    with Ledger.open(made.directory / LEDGER) as ledger:
        (audit,) = ledger.select(AuditRow)
        held_out = [one for one in ledger.judging_rows(3, 30) if one.arrival < 3]
    assert (audit.round, audit.arrival, audit.n) == (2, 3, len(held_out) + 120)
    assert abs(audit.difference) <= 1


def test_models_of_an_excluded_arrival_are_no_start(tmp_path):
    made = project(tmp_path / "p", settings={"policy": "warm"})
    first, _ = each_night(made, arrival(1, 200), arrival(2, 200))
    changed = made.exclude(1)
    assert first.champion in changed.tainted
    found = made.update()
    assert found.round == 3
    assert found.arms[0].strategy == "cold"
    assert models(made)[-1].start_model is None
    assert models(made)[-1].cost["rows"] < 200
    assert made.status().arrivals == 1


def test_a_first_model_that_nothing_could_judge_serves_as_soon_as_new_data_show_it(tmp_path):
    made = project(tmp_path / "p", settings={"holdout": 0.001, "policy": "warm"})
    first, second = each_night(made, arrival(1, 120), arrival(2, 120))
    assert first.champion is None
    assert first.reason.startswith("kept: no held-out rows to judge by")
    assert second.champion is not None
    assert second.outcome == "promoted"
    assert second.reason.startswith("promoted: the model of round 1 serves now: the first model, ")


def test_values_are_judged_by_their_error_relative_to_the_opponent(tmp_path):
    def prices(number, rows=200, noise=5.0):
        frame = arrival(number, rows)
        draw = np.random.default_rng(number)
        return frame.assign(y=100 + 20 * frame["a"] - 5 * frame["b"] + noise * draw.normal(size=rows))

    made = project(
        tmp_path / "p",
        settings={"tolerance": 0.5, "policy": "warm"},
        learner={"name": "regressor"},
        recipe={"learning-rate": 0.05, "batch-size": 16},
        stop={"max-epochs": 30, "early-stopping": "off", "train-accuracy": "none"},
    )
    first, second = each_night(made, prices(1), prices(2))
    assert (first.outcome, second.outcome) == ("promoted", "promoted")
    assert "rmse" in first.reason
    assert "against the mean predictor" in first.reason
    (judged,) = [one for one in second.arms[0].judgements if one.role == "champion"]
    assert 0 < judged.tolerance != 0.5
    frame = prices(9)
    found = made.predict(frame.drop(columns=["y"]))
    assert found.classes == ()
    assert np.abs(found.outputs - frame["y"]).mean() < 8


def test_rows_of_a_group_are_held_out_together_and_count_once(tmp_path):
    made = project(tmp_path / "p", data={"label": "y", "key": "id", "group": "user"})
    results = each_night(
        made, *(arrival(number, 400).assign(user=[f"u{row % 80}" for row in range(400)]) for number in (1, 2))
    )
    assert results[0].outcome == "promoted"
    assert "held-out groups" in results[0].reason
    with Ledger.open(made.directory / LEDGER) as ledger:
        sides = {}
        for number in (1, 2):
            for one in ledger.samples(number):
                sides.setdefault(one.unit, set()).add(one.side)
    assert all(len(found) == 1 for found in sides.values())
    (judged,) = [one for one in results[1].arms[0].judgements if one.role == "champion"]
    assert judged.n == sum(found == {"holdout"} for found in sides.values())


def test_images_of_digits(tmp_path):
    digits = load(DataSource("digits"))
    data = digits.train
    inputs, labels = data.inputs, np.asarray(data.labels)
    made = project(tmp_path / "p", data={}, settings={"policy": "warm", "tolerance": 0.1})
    results = []
    for number in range(3):
        part = slice(300 * number, 300 * (number + 1))
        made.add((inputs[part], labels[part]))
        results.append(made.update())
    assert results[0].outcome == "promoted"
    assert made.champion().round in (1, 2, 3)
    found = made.predict(inputs[1000:1100])
    assert (np.array(found.labels) == labels[1000:1100].astype(str)).mean() > 0.7


def test_a_learner_of_the_users_own_is_trained_judged_and_served(tmp_path):
    made = project(tmp_path / "p", settings={"policy": "warm"}, **own(0.1))
    first, second = each_night(made, arrival(1), arrival(2))
    assert first.outcome == "promoted"
    assert second.reason == "kept: training has changed nothing, the candidate is the champion itself"
    change(made, learner=own(0.05)["learner"])
    (third,) = each_night(made, arrival(3))
    assert third.outcome == "promoted"
    assert made.check().is_passed
    frame = arrival(9)
    found = made.predict(frame.drop(columns=["y"]))
    assert (np.array(found.labels) == frame["y"]).mean() > 0.85


@pytest.mark.parametrize(
    ("policy", "strategies", "continues"),
    [
        ("cold", ["cold", "cold"], False),
        ("warm", ["cold", "warm"], True),
        ("shrink-perturb:shrink=0.6", ["cold", "shrink-perturb:shrink=0.6"], True),
    ],
)
def test_a_fixed_policy_starts_every_round_by_its_strategy(policy, strategies, continues, tmp_path):
    made = project(tmp_path / "p", settings={"policy": policy})
    results = each_night(made, arrival(1), arrival(2))
    trained = [one.arms[0].strategy for one in results]
    assert trained in (strategies, [policy, policy])
    assert all(len(one.arms) == 1 for one in results)
    assert (models(made)[1].start_model is not None) == continues
    assert made.status().licences == ()


def test_a_cheaper_start_is_licensed_by_its_audits_and_then_runs_alone(tmp_path):
    # Until a target is reached, so that a warm start costs less than a cold one.
    stop = {"train-accuracy": 0.93, "max-epochs": 30, "early-stopping": "off"}
    recipe = {**TABLES["recipe"], "learning-rate": 0.03}
    made = project(tmp_path / "p", settings={"policy": "auto"}, stop=stop, recipe=recipe)
    results = each_night(made, *(arrival(number, 100) for number in range(1, 9)))
    assert [arm.strategy for arm in results[1].arms] == ["warm", "cold"]
    assert "goes on trial beside a cold start" in results[1].plan
    licensed = [number for number, one in enumerate(results, 1) if len(one.arms) == 1 and number > 1]
    assert licensed, "never licensed"
    assert results[licensed[0] - 1].arms[0].strategy == "warm"
    assert "it is licensed" in results[licensed[0] - 1].plan
    warm = next(one for one in made.status().licences if one.strategy == "warm")
    assert (warm.status, warm.audits >= 2, warm.low >= -0.3) == ("licensed", True, True)
    assert any("warm is licensed" in note for one in results for note in one.notes)


def test_what_waits_for_long_is_one_round_with_an_audit(tmp_path):
    made = project(tmp_path / "p", settings={"policy": "auto"})
    each_night(made, arrival(1))
    for number in range(2, 10):
        made.add(arrival(number, 20))
    found = made.update()
    assert found.round == 2
    assert len(found.arms) == 2
    assert made.status().waiting_arrivals == 0
    assert made.update().outcome == "nothing new"


def test_a_budget_leaves_the_audit_out(tmp_path):
    made = project(tmp_path / "p", settings={"policy": "auto"})
    each_night(made, arrival(1))
    made.add(arrival(2))
    found = made.update(budget_seconds=1e-9)
    assert [arm.strategy for arm in found.arms] == ["warm"]
    assert "the cold start beside it does not fit the budget" in found.plan


def test_each_step_is_reported(tmp_path):
    made = project(tmp_path / "p")
    made.add(arrival(1))
    steps = []
    made.update(report=steps.append)
    assert steps[-1].startswith("Judging 1 candidate on ")
    assert any(step.startswith("Training round 1: cold on ") for step in steps)


def test_results_are_plain_data(tmp_path):
    made = project(tmp_path / "p")
    added = made.add(arrival(1))
    found = made.update()
    for one in (added, found, made.status(), *made.history(), made.verify(), made.gc(dry_run=True), made.pin()):
        text = json.dumps(one.to_dict(), allow_nan=False)
        assert json.loads(text) == json.loads(json.dumps(one.to_dict()))
        with pytest.raises(dataclasses.FrozenInstanceError):
            one.anything = 1


@pytest.mark.parametrize(
    ("settings", "tables", "message"),
    [
        ({"tolerance": 5}, {}, r"tolerance must lie in \[0, 1\), got 5: it is a share, so write 0.05 for 5 %"),
        ({"tolerence": 0.1}, {}, "Unknown setting 'tolerence': did you mean 'tolerance'"),
        ({"policy": "worm"}, {}, "Unknown policy 'worm': did you mean 'warm'"),
        ({}, {"model": {"name": "mlq"}}, "Unknown model 'mlq'"),
        ({}, {"data": {"name": "x.csv"}}, "name must be left out of a project"),
        ({}, {"modle": {}}, "modle"),
        ({}, {"strategies": ["cold"]}, "strategies must be a table of options, or left out of a project"),
    ],
)
def test_what_a_project_cannot_be_made_with_is_refused_and_nothing_is_written(settings, tables, message, tmp_path):
    with pytest.raises(InputError, match=message):
        Retrainer.create(tmp_path / "p", settings=settings, tables=tables)
    assert not (tmp_path / "p").exists()


KILLED = """
import os, pathlib, sys
from warmstart.retrain import Retrainer
from warmstart.retrain import _ledger, _settings
called = pathlib.Path.replace
pathlib.Path.replace = lambda path, to: os.kill(os.getpid(), 9) if path.name == sys.argv[2] else called(path, to)
if sys.argv[2] == "ledger.part-journal":
    _ledger.TABLES += "; SELECT killed();"
    connect = _ledger.sqlite3.connect
    def connected(*given, **options):
        made = connect(*given, **options)
        made.create_function("killed", 0, lambda: os.kill(os.getpid(), 9))
        return made
    _ledger.sqlite3.connect = connected
Retrainer.create(sys.argv[1], tables={"data": {"label": "y"}})
"""


@pytest.mark.parametrize("draft", ["project.part", "ledger.part-journal", "ledger.part"])
def test_a_project_whose_making_was_killed_is_made_again(draft, tmp_path):
    directory = tmp_path / "p"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", KILLED, directory, draft], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert draft in {path.name for path in directory.iterdir()}
    made = Retrainer.create(directory, tables={"data": {"label": "y"}})
    assert {path.name for path in directory.iterdir()} == {"project.toml", LEDGER, ".lock"}
    assert made.status().arrivals == 0


def with_policy(made, policy):
    """Change the policy, as in an editor."""
    now = made.project
    write_project(made.directory, dataclasses.replace(now.settings, policy=policy), now.tables)


def test_a_policy_that_does_not_exist_blocks_nothing_once_it_is_corrected(tmp_path):
    made = project(tmp_path / "p", settings={"policy": "auto"})
    each_night(made, arrival(1))
    made.add(arrival(2))
    with_policy(made, "wram")
    for _ in range(2):
        with pytest.raises(InputError, match="Unknown strategy 'wram': did you mean 'warm'"):
            made.update()
    with_policy(made, "auto")
    assert [arm.strategy for arm in made.update().arms] == ["warm", "cold"]


@pytest.mark.parametrize(
    ("point", "before", "after"),
    [
        ("round open", "shrink-perturb:shrink=0.5", "auto"),
        ("round judged", "shrink-perturb:shrink=0.5", "auto"),
        ("model durable", "auto", "cold"),
        ("round trained", "warm", "cold"),
    ],
)
def test_the_policy_may_be_changed_while_a_round_is_interrupted(point, before, after, tmp_path):
    made = project(tmp_path / "p", settings={"policy": before})
    each_night(made, arrival(1))
    made.add(arrival(2))
    with crashing_at(point), pytest.raises(KeyboardInterrupt):
        made.update()
    with_policy(made, after)
    assert made.update().outcome in ("promoted", "kept")
    made.add(arrival(3))
    started = [arm.strategy for arm in made.update().arms]
    assert started == (["cold"] if after == "cold" else ["warm", "cold"])


def without_ledger(directory, *arrivals):
    made = project(directory)
    for one in arrivals:
        made.add(one)
    (directory / LEDGER).unlink()


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (lambda folder: (folder / "project.toml").write_text("[tool.poetry]\nname = 'mine'\n"), "holds files; choose"),
        (lambda folder: (folder / "ledger.part").mkdir(), "holds files; choose another one"),
        (lambda folder: (folder / "project.part").symlink_to(folder.parent / "other"), "holds files; choose"),
        (lambda folder: (folder / ".lock").symlink_to(folder.parent / "other"), "holds files; choose another one"),
        (lambda folder: (folder / ".git").mkdir(), "holds files; choose another one"),
        (without_ledger, "holds a project without its ledger.sqlite: restore it from a backup, or choose another"),
        (lambda folder: without_ledger(folder, arrival(1)), "without its ledger.sqlite: restore it from a backup"),
    ],
)
def test_a_folder_that_holds_something_is_refused_and_left_alone(fill, message, tmp_path):
    (tmp_path / "other").write_text("somebody else's")
    folder = tmp_path / "p"
    folder.mkdir()
    fill(folder)
    before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
    with pytest.raises(InputError, match=f"^directory must be empty or new, but .* {message}"):
        Retrainer.create(folder, tables={"data": {"label": "y"}})
    assert {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("name", ["project.toml", LEDGER])
def test_of_two_that_make_a_project_at_once_the_second_is_refused(name, tmp_path, monkeypatch):
    folder, replace, refused = tmp_path / "p", Path.replace, []

    def replaced(path, to):
        # Whatever is written by now, another one finds the first one at it.
        if Path(to).name == name:
            with pytest.raises(LockedError, match=r"\(init\) since .*; try again when it has ended") as caught:
                Retrainer.create(folder, tables={"data": {"label": "y"}})
            refused.append(caught.value)
        return replace(path, to)

    monkeypatch.setattr(Path, "replace", replaced)
    made = Retrainer.create(folder, tables={"data": {"label": "y"}})
    assert len(refused) == 1
    assert made.status().arrivals == 0
    assert {path.name for path in folder.iterdir()} == {"project.toml", LEDGER, ".lock"}
    with pytest.raises(InputError, match="is a project already"):
        Retrainer.create(folder, tables={"data": {"label": "y"}})


def test_threads_that_make_the_same_project_make_one(tmp_path):
    for number in range(5):
        folder = tmp_path / str(number)
        barrier, errors = threading.Barrier(4), []

        def make(folder=folder, barrier=barrier, errors=errors):
            barrier.wait()
            try:
                Retrainer.create(folder, tables={"data": {"label": "y"}})
            except (LockedError, InputError) as error:
                errors.append(error)

        threads = [threading.Thread(target=make) for _ in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert len(errors) == 3
        assert {path.name for path in folder.iterdir()} == {"project.toml", LEDGER, ".lock"}
        assert Retrainer(folder).status().arrivals == 0


def test_settings_may_be_changed_between_rounds(tmp_path):
    made = project(tmp_path / "p", settings={"policy": "warm"})
    each_night(made, arrival(1))
    now = made.project
    write_project(made.directory, dataclasses.replace(now.settings, policy="cold"), now.tables)
    (found,) = each_night(Retrainer(made.directory), arrival(2))
    assert [arm.strategy for arm in found.arms] == ["cold"]
    assert isinstance(made.project.settings, RetrainSettings)


def test_a_frame_a_file_and_arrays_are_the_same_arrival(tmp_path):
    made = project(tmp_path / "p")
    frame = arrival(1)
    frame.to_parquet(tmp_path / "one.parquet")
    first = made.add(frame)
    again = made.add(tmp_path / "one.parquet")
    assert (first.is_new, again.is_new, again.number) == (True, False, 1)
    assert isinstance(pd.read_parquet(tmp_path / "one.parquet"), pd.DataFrame)
