"""Data sets that come with scikit-learn and need no download: digits to classify, diabetes for regression."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from warmstart.basics import require

from ._raw import RawData, RawSplit


def read_digits() -> RawData:
    """Return 1,797 images of 8x8 pixels in 17 greys, spread over 0..255; there is no official test set.

    Reference:
        E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998.
    """
    files = _files_of_scikit_learn("digits.csv.gz")
    if files:
        table = np.loadtxt(files[0], delimiter=",")
        images, labels = table[:, :-1], table[:, -1].astype(np.int64)
    else:
        datasets = require("sklearn.datasets", extra="data", purpose="The digits data set")
        images, labels = datasets.load_digits(return_X_y=True)
    # (n, 64) in 0..16 becomes (n, 1, 8, 8) in 0..255.
    values = np.rint(images.reshape(-1, 1, 8, 8) * (255 / 16)).astype(np.uint8)
    return RawData("digits", RawSplit(labels, values.__getitem__, "digits", lambda row: f"row {row + 1}"))


def read_diabetes() -> RawData:
    """Return 442 patients: 10 measurements in their own units, and the progress of the disease one year later.

    There is no official test set.

    Reference:
        B. Efron, T. Hastie, I. Johnstone and R. Tibshirani, "Least Angle Regression", Annals of Statistics 32, 2004.
    """
    files = _files_of_scikit_learn("diabetes_data_raw.csv.gz", "diabetes_target.csv.gz")
    if files:
        table, progress = (np.loadtxt(file) for file in files)
    else:
        datasets = require("sklearn.datasets", extra="data", purpose="The diabetes data set")
        # As measured: by default scikit-learn scales by all samples, of which a round must not know the later ones.
        table, progress = datasets.load_diabetes(return_X_y=True, scaled=False)
    values = table.astype(np.float32)
    return RawData("diabetes", RawSplit(progress, values.__getitem__, "diabetes", lambda row: f"row {row + 1}"))


def _files_of_scikit_learn(*names: str) -> list[Path] | None:
    """Return its files of these names; None unless all are where its present versions have them."""
    # Importing scikit-learn takes over a second, reading its file some milliseconds.
    folders = getattr(find_spec("sklearn"), "submodule_search_locations", None) or ()
    for folder in folders:
        files = [Path(folder, "datasets", "data", name) for name in names]
        if all(file.exists() for file in files):
            return files
    return None
