"""`warmstart retrain`: what every command prints, as text and as JSON, how it exits, and what its errors name."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from contextlib import closing

import numpy as np
import pandas as pd
import pytest

from warmstart.basics import InputError
from warmstart.cli._main import run, warmstart
from warmstart.cli._retrain import seconds_of
from warmstart.retrain._forget import _MOST_SECONDS
from warmstart.retrain._ledger import LEDGER
from warmstart.retrain._lock import project_lock

COMMANDS = warmstart.commands["retrain"].commands
NEEDS = {
    "add": ["FILE"],
    "promote": ["abcd"],
    "exclude": ["1"],
    "forget": ["--key", "FILE"],
    "migrate": ["--map", "FILE"],
    "predict": ["FILE"],
    "export": ["FOLDER"],
}
INIT = ["--label", "bought", "--key", "id", "--model", "logistic", "--max-epochs", "60", "--lr", "0.1"]
INIT += ["--early-stopping", "off", "--holdout", "0.3", "--tolerance", "0.001"]


def orders(path, *, first=0, count=120, wrong=0.0, **columns):
    """Write a table whose label is decided by its first column; of a share of the rows it is the wrong one."""
    draw = np.random.default_rng([first, count])
    size, width = draw.normal(size=(2, count)).round(3)
    bought = np.where((size > 0) != (draw.random(count) < wrong), "yes", "no")
    frame = {"id": [f"o{number}" for number in range(first, first + count)], "size": size, "width": width}
    pd.DataFrame({**frame, "bought": bought, **columns}).to_csv(path, index=False)
    return str(path)


@pytest.fixture
def retrain(capsys):
    """Return a function that runs a command and returns its exit code, its output and what it said of errors."""

    def ran(*arguments):
        capsys.readouterr()
        code = run(["retrain", *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, out, err

    return ran


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A project whose first round has promoted a model, and whose second one has kept it."""
    folder = tmp_path_factory.mktemp("served")
    assert run(["retrain", "init", str(folder / "p"), *INIT, "--policy", "warm"]) == 0
    with closing(sqlite3.connect(folder / "p" / LEDGER)) as ledger, ledger:
        # It decides which rows are held out, and is drawn anew for every project.
        ledger.execute("UPDATE config SET value = 'salt' WHERE name = 'salt'")
    commands = [
        ["add", folder / "p", orders(folder / "one.csv")],
        ["update", folder / "p"],
        ["add", folder / "p", orders(folder / "two.csv", first=1000, count=40)],
        ["update", folder / "p"],
    ]
    assert [run(["retrain", *map(str, command)]) for command in commands] == 4 * [0]
    return folder / "p"


@pytest.fixture
def project(served, tmp_path):
    return shutil.copytree(served, tmp_path / "p")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_a_help_that_explains_each_option(name, retrain, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, err = retrain(name, "--help")
    assert (code, err) == (0, "")
    assert f"warmstart retrain {name} [OPTIONS] DIR" in out
    for option in COMMANDS[name].params:
        if option.param_type_name == "option":
            assert option.opts[0] in out
            assert option.help.rstrip().endswith((".", "]")), option.opts


def test_the_help_of_the_group_names_all_commands_and_exit_codes(retrain):
    code, out, _ = retrain("--help")
    assert code == 0
    assert [name for name in COMMANDS if f" {name} " not in out] == []
    assert all(f"{number} " in out for number in (0, 1, 2, 75, 130))


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"init"}))
def test_a_folder_without_a_project_is_named_with_the_way_out(name, retrain, tmp_path):
    code, out, err = retrain(name, tmp_path / "none", *NEEDS.get(name, []))
    assert (code, out) == (2, "")
    assert "there is no project.toml in it" in err
    assert "warmstart retrain init" in err
    assert list(tmp_path.iterdir()) == []


