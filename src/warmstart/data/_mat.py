"""SVHN as it was first published: MATLAB files with arrays ``X`` and ``y``."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from warmstart.basics import InputError

from ._raw import RawData, RawSplit, reading


def find_mat(folder: Path) -> dict[str, Path]:
    """Return which of SVHN's two files the folder holds, by the name of their set."""
    paths = {split: folder / f"{split}_32x32.mat" for split in ("train", "test")}
    return {split: path for split, path in paths.items() if path.is_file()}


def read_mat(name: str, files: dict[str, Path]) -> RawData:
    """Return SVHN's files as data.

    Args:
        name: What the data set is called.
        files: As :func:`find_mat` returns them, with the training set.

    Raises:
        InputError: If a file cannot be read or holds other arrays.
    """
    test = partial(_split, files["test"]) if "test" in files else None
    return RawData(name, _split(files["train"]), test)


def _split(path: Path) -> RawSplit:
    from scipy.io import loadmat

    with reading(path, "MATLAB file"):
        arrays = loadmat(path, variable_names=["X", "y"])
    images, labels = arrays.get("X"), arrays.get("y")
    if (
        images is None
        or labels is None
        or images.ndim != 4
        or images.dtype != np.uint8
        or labels.size != images.shape[3]
    ):
        raise InputError(f"{path} must hold uint8 X (height, width, channels, n) and y (n, 1), got other arrays.")
    digits = labels.reshape(-1) % 10  # the files call the digit zero 10
    return RawSplit(
        labels=digits,
        read=lambda rows: np.ascontiguousarray(images[..., rows].transpose(3, 2, 0, 1)),
        origin=f"y in {path.name}",
        place=lambda row: f"row {row + 1}",
        class_names=tuple(str(digit) for digit in range(10)),
    )
