"""`warmstart predict`: what a study's model says of new samples."""

from __future__ import annotations

import csv
import io
import sys
from typing import TYPE_CHECKING

import rich_click as click

from warmstart.basics import InputError, StorageError, check_writable, checked_path, shown, write_atomically

from ._checked import CheckedCommand

if TYPE_CHECKING:
    from warmstart.studies import Predictions


@click.command(cls=CheckedCommand)
@click.argument("directory", metavar="DIR")
@click.argument("data", metavar="DATA")
@click.option("--strategy", metavar="LABEL", help="Whose model predicts. [default: the study's first]")
@click.option("--seed", metavar="N", default="0", help="Of which trial. [default: 0]")
@click.option("--out", metavar="FILE", default="-", help="CSV file to write; - for standard output. [default: -]")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
def predict(directory: str, data: str, strategy: str | None, seed: str, out: str, debug: bool) -> None:
    """Predict new samples with the model that a trial of a study has ended with.

    DIR is the study's directory, DATA a table with the study's columns, whose labels need not be there, or a folder of
    images. Gaps are filled and categories encoded as the trial's first arrival determined it. Written are one line per
    sample: its number, the prediction, and the probability of each class.

    Examples:
      warmstart predict runs/churn tomorrow.csv --strategy warm --out predictions.csv
    """
    from warmstart.studies import load_trained

    if not seed.removeprefix("-").isdecimal():
        raise InputError(f"--seed must be a whole number of at least 0, got {shown(seed)}.")
    path = None if out == "-" else checked_path("out", out)
    if path is not None:
        check_writable("out", path)
    trained = load_trained(directory, strategy=strategy, seed=int(seed))
    text = predictions_text(trained.predict(trained.read(data)))
    if path is None:
        sys.stdout.write(text)
        return
    try:
        write_atomically(path, text)
    except OSError as error:
        raise StorageError(f"The predictions cannot be written to {shown(path)} ({error.strerror}).") from error


def predictions_text(found: Predictions) -> str:
    """Return predictions as CSV with a header."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    if found.classes:
        writer.writerow(["row", "prediction", *(f"probability of {name}" for name in found.classes)])
        for number, (label, row) in enumerate(zip(found.labels, found.outputs.tolist(), strict=True), start=1):
            writer.writerow([number, label, *(f"{value:.6g}" for value in row)])
        return target.getvalue()
    values = found.outputs.reshape(len(found), -1).tolist()
    several = len(values[0]) > 1
    writer.writerow(["row", *(f"prediction {k + 1}" if several else "prediction" for k in range(len(values[0])))])
    for number, row in enumerate(values, start=1):
        writer.writerow([number, *(f"{value:.6g}" for value in row)])
    return target.getvalue()
