"""The handwritten digits that come with scikit-learn: a data set that needs no file and no network."""

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
    images, labels = _table()
    values = np.rint(images.reshape(-1, 1, 8, 8) * (255 / 16)).astype(np.uint8)
    return RawData("digits", RawSplit(labels, values.__getitem__, "digits", lambda row: f"row {row + 1}"))


def _table() -> tuple[np.ndarray, np.ndarray]:
    """Return images (n, 64) in 0..16, and labels.

    Read from scikit-learn's file, where it lies as it usually does: importing the package takes over a second, and
    reading the file some milliseconds.
    """
    for folder in getattr(find_spec("sklearn"), "submodule_search_locations", None) or ():
        file = Path(folder, "datasets", "data", "digits.csv.gz")
        if file.exists():
            table = np.loadtxt(file, delimiter=",")
            return table[:, :-1], table[:, -1].astype(np.int64)
    datasets = require("sklearn.datasets", extra="data", purpose="The digits data set")
    return datasets.load_digits(return_X_y=True)
