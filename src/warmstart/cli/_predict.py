"""`warmstart predict`: predictions for new samples."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import rich_click as click

from warmstart.basics import InputError, StorageError, check_writable, checked_path, shown, write_atomically

from ._checked import CheckedCommand

if TYPE_CHECKING:
    from warmstart.studies import Predictions


@click.command(cls=CheckedCommand)
@click.argument("directory", metavar="DIR")
@click.argument("data", metavar="DATA")
@click.option(
    "--strategy", metavar="LABEL", help="Strategy whose model predicts, as tables show it. [default: the study's first]"
)
@click.option("--seed", metavar="N", default="0", help="Seed of the trial. [default: 0]")
@click.option("--out", metavar="FILE", default="-", help="CSV file to write; - for standard output. [default: -]")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def predict(directory: str, data: str, strategy: str | None, seed: str, out: str, debug: bool) -> None:
    """Predict new samples with the last model of a trial.

    DIR is a study's directory. DATA is a table with the study's columns, in any order and without labels, or a folder
    of images, with or without class folders. Missing cells are filled and categories encoded as in the trial. The
    output has one line per sample: its row or file, the prediction, and for classes their probabilities.

    Examples:
      warmstart predict runs/churn tomorrow.csv --strategy warm --out predictions.csv
    """
    from warmstart.studies import load_trained

    if not seed.removeprefix("-").isdecimal():
        raise InputError(f"--seed must be a whole number of at least 0, got {shown(seed)}.")
    path = None if out == "-" else checked_path("--out", out)
    if path is not None:
        check_writable("--out", path)
    try:
        trained = load_trained(directory, strategy=strategy, seed=int(seed))
        text = predictions_text(trained.predict(trained.read(data)), [str(file) for file in trained.files(data)])
    except InputError as error:
        raise _as_typed(error) from error
    if path is None:
        sys.stdout.write(text)
        return
    try:
        write_atomically(path, text)
    except OSError as error:
        raise StorageError(f"The predictions cannot be written to {shown(path)} ({error.strerror}).") from error


def _as_typed(error: InputError) -> InputError:
    word, _, rest = str(error).partition(" ")
    typed = {"seed": "--seed", "samples": "DATA", "directory": "DIR"}
    return InputError(f"{typed[word]} {rest}") if word in typed else error


def predictions_text(found: Predictions, files: Sequence[str] = ()) -> str:
    """Return predictions as CSV with a header; samples have the names of their files, or are counted from 1."""
    head, names = ("file", files) if files else ("row", range(1, len(found) + 1))
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    if found.classes:
        writer.writerow([head, "prediction", *(f"probability of {name}" for name in found.classes)])
        for name, label, row in zip(names, found.labels, found.outputs.tolist(), strict=True):
            writer.writerow([name, label, *(f"{value:.6g}" for value in row)])
        return target.getvalue()
    values = found.outputs.reshape(len(found), -1).tolist()
    several = len(values[0]) > 1
    writer.writerow([head, *(f"prediction {k + 1}" if several else "prediction" for k in range(len(values[0])))])
    for name, row in zip(names, values, strict=True):
        writer.writerow([name, *(f"{value:.6g}" for value in row)])
    return target.getvalue()
