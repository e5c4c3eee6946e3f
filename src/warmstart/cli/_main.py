"""The commands, and how errors are reported."""

from __future__ import annotations

import os
import traceback

import rich_click as click
from click.exceptions import Exit

from warmstart.basics import InputError, StorageError, printable, shown

from ._catalogue import CATALOGUES
from ._checked import CommandGroup
from ._compare import compare
from ._completion import VARIABLE, complete, completion
from ._entry import BAD_INPUT, DONE, FAILED, INTERRUPTED, SIGNALS, say
from ._paper import paper
from ._predict import predict
from ._report import report
from ._retrain import retrain
from ._schema import schema

_LONGEST_WORD, _LONGEST = 200, 1_000
"""Characters of a message: somebody may have typed thousands, or a file may hold them."""


@click.group(
    cls=CommandGroup,
    no_args_is_help=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("-V", "--version", is_flag=True, help="Show the version and exit.")
@click.pass_context
def warmstart(context: click.Context, version: bool) -> None:
    """Retrain neural networks as data arrive: compare cold, warm and shrink-perturb starts by score and cost.

    Each command has a help of its own: warmstart COMMAND --help.

    Examples:
      warmstart compare --data table.csv --label churned --strategies cold,warm,shrink-perturb
      warmstart retrain init churn --label churned
      warmstart strategies
    """
    if version:
        _show_version(context)
    elif context.invoked_subcommand is None:
        click.echo(context.get_help())


def _show_version(context: click.Context) -> None:
    import importlib.metadata

    if context.invoked_subcommand is not None:
        raise click.UsageError(f"--version stands alone, got it with {context.invoked_subcommand}.")
    click.echo(f"warmstart, version {importlib.metadata.version('warmstart')}")


for command in (compare, predict, report, paper, retrain, schema, completion, *CATALOGUES):
    warmstart.add_command(command)


def run(arguments: list[str]) -> int:
    """Run the command line, say what went wrong, and return the exit code; what INTERRUPTED means is the caller's."""
    if instruction := os.environ.get(VARIABLE):
        return complete(warmstart, instruction)
    try:
        # Not click's main(): it answers some errors with an empty line, or by ending the process.
        with warmstart.make_context("warmstart", arguments) as context:
            code, sentence, trace = warmstart.invoke(context) or DONE, "", ""
    except Exit as end:  # after --help
        code, sentence, trace = end.exit_code, "", ""
    except BaseException as error:
        code, sentence = _code_and_sentence(error)
        trace = "".join(traceback.format_exception(error)).rstrip()
    # What was interrupted may have raised anything, an import an ImportError, or nothing at all.
    if SIGNALS.received is not None:
        code, sentence = INTERRUPTED, ""
    if trace and "--debug" in arguments:
        say(printable(trace))
    if sentence:
        say(_on_one_line(f"Error: {sentence}"))
    return code


def _code_and_sentence(error: BaseException) -> tuple[int, str]:
    """Return the exit code and the sentence for what a command has raised."""
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return INTERRUPTED, ""
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return BAD_INPUT, f"{error.format_message()} See '{error.ctx.command_path} --help'."
    if isinstance(error, click.ClickException):
        return BAD_INPUT, error.format_message()
    if isinstance(error, InputError):
        return BAD_INPUT, str(error)
    if isinstance(error, StorageError):
        return getattr(error, "exit_code", FAILED), str(error)  # of a project that another process changes, 75
    if isinstance(error, BrokenPipeError) or isinstance(error.__context__, BrokenPipeError):
        return FAILED, "The output cannot be written: what read it has ended."
    # Also a SystemExit: commands return, so it is from somebody's model, whose code is not ours.
    return FAILED, f"{type(error).__name__}: {shown(str(error), limit=_LONGEST)} (--debug shows where)."


def _on_one_line(sentence: str) -> str:
    """Return a message that no terminal obeys, with what is very long shortened."""
    words = (word if len(word) <= _LONGEST_WORD else shown(word) for word in sentence.split())
    return shown(" ".join(words), limit=_LONGEST)
