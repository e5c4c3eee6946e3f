"""Specs as text: ``name:option=value``, with quotes and brackets around what holds a separator."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from typing import Any

from warmstart.basics import InputError, shown

_SPOKEN = {
    "res-net18": "resnet18",
    "res-net8": "resnet8",
    "conv-net": "convnet",
    "m-l-p": "mlp",
    "logistic-regression": "logistic",
    "e-w-c": "ewc",
}
_ENTRY = re.compile(r"    (\w+): (.*)")
# ``code`` and :class:`roles` of docstrings, as people read them in a terminal.
_MARKUP = re.compile(r":\w+:`~?\.?([^`]*)`|``([^`]*)``")
_OPENING, _CLOSING = "([{", ")]}"
# What would be read otherwise than it was meant: separators, quotes, brackets, and spaces at an end, which are cut off.
_NEEDS_QUOTES = re.compile(r"""[:,="'()\[\]{}\\\n\r]|^\s|\s$|^$""")
_MODULE, _OBJECT = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*"), re.compile(r"[^\W\d][\w.]*(<locals>[\w.]*)?")


class Literal(str):
    """A text that is spelled as it is meant already: in quotes, or as a Python literal in brackets."""

    __slots__ = ()


class Nested(dict[str, Any]):
    """The table of an object inside another one's options, with its ``name``."""


def kebab(name: str) -> str:
    """Return the spelling for people: words joined by hyphens.

    Example:
        >>> kebab("ShrinkPerturb"), kebab("arrival_size")
        ('shrink-perturb', 'arrival-size')
    """
    parts = ["-" + letter.lower() if letter.isupper() else letter for letter in name]
    return "".join(parts).strip("-").replace("_", "-")


def spoken(name: str) -> str:
    """Return the name by which people know a class.

    Example:
        >>> spoken("ResNet18"), spoken("EWC"), spoken("KeepLayers")
        ('resnet18', 'ewc', 'keep-layers')
    """
    typed = kebab(name)
    return _SPOKEN.get(typed, typed)


def split_outside(text: str, separator: str) -> list[str]:
    """Split a text at a separator, but not within double quotes or brackets; the parts are stripped.

    Example:
        >>> split_outside('cold, mine:sizes=[1,3]:note="a,b"', ",")
        ['cold', 'mine:sizes=[1,3]:note="a,b"']
    """
    # A scan by hand: the csv module knows no brackets, and a regular expression no nesting.
    parts, depth, quote, start = [], 0, "", 0
    letters = enumerate(text)
    for position, letter in letters:
        if quote:
            if letter == "\\":
                next(letters, None)  # what is escaped ends no quotes
            elif letter == quote:
                quote = ""
        elif letter == '"' or (
            letter == "'" and depth
        ):  # single quotes are of Python literals; it's else an apostrophe
            quote = letter
        elif letter in _OPENING:
            depth += 1
        elif letter in _CLOSING:
            depth = max(depth - 1, 0)
        elif letter == separator and not depth:
            parts.append(text[start:position].strip())
            start = position + 1
    return [*parts, text[start:].strip()]


def split_spec(text: str) -> tuple[str, dict[str, str]]:
    """Split a spec into its name, which may be ``module:Object``, and its options.

    Raises:
        InputError: If an option has no value, or two.

    Example:
        >>> split_spec("cold:scale=0.5")
        ('cold', {'scale': '0.5'})
        >>> split_spec("mine.rules:Half:query=mine.queries:Odd:rounds=3")
        ('mine.rules:Half', {'query': 'mine.queries:Odd', 'rounds': '3'})
    """
    name, *parts = split_outside(text, ":")
    options: dict[str, str] = {}
    last = ""
    for index, part in enumerate(parts):
        key, equals, value = part.partition("=")
        key, value = key.strip(), value.strip()
        is_object = not equals and bool(_OBJECT.fullmatch(part))
        # The colon of module:Object is that of options as well; a part without "=" after a module's name is its object.
        if index == 0 and is_object and _MODULE.fullmatch(name):
            name = f"{name}:{part}"
        elif last and is_object and _MODULE.fullmatch(options[last]):
            options[last] += f":{part}"
        elif key and value:
            last = check_once(key, options, f"'{shown(text)}'")
            options[last] = value
        else:
            raise InputError(f"Options follow a name as name:option=value, got '{shown(part)}' in '{shown(text)}'.")
    return name, options


def check_once(key: str, given: Mapping[str, Any], where: str) -> str:
    """Return an option's name in kebab case; raise if it is given already, in this spelling or another."""
    name = key.replace("_", "-")
    if name in given:
        raise InputError(f"{shown(name)} must be given once, got it twice in {where}.")
    return name


def format_spec(name: str, options: Mapping[str, Any]) -> str:
    """Return the spec of a name with options.

    Example:
        >>> format_spec("cold", {"scale": 0.5}), format_spec("mine", {"note": "a:b", "sizes": [1, 3]})
        ('cold:scale=0.5', 'mine:note="a:b":sizes=[1, 3]')
    """
    parts = [name]
    for key, value in options.items():
        if isinstance(value, Nested):
            inner = {f"{key}.{option}": part for option, part in value.items() if option != "name"}
            parts.append(format_spec(f"{kebab(key)}={as_text(value['name'])}", inner))
        else:
            parts.append(f"{kebab(key)}={as_text(value)}")
    return ":".join(parts)


def as_text(value: Any) -> str:
    """Return a plain value as a spec has it."""
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        short = f"{value:.12g}"
        return short if float(short) == value else repr(value)
    if isinstance(value, str) and not isinstance(value, Literal) and _NEEDS_QUOTES.search(value):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def without_markup(text: str) -> str:
    """Return a docstring's text as people read it in a terminal.

    Example:
        >>> without_markup("As ``cold``, see :func:`~warmstart.norm_matched`.")
        'As cold, see warmstart.norm_matched.'
    """
    return _MARKUP.sub(lambda found: found[1] or found[2], text)


def summary_of(owner: object) -> str:
    """Return the first line of a docstring, or nothing.

    Example:
        >>> summary_of(kebab)
        'Return the spelling for people: words joined by hyphens.'
    """
    return (inspect.getdoc(owner) or "").split("\n")[0]


def argument_texts(docstring: str) -> dict[str, str]:
    r"""Return what a docstring has under ``Args:``, by name, as people read it.

    Example:
        >>> argument_texts("Do it.\n\nArgs:\n    width: At least ``1``,\n        of a layer.\n")
        {'width': 'At least 1, of a layer.'}
    """
    entries: dict[str, str] = {}
    name = ""
    for line in docstring.partition("\nArgs:\n")[2].split("\n"):
        if line and not line.startswith(" "):
            break  # the next section
        if match := _ENTRY.fullmatch(line):
            name, entries[match[1]] = match[1], match[2]
        elif line.strip():
            entries[name] += f" {line.strip()}"
    return {name: without_markup(text) for name, text in entries.items()}
