"""What the help says, and which errors lead to it."""

import re

import pytest

from warmstart.cli._main import run, warmstart


def all_commands(group=warmstart, path=()):
    """Every command and group with the words that lead to it."""
    yield path, group
    for name, command in getattr(group, "commands", {}).items():
        yield from all_commands(command, (*path, name))


COMMANDS = dict(all_commands())
WITH_EXAMPLES = {path: command for path, command in COMMANDS.items() if "Examples:" in (command.help or "")}


def shown_help(path, capsys):
    assert run([*path, "--help"]) == 0
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


@pytest.fixture(autouse=True)
def _wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=" ".join)
def test_each_example_stands_on_a_line_of_its_own(path, capsys):
    examples = re.findall(r"^ *(warmstart .*)$", WITH_EXAMPLES[path].help.partition("Examples:")[2], re.MULTILINE)
    assert examples
    lines = shown_help(path, capsys)
    assert [line for line in lines if line.startswith("   warmstart ")] == [f"   {example}" for example in examples]


def test_the_commands_that_people_begin_with_have_examples():
    assert {(), ("compare",), ("report",), ("predict",), ("retrain",), ("paper", "run")} <= set(WITH_EXAMPLES)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_help_says_the_exit_codes(path, capsys):
    text = " ".join(" ".join(shown_help(path, capsys)).split())
    assert "Exit codes: 0 done, 1 failed" in text
    assert ("75 another process" in text) == (path[:1] == ("retrain",))


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (["nope"], "warmstart"),
        (["compare", "--sedes", "3"], "warmstart compare"),
        (["report"], "warmstart report"),
        (["retrain", "nope"], "warmstart retrain"),
        (["retrain", "add"], "warmstart retrain add"),
        (["paper", "run"], "warmstart paper run"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_usage_error_names_the_help_to_read(arguments, path, capsys):
    assert run(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(f"See '{path} --help'.")


@pytest.mark.parametrize("group", ["retrain", "paper"])
def test_a_group_without_a_command_names_its_commands(group, capsys):
    assert run([group]) == 2
    said = capsys.readouterr().err
    assert said.startswith("Error: A command is missing: ")
    assert all(name in said for name in warmstart.commands[group].commands)


def test_a_list_with_a_space_says_how_lists_are_written(capsys):
    assert run(["compare", "--strategies", "cold,", "warm"]) == 2
    assert (
        "Lists are written without spaces, as in cold,warm. See 'warmstart compare --help'." in capsys.readouterr().err
    )
