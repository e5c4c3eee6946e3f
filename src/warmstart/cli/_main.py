"""The commands, and how what goes wrong is told."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

import rich_click as click

from warmstart.basics import InputError, StorageError

from ._catalogue import datasets, models, strategies
from ._compare import compare
from ._paper import paper
from ._report import report

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130


@click.group(
    no_args_is_help=False, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="warmstart")
@click.pass_context
def warmstart(context: click.Context) -> None:
    """Retrain neural networks as data arrive: compare cold, warm and shrink-perturb starts, with accuracy and cost."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for command in (compare, report, paper, datasets, models, strategies):
    warmstart.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code.

    0: done. 2: bad input, told in one sentence. 1: something else failed. 130: interrupted.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run(arguments))


def run(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    try:
        return warmstart.main(arguments, prog_name="warmstart", standalone_mode=False) or 0
    except click.ClickException as error:
        return _tell(error.format_message(), BAD_INPUT, arguments)
    except InputError as error:
        return _tell(str(error), BAD_INPUT, arguments)
    except StorageError as error:
        return _tell(str(error), FAILED, arguments)
    except (KeyboardInterrupt, click.Abort):
        return _tell("Interrupted; the same command goes on after the last finished round.", INTERRUPTED, arguments)
    except Exception as error:
        what = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return _tell(f"{what} (--debug shows where).", FAILED, arguments)


def _tell(sentence: str, code: int, arguments: list[str]) -> int:
    if "--debug" in arguments:
        traceback.print_exc()
    sys.stderr.write(f"Error: {sentence}\n" if code != INTERRUPTED else f"{sentence}\n")
    return code