def test_a_new_project_says_what_comes_next_and_is_made_once(retrain, tmp_path):
    code, out, _ = retrain("init", tmp_path / "p", *INIT)
    assert code == 0
    assert f"Nothing has arrived yet: add data with `warmstart retrain add {tmp_path}/p FILE`." in out.replace("\n", "")
    code, out, err = retrain("init", tmp_path / "p", *INIT)
    assert (code, out) == (2, "")
    assert err.startswith("Error: DIR must be a new one, but ")
    code, _, err = retrain("init", tmp_path, *INIT)
    assert code == 2
    assert "DIR must be empty or new" in err


def test_a_new_project_as_json(retrain, tmp_path):
    code, out, _ = retrain("init", tmp_path / "p", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["champion"], found["rounds"], found["arrivals"], found["pinned"]) == (None, 0, 0, False)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--tolerance", "5"], "--tolerance must lie in [0, 1), got 5.0: it is a share, so write 0.05 for 5 %."),
        (["--tolerance", "x"], "--tolerance must be a number, got x."),
        (["--class-tolerance", "-1"], "--class-tolerance must lie in [0, 1), got -1.0."),
        (["--holdout", "0.7"], "--holdout must lie in (0, 0.5], got 0.7."),
        (["--window", "0"], "--window must be a whole number of at least 1, got 0."),
        (["--window", "1.5"], "--window must be a whole number, got 1.5."),
        (["--seed", "-1"], "--seed must be a whole number of at least 0, got -1."),
        (["--threads", "0"], "--threads must be a whole number of at least 1, got 0."),
        (["--policy", "worm"], "Unknown policy 'worm': did you mean 'warm'? Known: auto, cold, "),
        (["--policy", "auto:prefer=speed"], "Unknown preference 'speed'. Known: cost, accuracy."),
        (["--lr", "x"], "--lr must be a number, got x."),
        (["--model", "mlq"], "Unknown model 'mlq': did you mean 'mlp'?"),
        (["--recipe", "none.toml"], "--recipe none.toml: "),
        (["--label", ""], "--label must not be empty, got ''."),
        (["--lable", "y"], "No such option '--lable'."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_wrong_when_a_project_is_made_is_named_as_it_was_typed(flags, sentence, retrain, tmp_path):
    code, out, err = retrain("init", tmp_path / "p", *flags)
    assert (code, out) == (2, "")
    assert sentence in err
    assert not (tmp_path / "p").exists()


def test_a_recipe_gives_the_tables_and_flags_override_it(retrain, tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[recipe]\nlearning-rate = 0.5\nbatch-size = 8\n\n[model]\nname = "logistic"\n')
    assert retrain("init", tmp_path / "p", "--recipe", recipe, "--lr", "0.25")[0] == 0
    text = (tmp_path / "p" / "project.toml").read_text()
    assert "batch-size = 8" in text
    assert "0.25" in text
    assert "0.5" not in text
    assert 'name = "logistic"' in text


def test_the_file_of_a_study_gives_what_a_project_has_too(retrain, tmp_path):
    study = tmp_path / "study.toml"
    lines = ['strategies = ["cold", "warm"]', "seeds = 3", "[data]", 'name = "x.csv"', 'label = "y"', "[model]"]
    study.write_text("\n".join([*lines, 'name = "logistic"', "[stream]", 'name = "growing"', ""]))
    assert retrain("init", tmp_path / "p", "--recipe", study)[0] == 0
    tables = tomllib.loads((tmp_path / "p" / "project.toml").read_text())
    assert set(tables) == {"retrain", "data", "model"}
    assert tables["data"] == {"label": "y"}
    study.write_text("hello = 3\n")
    code, _, err = retrain("init", tmp_path / "q", "--recipe", study)
    assert code == 2
    assert "Unknown key of a study 'hello'" in err


def test_an_arrival_is_added_once(retrain, tmp_path):
    retrain("init", tmp_path / "p", *INIT)
    path = orders(tmp_path / "one.csv")
    code, out, _ = retrain("add", tmp_path / "p", path)
    assert code == 0
    assert out.startswith("Arrival 1: 120 rows of one.csv, ")
    code, out, _ = retrain("add", tmp_path / "p", path)
    assert (code, out) == (0, "one.csv has the content of arrival 1 (one.csv, accepted): not added again.\n")
    code, out, _ = retrain("status", tmp_path / "p")
    assert "1 arrival, 120 rows, 1 arrival (120 rows) waiting for `update`\n" in out


def test_each_arrival_is_a_line_of_json_and_stays_although_the_next_one_is_refused(retrain, tmp_path):
    retrain("init", tmp_path / "p", *INIT)
    one, two = orders(tmp_path / "one.csv"), tmp_path / "two.csv"
    two.write_text("id,size\n1,2\n")
    code, out, err = retrain("add", tmp_path / "p", one, two, "--json")
    assert code == 2
    found = json.loads(out)
    assert (found["number"], found["rows"], found["is_new"], found["state"]) == (1, 120, True, "accepted")
    assert err == "Error: two.csv must have the columns of the first arrival, but lacks width.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "FILE or --labels FILE must be given, and not both."),
        (["one.csv", "--labels", "two.csv"], "FILE or --labels FILE must be given, and not both."),
        (["none.csv"], "FILE must be "),
        (["one.csv", "--new-classes", "maybe"], "--new-classes must be refuse or grow, got maybe."),
        (["--labels", "none.csv"], "--labels "),
        ([""], "FILE... must not be empty, got ''."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_added_is_named_as_it_was_typed(arguments, sentence, retrain, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    retrain("init", "p", *INIT)
    orders(tmp_path / "one.csv")
    code, out, err = retrain("add", "p", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"Error: {sentence}")


def test_a_wrong_name_of_a_column_is_found_when_data_arrive_with_the_way_out(retrain, tmp_path):
    retrain("init", tmp_path / "p", "--label", "buoght")
    code, _, err = retrain("add", tmp_path / "p", orders(tmp_path / "one.csv"))
    assert code == 2
    assert "Unknown label column 'buoght' of one.csv: did you mean 'bought'?" in err
    assert "project.toml" in err


def test_an_update_before_anything_has_arrived_trains_nothing(retrain, tmp_path):
    retrain("init", tmp_path / "p", *INIT)
    sentence = "Nothing has arrived yet: add data with `warmstart retrain add`.\n"
    assert retrain("update", tmp_path / "p")[:2] == (0, sentence)
    assert retrain("update", tmp_path / "p", "--exit-code")[:2] == (99, sentence)
    code, out, _ = retrain("update", tmp_path / "p", "--json")
    assert (code, json.loads(out)["outcome"], json.loads(out)["round"]) == (0, "nothing new", None)


def test_a_first_model_that_beats_the_trivial_ones_is_promoted(retrain, tmp_path):
    retrain("init", tmp_path / "p", *INIT)
    retrain("add", tmp_path / "p", orders(tmp_path / "one.csv"))
    code, out, _ = retrain("update", tmp_path / "p", "--exit-code", "--json")
    found = json.loads(out)
    assert (code, found["outcome"], found["round"]) == (0, "promoted", 1)
    assert set(found) == {"outcome", "round", "champion", "reason", "plan", "arms", "notes"}
    (arm,) = found["arms"]
    assert (arm["strategy"], arm["state"], arm["model"]) == ("cold", "champion", found["champion"])
    assert set(arm) == {"strategy", "model", "stop_reason", "state", "cost", "judgements"}
    assert {"rows", "steps", "seconds", "cost"} <= set(arm["cost"])
    assert {one["role"] for one in arm["judgements"]} == {"baseline"}
    assert found["reason"].startswith("promoted: the first model, +")
    assert "points against the majority predictor on" in found["reason"]


def test_a_second_round_says_what_it_trained_and_why_it_kept_the_champion(retrain, project, tmp_path):
    retrain("add", project, orders(tmp_path / "three.csv", first=2000, count=30))
    code, out, _ = retrain("update", project, "--exit-code")
    first, plan, arm, serving = out.splitlines()
    assert code == 10
    assert first.startswith("Round 3: kept: ")
    assert " rows cannot tell, about " in first
    assert plan == "  warm: the policy is fixed"
    assert arm.startswith("  warm: ")
    assert " steps, " in arm
    assert arm.endswith("is undecided")
    assert serving.startswith("  Model ")
    assert serving.endswith(" serves.")
    assert retrain("update", project, "--exit-code")[:2] == (99, "Nothing has arrived since the last round.\n")


def test_what_the_watch_rolls_back_exits_with_11(retrain, project, tmp_path):
    good = json.loads(retrain("status", project, "--json")[1])["champion"]["id"]
    # So many wrong labels that most held-out rows have one, too, and the gate is misled.
    retrain("add", project, orders(tmp_path / "bad.csv", first=3000, count=600, wrong=1.0))
    assert retrain("update", project, "--exit-code")[0] == 0
    retrain("add", project, orders(tmp_path / "good.csv", first=5000, count=400))
    code, out, _ = retrain("update", project, "--exit-code")
    assert code == 11
    assert f"Model {good[:12]} serves." in out
    assert "worse than the champion before it on 400 rows that arrived since" in out


def test_a_second_process_exits_with_75_and_names_the_first_one(retrain, project):
    with project_lock(project, "update"):
        for command in (["update"], ["rollback"], ["pin"], ["exclude", "1"], ["verify"], ["gc"]):
            code, out, err = retrain(command[0], project, *command[1:])
            assert (code, out) == (75, ""), command
            assert f"process {os.getpid()} on " in err
        assert retrain("status", project)[0] == 0
        assert retrain("history", project)[0] == 0
        assert retrain("gc", project, "--dry-run")[0] == 0


@pytest.mark.parametrize("budget", ["soon", "-3m", "0", "nan", "1e400", "10 weeks"])
def test_a_budget_that_is_no_time_is_refused(budget, retrain, project):
    code, out, err = retrain("update", project, "--budget", budget)
    assert (code, out) == (2, "")
    assert err == f"Error: --budget must be a time above 0 such as 90s, 10m or 2h, got {budget}.\n"


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("1.5h", 5400), ("2d", 172_800), ("30", 30), (" 5 m ", 300)]
)
def test_times_have_units(text, seconds):
    assert seconds_of(text) == seconds


def test_the_flag_of_a_time_is_named():
    with pytest.raises(InputError, match=r"^--by must be a time"):
        seconds_of("x", "--by")


@pytest.mark.parametrize("text", ["99999d", "1e8d", "3153600001", "876001h"])
def test_a_time_that_is_too_long_is_one_sentence_with_the_limit(text):
    with pytest.raises(InputError, match=rf"^--by must be a time above 0 and at most 36500d such as .*, got {text}\.$"):
        seconds_of(text, "--by", most="36500d")
    assert seconds_of("36500d", "--by", most="36500d") == 3_153_600_000 == _MOST_SECONDS


@pytest.mark.parametrize("arrival", ["9" * 7, "9" * 20, "0" * 30])
def test_a_number_of_no_arrival_is_one_sentence(retrain, project, arrival):
    code, out, err = retrain("exclude", project, arrival)
    assert (code, out) == (2, "")
    assert f"ARRIVAL must be the number or the id of an arrival, got {arrival}: there is none" in err


def test_status_in_words_and_as_json(retrain, project):
    code, out, _ = retrain("status", project)
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == f"Project {project}, policy warm"
    assert " of round 1 (cold) serves since 20" in lines[1]
    assert lines[2].startswith("Round 2, 20")
    assert "kept: " in lines[2]
    assert lines[3] == "2 arrivals, 160 rows, none of them waiting"
    found = json.loads(retrain("status", project, "--json")[1])
    keys = {"directory", "policy", "champion", "anchor", "pinned", "rounds", "last_round", "open_round", "running"}
    keys |= {"arrivals", "rows", "waiting_arrivals", "waiting_rows", "unlabelled_rows", "licences", "audit_account"}
    assert keys | {"pending_audits", "watch", "deletions_due", "unsent", "damage"} <= set(found)
    assert found["champion"]["state"] == "champion"


def test_history_names_models_as_other_commands_take_them(retrain, project):
    code, out, _ = retrain("history", project)
    lines = out.splitlines()
    assert (code, len(lines)) == (0, 4)
    assert lines[0].startswith("1  20")
    rounds = json.loads(retrain("history", project, "--json")[1])
    assert [one["number"] for one in rounds] == [1, 2]
    short = rounds[1]["models"][0]["id"][:12]
    assert f"warm {short} (undecided)" in lines[3]
    assert len(json.loads(retrain("history", project, "--last", "1", "--json")[1])) == 1
    assert "--last must be a whole number of at least 1, got 0." in retrain("history", project, "--last", "0")[2]
    code, out, _ = retrain("promote", project, short, "--reason", "it knows tuesday")
    assert (code, out) == (
        0,
        f"Promoted {short} by hand: it knows tuesday.\nIt is pinned: no round replaces it until `unpin`.\n",
    )
    assert (
        retrain("history", project, "--last", "1")[1]
        .splitlines()[-1]
        .endswith(f"Promoted {short} by hand: it knows tuesday.")
    )
    assert [line.split("  ")[0] for line in retrain("history", project, "--arrivals")[1].splitlines()] == ["1", "2"]


def test_rollback_promote_pin_and_unpin(retrain, project):
    rounds = json.loads(retrain("history", project, "--json")[1])
    first, second = (one["models"][0]["id"] for one in rounds)
    code, _, err = retrain("rollback", project)
    assert code == 2
    assert "There is no former champion to roll back to" in err
    retrain("promote", project, second[:12])
    code, out, _ = retrain("rollback", project, "--reason", "complaints", "--json")
    found = json.loads(out)
    assert (code, found["before"], found["after"], found["pinned"]) == (0, second, first, True)
    assert found["text"].endswith(": complaints.")
    assert "pinned: no round replaces it until `unpin`" in retrain("status", project)[1]
    assert retrain("unpin", project)[:2] == (0, f"{first[:12]} is no longer pinned: rounds may replace it.\n")
    assert retrain("pin", project)[:2] == (0, f"{first[:12]} is pinned.\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["rollback", "--to", "zz"], "--to must be the id of a model"),
        (["rollback", "--to", "0000"], "--to must be the id of a model or its beginning, got 0000"),
        (["promote", "0000"], "ID must be the id of a model or its beginning, got 0000"),
        (["exclude", "77"], "ARRIVAL must be the number or the id of an arrival, got 77"),
        (["exclude", "x"], "ARRIVAL must be the id of an arrival"),
        (["history", "--last", "x"], "Invalid value for '--last'"),
        (["predict", "none.csv"], "DATA must be a file or folder that exists, got none.csv."),
        (["predict", "none.csv", "--out", "/proc/none/x"], "--out must be a file in a writable directory"),
        (["export", "/proc/x"], "FOLDER must be a writable directory"),
    ],
    ids=" ".join,
)
def test_what_a_command_cannot_do_is_named_as_it_was_typed(arguments, sentence, retrain, project):
    code, out, err = retrain(arguments[0], project, *arguments[1:])
    assert (code, out) == (2, "")
    assert err.startswith(f"Error: {sentence}")


def test_an_arrival_is_excluded(retrain, project):
    code, out, _ = retrain("exclude", project, "2")
    assert (code, out) == (0, "Excluded arrival 2 (two.csv, 40 rows); models trained on it: 1.\n")
    assert retrain("exclude", project, "2")[1] == "Arrival 2 is excluded already.\n"
    assert json.loads(retrain("status", project, "--json")[1])["arrivals"] == 1


def test_predictions_as_csv_as_a_file_and_as_json(retrain, project, tmp_path):
    new = orders(tmp_path / "new.csv", first=9000, count=5)
    code, out, _ = retrain("predict", project, new)
    head, *rows = out.splitlines()
    assert (code, head, len(rows)) == (0, "row,prediction,probability of no,probability of yes", 5)
    code, text, _ = retrain("predict", project, new, "--out", tmp_path / "out.csv")
    assert code == 0
    assert text.startswith("5 predictions of model ")
    assert (tmp_path / "out.csv").read_text() == out
    found = json.loads(retrain("predict", project, new, "--json")[1])
    assert set(found) == {"model", "round", "samples", "classes", "predictions", "probabilities"}
    assert found["predictions"] == [row.split(",")[1] for row in rows]
    found = json.loads(retrain("predict", project, new, "--json", "--out", tmp_path / "out.csv")[1])
    assert set(found) == {"model", "round", "samples", "out"}


def test_predictions_before_the_first_champion_are_refused_with_the_way_there(retrain, tmp_path):
    retrain("init", tmp_path / "p", *INIT)
    code, out, err = retrain("predict", tmp_path / "p", orders(tmp_path / "new.csv"))
    assert (code, out) == (2, "")
    assert err.startswith("Error: DIR must be a project with a champion")
    assert "warmstart retrain update" in err


def test_damage_exits_with_1_and_the_model_is_named(retrain, project):
    assert retrain("verify", project)[0] == 0
    for path in (project / "models").rglob("*.safetensors"):
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1])
    code, out, err = retrain("verify", project)
    second = json.loads(retrain("history", project, "--json")[1])[1]["models"][0]["id"]
    assert code == 1
    assert f"models {second[:12]}: " in out
    assert err == f"Error: 1 file is damaged in {project}.\n"


