"""The handwritten digits of scikit-learn: a data set that needs no file and no network."""

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
    # Importing scikit-learn takes over a second, reading its file some milliseconds.
    folders = getattr(find_spec("sklearn"), "submodule_search_locations", None) or ()
    files = [Path(folder, "datasets", "data", "digits.csv.gz") for folder in folders]
    file = next((file for file in files if file.exists()), None)
    if file is not None:
        table = np.loadtxt(file, delimiter=",")
        images, labels = table[:, :-1], table[:, -1].astype(np.int64)
    else:
        datasets = require("sklearn.datasets", extra="data", purpose="The digits data set")
        images, labels = datasets.load_digits(return_X_y=True)
    # (n, 64) in 0..16 becomes (n, 1, 8, 8) in 0..255.
    values = np.rint(images.reshape(-1, 1, 8, 8) * (255 / 16)).astype(np.uint8)
    return RawData("digits", RawSplit(labels, values.__getitem__, "digits", lambda row: f"row {row + 1}"))
