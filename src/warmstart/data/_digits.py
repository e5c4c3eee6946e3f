"""The handwritten digits that come with scikit-learn: a data set that needs no file and no network."""

from __future__ import annotations

import numpy as np

from warmstart.basics import require

from ._raw import RawData, RawSplit


def read_digits() -> RawData:
    """Return 1,797 images of 8x8 pixels in 17 greys, spread over 0..255; there is no official test set.

    Reference:
        E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998.
    """
    datasets = require("sklearn.datasets", extra="data", purpose="The digits data set")
    images, labels = datasets.load_digits(return_X_y=True)
    values = np.rint(images.reshape(-1, 1, 8, 8) * (255 / 16)).astype(np.uint8)
    return RawData("digits", RawSplit(labels, values.__getitem__, "digits", lambda row: f"row {row + 1}"))
