"""The fingerprint of data whose items can be anything."""

from __future__ import annotations

import dataclasses
import hashlib
import pickle
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from warmstart.basics import InputError, reason_of

FINGERPRINT_SECONDS = 300
_WAY_OUT = "give the data set an attribute fingerprint, a text that changes with its content"


def fingerprint_of(
    parts: Iterable[tuple[Any, np.ndarray | None]], *, name: str = "own data", given: str | None = None
) -> str:
    """Return SHA-256 in hex over data sets of any items, each read once and not kept.

    A data set with an attribute ``_fingerprint`` or ``fingerprint`` is not read, that text stands for its items.

    Args:
        parts: Each data set with the rows that count; None: all.
        name: Of the data, for messages.
        given: Text that stands for the items of all parts; None: there is none.

    Raises:
        InputError: If an item cannot be read or pickled or changes, or all take longer than 300 seconds.

    Example:
        >>> fingerprint_of([([1, 2], None)]) == fingerprint_of([([0, 1, 2], np.array([1, 2]))])
        True
    """
    digest = hashlib.sha256()
    deadline = time.monotonic() + FINGERPRINT_SECONDS
    for part, rows in parts:
        indices = range(len(part)) if rows is None else rows.tolist()
        found = (getattr(part, key, None) for key in ("_fingerprint", "fingerprint"))
        declared = given or next((text for text in found if isinstance(text, str) and text), None)
        digest.update(f"part of {len(indices)};".encode())
        if declared is not None:
            _add(digest, [declared, rows])
            continue
        for done, index in enumerate(indices):
            item = _item_digest(name, part, index)
            # Otherwise random augmentations would make the data others in every process, and no trial could resume.
            if done == 0 and _item_digest(name, part, index) != item:
                raise InputError(
                    f"Items must be the same whenever they are read, but item {index} of {name} is not: let the "
                    f"learner draw random changes, or {_WAY_OUT}."
                )
            digest.update(item)
            if time.monotonic() > deadline:
                raise InputError(
                    f"All items of {name} must be read within {FINGERPRINT_SECONDS} seconds for its fingerprint, got "
                    f"{done + 1:,} of {len(indices):,}: {_WAY_OUT}."
                )
    return digest.hexdigest()


def _item_digest(name: str, part: Any, index: int) -> bytes:
    digest = hashlib.sha256()
    try:
        item = part[index]
    except Exception as error:  # whatever the user's class does
        raise InputError(f"Item {index} of {name} cannot be read: {reason_of(error)}.") from error
    try:
        _add(digest, item)
    except Exception as error:  # unpicklable, or nested without end
        raise InputError(
            f"Items must consist of arrays, numbers, text, or what can be pickled, but item {index} of {name} does not "
            f"({reason_of(error)}): {_WAY_OUT}."
        ) from error
    return digest.digest()


def _add(digest: Any, value: Any) -> None:
    """Add a value to a digest by content; each begins with its kind and size, so that no two share their bytes."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        tensor = value.detach().cpu().to_dense().resolve_conj().resolve_neg().contiguous()
        # As bytes, since NumPy has no bfloat16.
        content = tensor.reshape(-1).view(torch.uint8).numpy().tobytes()
        digest.update(f"tensor {tensor.dtype} {tuple(tensor.shape)};".encode() + content)
    elif isinstance(value, (np.ndarray, np.generic)) and not value.dtype.hasobject:
        digest.update(f"array {value.dtype} {value.shape};".encode() + value.tobytes())
    elif value is None or isinstance(value, (bool, int, float, complex)):
        digest.update(f"{type(value).__name__} {value!r};".encode())
    elif isinstance(value, (str, bytes)):
        content = value.encode(errors="surrogatepass") if isinstance(value, str) else value
        digest.update(f"{'text' if isinstance(value, str) else 'bytes'} {len(content)};".encode() + content)
    elif isinstance(value, (list, tuple)):
        digest.update(f"{'tuple' if isinstance(value, tuple) else 'list'} {len(value)};".encode())
        for part in value:
            _add(digest, part)
    elif isinstance(value, np.ndarray):
        digest.update(b"objects;")
        _add(digest, [value.shape, value.ravel().tolist()])
    elif isinstance(value, Mapping):
        digest.update(b"mapping;")
        # Equal dicts may differ in the order of their keys.
        _add(digest, sorted(value.items(), key=lambda item: repr(item[0])))
    elif isinstance(value, (set, frozenset)):
        digest.update(b"set;")
        parts = [hashlib.sha256() for _ in value]
        for part, element in zip(parts, value, strict=True):
            _add(part, element)
        # Python orders texts in a set anew in every process.
        _add(digest, sorted(part.digest() for part in parts))
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        digest.update(b"dataclass;")
        fields = {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
        _add(digest, [type(value).__qualname__, fields])
    else:
        digest.update(b"pickle;")
        # A fixed protocol: Python's default changes with its version.
        _add(digest, pickle.dumps(value, protocol=4))
