"""The examples for schedulers: short, their commands exist, and the script does what it says on a project."""

import configparser
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest

from nights import arrival, project
from warmstart.cli._main import warmstart

FOLDER = Path(__file__).parents[1] / "examples"
KINDS = (".service", ".sh", ".timer", ".yml")
FILES = sorted(file for file in FOLDER.iterdir() if file.suffix in KINDS or file.name == "airflow_dag.py")
TEXTS = {file.name: file.read_text(encoding="utf-8") for file in FILES}


def test_every_scheduler_has_its_example():
    named = {"airflow_dag.py", "github_actions_retrain.yml", "retrain.service", "retrain.timer", "retrain_cron.sh"}
    assert named <= set(TEXTS)


@pytest.mark.parametrize("name", TEXTS)
def test_an_example_is_short_and_begins_with_its_question(name):
    lines = TEXTS[name].splitlines()
    assert len(lines) < 60
    assert any(re.match(r'(# |""")(How|When) do(es)? .*', line) for line in lines[:3])


@pytest.mark.parametrize("name", [name for name in TEXTS if name != "retrain.timer"])
def test_its_commands_exist_with_their_flags(name):
    commands = re.findall(r"warmstart (retrain [^|;&>\"`\n]+)", TEXTS[name].replace('"$', "$").replace('" --', " --"))
    assert commands
    for command in commands:
        group, verb, *arguments = shlex.split(command)
        parent = warmstart.commands[group].make_context(group, [verb])
        warmstart.commands[group].commands[verb].make_context(verb, arguments, parent=parent)


@pytest.mark.parametrize("name", ["retrain.service", "retrain.timer"])
def test_a_unit_is_one_that_systemd_reads(name):
    unit = configparser.ConfigParser(interpolation=None, comment_prefixes="#")
    unit.optionxform = str
    unit.read_string(TEXTS[name])
    assert "Unit" in unit
    if name == "retrain.timer":
        assert unit["Timer"]["Persistent"] == "true"
        assert unit["Install"]["WantedBy"] == "timers.target"
        return
    assert unit["Service"]["Type"] == "oneshot"
    assert unit["Service"]["SuccessExitStatus"].split() == ["10", "11", "75", "99", "143"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_the_time_of_the_timer_is_one():
    when = re.search(r"^OnCalendar=(.*)$", TEXTS["retrain.timer"], re.MULTILINE)
    done = subprocess.run(["systemd-analyze", "calendar", when[1]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_workflow_is_valid_and_never_runs_twice_at_once():
    yaml = pytest.importorskip("yaml")
    workflow = yaml.safe_load(TEXTS["github_actions_retrain.yml"])
    assert workflow["concurrency"]["cancel-in-progress"] is False
    steps = workflow["jobs"]["retrain"]["steps"]
    assert [step["id"] for step in steps if "id" in step] == ["update"]
    for step in steps:
        assert re.search(r"@[0-9a-f]{40}$", step.get("uses", "@" + 40 * "0"))
        checked = subprocess.run(["bash", "-n"], input=step.get("run", ""), text=True, capture_output=True, check=False)
        assert checked.returncode == 0, checked.stderr


def test_the_dag_skips_what_follows_where_no_other_model_serves(monkeypatch):
    class DAG:
        def __init__(self, name, **options):
            self.name, self.options = name, options

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    class BashOperator:
        def __init__(self, task_id, bash_command, **options):
            self.task_id, self.bash_command, self.options, self.next = task_id, bash_command, options, None

        def __rshift__(self, other):
            self.next = other
            return other

    for name in ("airflow", "airflow.providers", "airflow.providers.standard", "airflow.providers.standard.operators"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sdk, bash = types.ModuleType("airflow.sdk"), types.ModuleType("airflow.providers.standard.operators.bash")
    sdk.DAG, bash.BashOperator = DAG, BashOperator
    monkeypatch.setitem(sys.modules, sdk.__name__, sdk)
    monkeypatch.setitem(sys.modules, bash.__name__, bash)
    spec = importlib.util.spec_from_file_location("airflow_dag", FOLDER / "airflow_dag.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.dag.options["max_active_runs"] == 1
    assert module.update.options["skip_on_exit_code"] == [10, 99]
    assert module.add.bash_command.endswith("/{{ ds }}.parquet")
    assert [module.add.next, module.update.next, module.reload.next] == [module.update, module.reload, module.report]


@pytest.fixture
def nightly(tmp_path):
    """Return a function that runs the script for cron, and what it has printed."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "warmstart").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m warmstart "$@"\n')
    (tools / "warmstart").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "RELOAD": "echo RELOADED"}
    environment["PYTHONPATH"] = str(FOLDER.parent / "src")

    def ran():
        command = ["sh", str(FOLDER / "retrain_cron.sh"), str(tmp_path / "p"), str(tmp_path / "incoming")]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)

    (tmp_path / "incoming").mkdir()
    return ran


def test_the_script_for_cron_adds_updates_and_reloads_once(nightly, tmp_path):
    project(tmp_path / "p")
    arrival(1).to_csv(tmp_path / "incoming" / "monday.csv", index=False)
    (tmp_path / "incoming" / "wrong.csv").write_text("a,b\n1,2\n")
    done = nightly()
    assert done.returncode == 0, done.stderr
    assert "RELOADED" in done.stdout
    assert "wrong.csv" in done.stderr
    left = sorted(path.relative_to(tmp_path / "incoming").as_posix() for path in (tmp_path / "incoming").rglob("*.csv"))
    assert left == ["added/monday.csv", "wrong.csv"]
    again = nightly()
    assert (again.returncode, "RELOADED" in again.stdout) == (0, False)
    assert "Nothing has arrived since the last round." in again.stdout


def test_the_script_for_cron_fails_where_there_is_no_project(nightly):
    done = nightly()
    assert done.returncode == 2
    assert "there is no project.toml in it" in done.stderr
