"""Completion in shells: commands, flags, and the values that flags take, without PyTorch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import rich_click as click
from click.shell_completion import CompletionItem, get_completion_class

from warmstart.basics import METRICS, offered_objects, unknown_name

from ._checked import CheckedCommand
from ._described import exported, named_datasets

VARIABLE = "_WARMSTART_COMPLETE"
SHELLS = ("bash", "zsh", "fish")
# Where the names of a kind come from: room and base class of ours, and the group in which other packages offer theirs.
_KINDS = {
    "strategies": ("strategies", "Strategy"),
    "models": ("models", "Architecture"),
    "streams": ("streams", "Stream"),
    "penalties": ("penalties", "Penalty"),
    "measurements": ("diagnostics", "Measurement"),
    "learners": ("learners", "TensorLearner"),
}
# What stands in the help for a value, by parameter where it is a NAME.
_OF_WORD = {"STRATEGY": "strategies", "LABEL": "strategies"}
_OF_PARAMETER = {
    "data": "datasets",
    "source": "datasets",
    "model": "models",
    "stream": "streams",
    "penalty": "penalties",
    "learner": "learners",
    "metric": "metrics",
    "ids": "experiments",
    "strategies": "strategies",
    "measurements": "measurements",
}
_FILES = ("FILE", "PATH", "DATA")
_FOLDERS = ("DIR", "FOLDER")


@click.command(cls=CheckedCommand)
@click.argument("shell", metavar="|".join(SHELLS))
def completion(shell: str) -> None:
    """Print the script by which a shell completes commands, flags and their values.

    A line in ~/.bashrc: eval "$(warmstart completion bash)". In ~/.zshrc: eval "$(warmstart completion zsh)". For fish,
    a file:

    Examples:
      warmstart completion fish > ~/.config/fish/completions/warmstart.fish
    """
    from ._main import warmstart

    owner = get_completion_class(shell) if shell in SHELLS else None
    if owner is None:
        raise unknown_name("shell", shell, SHELLS)
    click.echo(owner(warmstart, {}, "warmstart", VARIABLE).source())


def complete(group: click.Group, instruction: str) -> int:
    """Print what could stand at the cursor, as the script of a shell asks for it, and return the exit code.

    Args:
        group: The command line.
        instruction: As click's scripts give it in the environment, such as ``bash_complete``.
    """
    shell, _, what = instruction.partition("_")
    owner = get_completion_class(shell) if shell in SHELLS else None
    if owner is None or what != "complete":
        return 1
    _give_values(group)
    click.echo(owner(group, {}, "warmstart", VARIABLE).complete())
    return 0


def _give_values(command: click.Command) -> None:
    """Let the parameters of a command, and of those below it, complete; only done when a shell asks."""
    for parameter in command.params:
        # Switches and choices of click's own know what they take.
        if parameter.type is click.STRING:
            parameter.type = _Value()
    for below in getattr(command, "commands", {}).values():
        _give_values(below)


class _Value(click.ParamType):
    """The type of every value: a text, completed by what stands for it in the help."""

    name = "text"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        """Return what the value may be."""
        metavar = param.metavar or ""
        words = [word.strip(".").partition("[")[0] for word in metavar.strip("[]").split("|")]
        names: dict[str, str] = {}
        for word in words:
            if kind := _OF_WORD.get(word) or (_OF_PARAMETER.get(param.name or "") if word.isupper() else None):
                names |= _names(kind)
            elif word.replace("-", "").replace(",", "").isalnum() and word.islower():
                names |= dict.fromkeys(word.split(","), "")
        before = ""
        if metavar == "LIST" or "," in metavar:  # the last one of the list is completed
            before, comma, incomplete = incomplete.rpartition(",")
            before += comma
        found = [
            CompletionItem(before + name, help=summary or None)
            for name, summary in names.items()
            if name.startswith(incomplete)
        ]
        kinds = {word.partition(".")[0] for word in words}
        # The shell's own completion of paths, which bash falls back to only where no name fits.
        if kinds & {*_FILES, *_FOLDERS}:
            found.insert(0, CompletionItem(incomplete, type="file" if kinds & set(_FILES) else "dir"))
        return found


def _names(kind: str) -> dict[str, str]:
    """Return the names of a kind, ours and those that installed packages offer, with what each is in a line."""
    if kind == "datasets":
        return dict.fromkeys([*named_datasets(), *offered_objects("warmstart.data")], "")
    if kind == "metrics":
        return dict.fromkeys((key.replace("_", "-") for key in METRICS), "")
    if kind == "experiments":
        return dict.fromkeys([*_experiments(), "all"], "")
    ours = {name: owner.summary for name, owner in exported(*_KINDS[kind]).items()}
    return ours | dict.fromkeys(offered_objects(f"warmstart.{kind}"), "")


def _experiments() -> Iterable[str]:
    folder = Path(__file__).parents[1] / "paper" / "experiments"
    return sorted(file.stem.replace("_", "-") for file in folder.glob("[!_]*.py"))
