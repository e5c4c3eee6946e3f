"""Which rows judge and which are trained on, by hashes that need no memory of earlier arrivals."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

HOLDOUT, TRAIN = "holdout", "train"


def positions(salt: str, purpose: str, units: Sequence[str]) -> np.ndarray:
    """Return a number for each unit, uniform in [0, 1), that depends on nothing but salt, purpose and unit.

    A unit is what is held out together: a group, or else the key of a row. Equal ones are hashed once.

    Example:
        >>> found = positions("salt", "side", ["anna", "bert", "anna"])
        >>> bool(found[0] == found[2] != found[1]), bool(0 <= found.min() and found.max() < 1)
        (True, True)
    """
    # Lengths first, so that no two pairs of salt and purpose have the same bytes.
    start = hashlib.sha256(f"{len(salt)}:{salt}{len(purpose)}:{purpose}".encode())
    found: dict[str, int] = {}
    for unit in units:
        if unit not in found:
            digest = start.copy()
            digest.update(unit.encode("utf-8", "surrogatepass"))
            # 53 bits: more would round up to 1.
            found[unit] = int.from_bytes(digest.digest()[:8], "big") >> 11
    return np.fromiter((found[unit] for unit in units), np.float64, len(units)) / 2.0**53


def side_of(salt: str, units: Sequence[str], *, holdout: float) -> np.ndarray:
    """Return the side of each unit's rows, Python texts (n,): ``holdout`` for a share of ``holdout``, else ``train``.

    Example:
        >>> side_of("salt", ["anna", "bert"], holdout=0.5).tolist()
        ['train', 'holdout']
    """
    return np.where(positions(salt, "side", units) < holdout, HOLDOUT, TRAIN).astype(object)


def validation_mask(salt: str, units: Sequence[str], *, share: float) -> np.ndarray:
    """Return which rows of training tell when to stop, bool (n,); independent of the sides, by the same units.

    Example:
        >>> validation_mask("salt", [str(index) for index in range(10_000)], share=0.2).mean().round(2)
        np.float64(0.2)
    """
    return positions(salt, "validation", units) < share
