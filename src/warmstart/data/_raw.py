"""What every reader returns: labels as found, and inputs that are read once the rows are known.

Subset, classes and the checks that all formats share are applied to this, in one place.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from warmstart.basics import InputError

if TYPE_CHECKING:
    from ._arrays import SampleOrder
    from ._features import Features


@dataclass(frozen=True, eq=False)
class RawSplit:
    """The training or the test samples of one source, not yet decoded.

    Args:
        labels: (n,) of any kind: numbers, bools, text, None where one is missing.
        read: Maps row indices in ascending order to inputs as :class:`LabelledArrays` requires them.
        origin: Where the labels were found, as a phrase for messages.
        place: Maps a row index to where that sample is, as a phrase for messages.
        class_names: Names declared by the source, if labels are indices into them.
    """

    # Text as Python objects: in a NumPy array of fixed width every label would take as much memory as the longest.
    labels: np.ndarray
    read: Callable[[np.ndarray], np.ndarray]
    origin: str
    place: Callable[[int], str]
    class_names: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class RawData:
    """A source that has been found and inspected.

    Args:
        name: Name of the data set.
        train: Its training samples.
        test: Opens its official test samples; None if there are none.
        features: Returns what the columns of a table became; None if it is no table.
        order: Where the training samples stand in time, and which belong together.
        notes: Sentences on how the data were read.
        asks: Whether whole-number labels of many values are questioned: they may be values to predict.
    """

    name: str
    train: RawSplit
    test: Callable[[], RawSplit] | None = None
    features: Callable[[], Features] | None = None
    order: SampleOrder | None = None
    notes: tuple[str, ...] = ()
    asks: bool = False


@contextmanager
def reading(path: Path, form: str) -> Iterator[None]:
    """Turn whatever a third-party reader raises into one sentence about the file, which must be a regular file.

    Example:
        >>> with reading(Path("a.csv"), "csv"):
        ...     raise OSError("no such disk")
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: a.csv cannot be read as csv: no such disk.
    """
    check_regular_file(path, form)
    try:
        yield
    except InputError:
        raise
    except UnicodeDecodeError as error:
        raise InputError(f"{shown(path)} cannot be read as {form}: it contains text that is not UTF-8.") from error
    except Exception as error:  # damaged files make readers raise errors of a dozen types
        raise InputError(f"{shown(path)} cannot be read as {form}: {first_sentence(error)}.") from error


def check_regular_file(path: Path, form: str) -> None:
    """Raise unless the path leads to a regular file with content, or nowhere, which the reader reports better.

    Raises:
        InputError: Naming what the path is.

    Example:
        >>> check_regular_file(Path("/dev/null"), "csv")
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: /dev/null cannot be read as csv: it is a character device, not a ...
    """
    try:
        found = path.stat()
    except (OSError, ValueError):
        return
    # Opening a pipe or a device may block for ever.
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "special file")
        raise InputError(f"{shown(path)} cannot be read as {form}: it is a {kind}, not a regular file.")
    # That includes the kernel's files in /proc, whose reading may block as well.
    if found.st_size == 0:
        raise InputError(f"{shown(path)} cannot be read as {form}: empty {form} file.")


_KINDS = {
    stat.S_IFIFO: "named pipe",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
    stat.S_IFSOCK: "socket",
    stat.S_IFDIR: "folder",
}


def check_memory(needed: float, max_bytes: int, what: str) -> None:
    """Raise if reading something takes more memory than allowed.

    Args:
        needed: Bytes, estimated from what a file declares before anything of that size is read.
        max_bytes: The user's limit.
        what: What is to be read, as a phrase for the message.

    Raises:
        InputError: Naming the limit and how to raise it.

    Example:
        >>> check_memory(2**40, 2**32, "x in a.npz")
        Traceback (most recent call last):
        warmstart.basics._errors.InputError: max_bytes (--max-bytes) must be at least 1,099,511,627,776 for these data,
        since reading x in a.npz takes about that much memory, got 4,294,967,296.
    """
    if needed > max_bytes:
        raise InputError(
            f"max_bytes (--max-bytes) must be at least {int(needed):,} for these data, since reading {what} takes "
            f"about that much memory, got {max_bytes:,}."
        )


def first_sentence(error: BaseException) -> str:
    """Return the first sentence of an error's message, without a full stop, or its type if the message is empty.

    Example:
        >>> first_sentence(OSError("The hub is away. Come back later."))
        'The hub is away'
    """
    lines = str(error).strip().splitlines()
    return shown(lines[0].split(". ")[0].rstrip(" .:"), 300) if lines else type(error).__name__


def shown(value: object, length: int = 1000) -> str:
    r"""Return a value for a message: truncated if long, with unprintable characters escaped.

    Example:
        >>> shown("caf\udce9\n"), shown("x" * 50_000, 8)
        ('caf\\udce9\\n', 'xxxxxxxx...')
    """
    text = str(value)
    # Only the part that is shown is escaped, as a label can be megabytes long.
    kept = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[:length])
    return kept + ("..." if len(text) > length else "")


def is_displayable(text: str) -> bool:
    r"""Return whether text can be stored and printed, unlike a file name that is not UTF-8.

    Example:
        >>> is_displayable("café"), is_displayable("caf\udce9")
        (True, False)
    """
    # In such a name Python puts a lone surrogate for every byte that it cannot decode.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def natural_order(paths: Sequence[Path]) -> list[Path]:
    """Return files in the order of their names, numbers in them by value.

    Example:
        >>> [path.name for path in natural_order([Path("week10.csv"), Path("week9.csv")])]
        ['week9.csv', 'week10.csv']
    """

    def key(path: Path) -> list[tuple[int, str]]:
        parts: Iterator[str] = iter(re.split(r"(\d+)", path.name))
        return [(int(part) if part.isdecimal() else -1, part) for part in parts]

    return sorted(paths, key=key)