def test_garbage_is_counted_before_it_is_removed(retrain, project):
    (project / "work").mkdir(exist_ok=True)
    (project / "work" / "left.part").write_bytes(b"x" * 10)
    code, out, _ = retrain("gc", project, "--dry-run")
    assert code == 0
    assert out.startswith("Would remove 0 models, 0 files that the ledger does not know, 0 files of scores and 1 draft")
    assert retrain("gc", project)[1].startswith("Removed 0 models")
    assert json.loads(retrain("gc", project, "--json")[1])["drafts"] == 0


def test_an_audit_is_asked_for(retrain, project, tmp_path):
    code, out, _ = retrain("audit", project)
    assert (code, out) == (0, "The next round trains a cold start beside its strategy.\n")
    retrain("add", project, orders(tmp_path / "three.csv", first=2000, count=30))
    found = json.loads(retrain("update", project, "--json")[1])
    assert [arm["strategy"] for arm in found["arms"]] == ["warm", "cold"]
    assert "an audit was asked for" in found["plan"]


def test_the_learner_is_checked(retrain, project, tmp_path):
    code, out, _ = retrain("check", project)
    assert code == 0
    assert all(line.startswith("ok  ") for line in out.splitlines())
    found = json.loads(retrain("check", project, "--json")[1])
    assert found["passed"] is True
    retrain("init", tmp_path / "new", *INIT)
    code, _, err = retrain("check", tmp_path / "new")
    assert code == 2
    assert "There must be rows with labels to check with" in err


