"""What a room of the library exports, found by itself: what is added to it is measured from then on."""

import inspect
from types import ModuleType
from typing import Any


def kinds_of(room: ModuleType, base: type) -> list[Any]:
    """Return the classes that a room exports and that are not abstract, in the order of its exports.

    Args:
        room: A package of the library.
        base: What they are derived from.
    """
    classes = [value for value in vars(room).values() if inspect.isclass(value) and issubclass(value, base)]
    return [kind for kind in classes if not inspect.isabstract(kind)]
