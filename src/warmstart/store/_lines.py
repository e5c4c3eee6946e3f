"""Lines of JSON that end with a digest, chained to the line before: a changed byte anywhere is found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from warmstart.basics import InputError, printable, shown

from ._storage import FORMAT


def seal(values: Mapping[str, Any], previous: str) -> tuple[bytes, str]:
    """Return a line of JSON that ends with a digest of itself and of what stands before it, and that digest.

    Args:
        values: Plain values by name; not empty.
        previous: Digest of the line before; of the first line, something that says where it belongs.

    Example:
        >>> line, digest = seal({"round": 1}, "a key")
        >>> unseal(line, "a key") == ({"round": 1}, digest)
        True
    """
    # Bytes are hashed, not values: two texts of one value, such as 1.0 and 1.00, differ.
    body = json.dumps(values, separators=(",", ":")).encode()[:-1]
    digest = _chained(body, previous)
    return body + _ending(digest), digest


def unseal(line: bytes, previous: str) -> tuple[dict[str, Any], str]:
    """Return the values and the digest of a line that :func:`seal` returned.

    Raises:
        ValueError: If it is another line, or stands behind another one; the reason as part of a sentence.
    """
    # The ending is compared as bytes, not parsed: JSON would also accept other spellings of the same digest.
    body = line[: -len(_ending("0" * 64))]
    digest = _chained(body, previous)
    if line != body + _ending(digest):
        raise ValueError("its digest does not match")
    values = json.loads((body + b"}").decode())  # a text: of bytes, the encoding would be guessed
    if not isinstance(values, dict):
        raise ValueError("it is no JSON object")
    return values, digest


def check_format(line: bytes, path: Path) -> None:
    """Raise an InputError if the first line of a file says that a later version has written it.

    Asked before the digest is compared, since a later version may compute that in another way.
    """
    try:
        found = json.loads(line)["format"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return  # damage, of which the digest says more
    if isinstance(found, int) and found > FORMAT:
        raise InputError(
            f"{printable(str(path))} has store format {shown(found)}, but this version of warmstart reads formats up "
            f"to {FORMAT}; read it with a newer version, or choose another directory."
        )


def _chained(body: bytes, previous: str) -> str:
    # What comes before has the same length in all lines of a file but the first, so the two parts cannot be confused.
    return hashlib.sha256(previous.encode() + body).hexdigest()


def _ending(digest: str) -> bytes:
    return f',"digest":"{digest}"}}\n'.encode()
