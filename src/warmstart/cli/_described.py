"""What flags need to know of option classes, read from their source: PyTorch, which they import, takes seconds."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path
from typing import NamedTuple

from warmstart.specs import argument_texts, spoken, without_markup

_ROOT = Path(__file__).parents[1]
_IMPORT = re.compile(r"^from (\.\w+|warmstart\.\w+) import (\([^)]*\)|[^\n]*)$", re.MULTILINE)
_PLAIN = {"int": "N", "float": "NUMBER", "str": "TEXT", "bool": "", "tuple[str, ...]": "LIST"}


class Described(NamedTuple):
    """An option of a class.

    Args:
        name: Of the field.
        values: What it takes, such as ``N|none`` or ``adam|sgd``.
        default: As typed; None where there is none, or where it is none.
        text: Its entry under ``Args:``.
    """

    name: str
    values: str
    default: str | None
    text: str


@functools.cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _init(room: str) -> Path:
    stub = _ROOT / room / "__init__.pyi"  # of the rooms whose names are imported when they are used
    return stub if stub.exists() else stub.with_suffix(".py")


@functools.cache
def _imports(path: Path) -> dict[str, Path]:
    """Return the modules that a module imports names from, as far as they are ours."""
    found: dict[str, Path] = {}
    for module, names in _IMPORT.findall(_text(path)):
        place = path.parent / f"{module[1:]}.py" if module.startswith(".") else _init(module.partition(".")[2])
        found |= {name.split(" as ")[0].strip(): place for name in names.strip("()").split(",") if name.strip()}
    return found


@functools.cache
def _found(path: Path, name: str) -> tuple[ast.stmt | None, Path]:
    """Return the statement that defines a name in a module, or where that imports it from, and the module.

    Of a class, only what stands before its first method: to parse whole files would take longer than all else.
    """
    if name in _imports(path):
        return _found(_imports(path)[name], name)
    text = _text(path)
    start = max(text.find(f"\n{form}") for form in (f"class {name}(", f"class {name}:", f"{name} = ", f"{name}, "))
    if start < 0:
        return None, path
    # Methods follow the fields, and a class or two blank lines follow a constant.
    ends = [text.find(end, start + 1) for end in ("\n    def ", "\n    @", "\n\n\n", "\nclass ")]
    return ast.parse(text[start : min((end for end in ends if end > 0), default=None)]).body[0], path


class Owner(NamedTuple):
    """A class that a room exports: its name in Python, and the first line of its docstring."""

    name: str
    summary: str


def exported(room: str, *bases: str) -> dict[str, Owner]:
    """Return what a room exports with one of these bases, by the name that people know it by."""
    names = [name for name in _imports(_init(room)) if name[0].isupper()]
    found = [part for name in names if isinstance(part := _found(_init(room), name)[0], ast.ClassDef)]
    bases_of = {part.name: {ast.unparse(base) for base in part.bases} for part in found}
    abstract = set(bases).union(
        *bases_of.values()
    )  # a class is abstract or final: what another derives from is no option
    related = set(bases)
    while more := {name for name, of_name in bases_of.items() if of_name & related} - related:
        related |= more
    named = [part for part in found if part.name in related - abstract]
    # A penalty that is bound to a round has no name, and a model of a user's has that of its function.
    named = [part for part in named if not any(ast.unparse(line).startswith("is_bound: ") for line in part.body)]
    named = [part for part in named if part.name != "UserModel"]
    summaries = {part.name: (ast.get_docstring(part) or "").split("\n")[0] for part in named}
    return {spoken(name): Owner(name, without_markup(summary)) for name, summary in summaries.items()}


def fields_of(room: str, name: str) -> list[Described]:
    """Return the options of a dataclass that a room exports."""
    owner, path = _found(_init(room), name)
    assert isinstance(owner, ast.ClassDef), "a dataclass"
    texts = argument_texts(ast.get_docstring(owner) or "")
    found: list[Described] = []
    for part in owner.body:
        if isinstance(part, ast.AnnAssign) and not ast.unparse(part.annotation).startswith("ClassVar"):
            field = ast.unparse(part.target)
            annotation, _, optional = ast.unparse(part.annotation).partition(" | ")
            if annotation == "KW_ONLY" or annotation.startswith("Mapping["):
                continue  # no option, or options of a user's own, which follow the name that they belong to
            values = _PLAIN.get(annotation, "NAME")
            if annotation == "bool" and optional:  # three values, of which a switch has but two
                values = "true|false"
            if annotation.isidentifier() and (members := _members(annotation, path)):
                values = "|".join(members.values())
            values += "|none" if optional.endswith("None") else ""
            found.append(Described(field, values, _typed(part.value, path), texts.get(field, "")))
    return found


def _members(enum: str, path: Path) -> dict[str, str]:
    owner, _ = _found(path, enum)
    if not isinstance(owner, ast.ClassDef) or "StrEnum" not in map(ast.unparse, owner.bases):
        return {}
    assigned = [part for part in owner.body if isinstance(part, ast.Assign)]
    return {ast.unparse(part.targets[0]): ast.literal_eval(part.value) for part in assigned}


def _typed(default: ast.expr | None, path: Path) -> str | None:
    """Return a default as it would be typed; None where there is none to show."""
    if isinstance(default, ast.Call):  # added_later(default), or an object
        return _typed(default.args[0], path) if default.args else spoken(ast.unparse(default.func))
    if isinstance(default, ast.Name):
        found, place = _found(path, default.id)
        if not isinstance(found, ast.Assign):
            return None
        names, values = (
            part.elts if isinstance(part, ast.Tuple) else [part] for part in (found.targets[0], found.value)
        )
        return _typed(dict(zip(map(ast.unparse, names), values, strict=True))[default.id], place)
    if isinstance(default, ast.Attribute):
        return _members(ast.unparse(default.value), path)[default.attr]
    if isinstance(default, ast.Constant):
        value = default.value
        return None if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    # An expression of numbers, such as 1 / 3 or 4 * 2**30: the first reads well as it is.
    text = None if default is None else ast.unparse(default).replace(" ", "")
    return str(eval(text)) if text and "*" in text else text


def named_datasets() -> list[str]:
    """Return the names of the data sets that are known."""
    return re.findall(r'NamedDataset\(\s*"([^"]+)"', _text(_ROOT / "data" / "_named.py"))