def test_report_and_export_say_where_they_are(retrain, project, tmp_path):
    code, out, _ = retrain("report", project, "--out", tmp_path / "page.html", "--json")
    assert code == 0
    assert json.loads(out)
    assert (tmp_path / "page.html").stat().st_size > 10_000
    code, out, _ = retrain("export", project, tmp_path / "champion")
    assert code == 0
    assert f"is in {tmp_path / 'champion'}." in out.replace("\n", "")
    code, _, err = retrain("export", project, tmp_path / "champion")
    assert code == 2
    assert err.startswith("Error: FOLDER must be new or empty")


SCRIPT = """
import sys
from warmstart.cli._main import run
code = run(sys.argv[1:])
heavy = sorted({"torch", "pandas", "scipy", "pyarrow"} & set(sys.modules))
sys.exit(f"imported {heavy}" if heavy else code)
"""


@pytest.mark.parametrize(
    "arguments", [["status"], ["status", "--json"], ["history"], ["pin"], ["unpin"], ["gc", "--dry-run"], ["rollback"]]
)
def test_commands_for_an_incident_import_nothing_heavy(arguments, project):
    if arguments[0] == "rollback":
        ids = [json.loads(line)["id"] for line in [(project / "champion.json").read_text()]]
        second = next(path.stem for path in (project / "models").rglob("*.safetensors") if path.stem != ids[0])
        assert run(["retrain", "promote", str(project), second[:12]]) == 0
    command = [sys.executable, "-c", SCRIPT, "retrain", arguments[0], str(project), *arguments[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout
