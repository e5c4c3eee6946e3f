"""Adding to a project what has arrived: read, checked and stored whole, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from warmstart.basics import InputError, require, shown
from warmstart.data import TableRows, natural_order, open_rows, table_files

from ._arrivals import (
    AddResult,
    ArrivalDraft,
    check_arrivals,
    later_source,
    listed,
    marked,
    read_arrival,
    row_digests,
    with_classes,
    write_arrival,
)
from ._definition import source_of, targets_of
from ._ledger import ArrivalRow, Ledger, SampleRow, SchemaRow, now
from ._objects import crash_point, draft_path, file_digest, free_space_check, object_path, store_object
from ._schema import KEY, LABEL, Schema
from ._settings import Project
from ._sides import HOLDOUT, TRAIN, side_of
from ._words import counted

NEW_CLASSES = ("refuse", "grow")


def add(
    project: Project,
    ledger: Ledger,
    given: Any = None,
    *,
    each: bool = False,
    labels: Any = None,
    new_classes: str = "refuse",
) -> list[AddResult]:
    """Add what has arrived to a project, whose lock is held.

    The file is written, durable and renamed before the one transaction that makes it an arrival: a crash leaves at most
    an object that nothing refers to.

    Args:
        project: The project.
        ledger: Its ledger.
        given: A path, or whatever :func:`warmstart.data.as_dataset` takes.
        each: Whether each table of a folder, in natural order of the names, or each of several things in a list, is an
            arrival.
        labels: A table with the column of keys and that of labels, instead of ``given``: labels for rows that wait.
        new_classes: ``refuse`` labels that are none of the classes, or ``grow``.

    Raises:
        InputError: If something cannot be read, or does not fit the schema; it is then refused whole, while those
            before it were added.
        StorageError: If the disk is full or the folder cannot be written, or an arrival whose rows wait is damaged.
    """
    if new_classes not in NEW_CLASSES:
        raise InputError(f"new_classes (--new-classes) must be refuse or grow, got {shown(new_classes)}.")
    if labels is not None:
        if given is not None or each:
            raise InputError("labels (--labels) must be given alone, got data to add beside them.")
        return [_add_labels(project, ledger, labels, new_classes)]
    if not each:
        return [_add_one(project, ledger, given, new_classes)]
    found: list[AddResult] = []
    parts = _parts(given)
    for part in parts:
        try:
            found.append(_add_one(project, ledger, part, new_classes))
        except InputError as error:
            if not found:
                raise
            raise InputError(
                f"{str(error).rstrip('.')}; {len(found):,} of {len(parts):,} arrivals before it are added, and adding "
                "all of them again is safe."
            ) from error
    return found


def _parts(given: Any) -> Sequence[Any]:
    if not isinstance(given, (str, Path)):
        if isinstance(given, (list, tuple)) and given:
            is_paths = all(isinstance(one, (str, Path)) for one in given)
            return natural_order([Path(one) for one in given]) if is_paths else given
        raise InputError("With each (--each), data must be a folder of tables or a list of arrivals, got neither.")
    path = Path(given).expanduser()
    if not path.is_dir():
        return [given]
    files = table_files(path)[0].train
    if not files:
        raise InputError(f"With each (--each), {shown(path)} must contain tables, got none.")
    return files


def current_schema(ledger: Ledger) -> Schema | None:
    """Return the newest version of the schema; None before the first arrival."""
    row = ledger.schema()
    return None if row is None else Schema.from_dict(row.description)


def _add_one(project: Project, ledger: Ledger, given: Any, new_classes: str) -> AddResult:
    schema = current_schema(ledger)
    targets = targets_of(project) if schema is None else schema.targets
    try:
        draft = read_arrival(given, source_of(project), schema, targets=targets, new_classes=new_classes)
    except InputError as error:
        if schema is None and " column " in str(error).partition(" of ")[0]:
            # Typed wrong when the project was made, which nothing could know then.
            raise InputError(
                f"{error} The project's columns are named in {shown(project.directory)}/project.toml."
            ) from error
        raise
    return store_arrival(project, ledger, draft)


def store_arrival(project: Project, ledger: Ledger, draft: ArrivalDraft, *, is_wanted: bool = False) -> AddResult:
    """Store an arrival that was read, and note it in the ledger; one with the same content is stored once.

    Args:
        project: Whose.
        ledger: Its ledger.
        draft: The arrival.
        is_wanted: Whether it is stored even if another one has its content, as where its rows are known to wait.

    Raises:
        StorageError: If the disk is full or the folder cannot be written.
    """
    directory, content = project.directory, draft.content
    known = ledger.arrival_with_content(content)
    if known is not None and not is_wanted:
        return _known_result(ledger, draft, known)
    # Files are known by their content, so one that is wanted all the same must be a file of its own.
    own = replace(draft, table=marked(draft.table, ledger.next_arrival_number()))
    free_space_check(directory, draft.table.nbytes, "The arrival")
    path = draft_path(directory, "arrival")
    try:
        write_arrival(draft if known is None else own, path)
        crash_point("draft half written")
        identity = file_digest(path)
        # Of an arrival that was rewritten the content is still what was added, but its file may be this one.
        if (known := ledger.arrival(identity)) is not None:
            if not is_wanted:
                return _known_result(ledger, draft, known)
            write_arrival(own, path)
            identity = file_digest(path)
        size = path.stat().st_size
        store_object(directory, "arrivals", path, identity)
    finally:
        path.unlink(missing_ok=True)
    number = ledger.next_arrival_number()
    with ledger.transaction():
        samples = _samples(ledger, draft, number, holdout=project.settings.holdout)
        labelled = sum(one.label is not None for one in samples)
        current = current_schema(ledger)
        if current is None or current.version < draft.schema.version:
            ledger.insert(SchemaRow(draft.schema.version, draft.schema.to_dict(), now()))
        note = " ".join(draft.notes)
        ledger.insert(
            ArrivalRow(
                *(
                    identity,
                    number,
                    "accepted",
                    content,
                    draft.source,
                    len(draft),
                    labelled,
                    draft.schema.version,
                    size,
                ),
                *(now(), note),
            )
        )
        ledger.add_samples(samples)
        superseded = 0 if draft.schema.key is None else ledger.supersede(number)
        counts = {"arrival": number, "rows": len(draft), "duplicates": draft.duplicates}
        ledger.add_event("add", f"Arrival {number} was added: {len(draft):,} rows.", **counts)
    held_out = sum(one.side == HOLDOUT for one in samples)
    return AddResult(
        *(
            number,
            identity,
            "accepted",
            True,
            draft.source,
            len(draft),
            labelled,
            held_out,
            draft.duplicates,
            superseded,
        ),
        draft.notes,
    )


def _known_result(ledger: Ledger, draft: ArrivalDraft, known: ArrivalRow) -> AddResult:
    note = f"{draft.source} has the content of arrival {known.number} ({known.source}, {known.state}): not added again."
    # Not added even so: a job that adds a whole folder every night would put the older version on top every night.
    newer = ledger.superseding(known.number) if known.state == "accepted" else ()
    if newer:
        rows, later = counted(sum(newer.values()), "row"), listed([str(one) for one in newer])
        note += (
            f" Of {rows} in it later versions count, of arrival {later}: exclude what brought the wrong ones "
            "(warmstart retrain exclude) to return to these."
        )
    return AddResult(
        known.number, known.id, known.state, False, draft.source, known.rows, known.labelled, notes=(note,)
    )


def _samples(ledger: Ledger, draft: ArrivalDraft, number: int, *, holdout: float) -> list[SampleRow]:
    """Return the ledger's rows of an arrival with their sides."""
    units, labels, keys = draft.units, draft.labels, draft.keys
    sides = side_of(ledger.salt, units, holdout=holdout).tolist()
    known = [key for key in keys if key is not None]
    # What a model has seen cannot judge it: that includes earlier versions of the same row.
    trained = {one.key for one in ledger.versions(known) if one.joined is not None} if known else set()
    samples = []
    for row, (key, unit, side, label) in enumerate(zip(keys, units, sides, labels, strict=True)):
        side = None if label is None else TRAIN if key in trained else side
        # A row without a key has no versions, so its key must be like no other.
        samples.append(SampleRow(number, row, f"{number}/{row}" if key is None else key, unit, side, label))
    return samples


def _given_labels(
    project: Project, schema: Schema, given: Any, new_classes: str
) -> tuple[dict[str, Any], Schema, list[str], str]:
    """Return the labels in a table by key, the schema with new classes, notes, and what the table is called."""
    key_column, label = schema.key, schema.label
    assert key_column, "checked by the caller"
    assert label, "checked by the caller"
    source = replace(later_source(source_of(project), schema), group=None, order=None)
    rows = open_rows(given, source, targets=schema.targets, as_table=True)
    if not isinstance(rows, TableRows):
        raise InputError(f"labels (--labels) must be a table with the columns {key_column} and {label}.")
    rows.check_names([key_column, label])
    found = rows.labels(source, schema.targets, known=schema.classes)
    schema = with_classes(found.values, found.are_missing, schema, rows, new_classes)
    keys, wanted = rows.texts(key_column).tolist(), dict[str, Any]()
    contradicting: dict[str, None] = {}
    left_out = 0
    for key, label, is_missing in zip(keys, found.values.tolist(), found.are_missing, strict=True):
        if key is None or is_missing:
            left_out += 1
        elif wanted.setdefault(key, label) != label:
            contradicting[key] = None
    name = rows.table.file
    if contradicting:
        raise InputError(
            f"Labels of one key must be equal, but {name} has several for {len(contradicting):,} keys: "
            f"{listed(list(contradicting))}."
        )
    notes = [*rows.notes, *found.notes]
    if left_out:
        notes.append(f"{left_out:,} of {len(rows):,} rows of {name} have no key or no label and are left out.")
    return wanted, schema, notes, name


def _waiting_table(directory: Path, ledger: Ledger, waiting: Sequence[SampleRow]) -> Any:
    """Return the stored rows that wait, by arrival and row, as one arrow table."""
    arrow, parquet = (require(one, extra="data", purpose="Storing arrivals") for one in ("pyarrow", "pyarrow.parquet"))
    places: dict[int, list[int]] = {}
    for one in waiting:
        places.setdefault(one.arrival, []).append(one.row)
    tables = []
    for number, rows in places.items():
        arrival = ledger.arrival(number)
        assert arrival is not None, "rows belong to an arrival"
        check_arrivals(directory, [arrival])
        stored = parquet.read_table(object_path(directory, "arrivals", arrival.id), partitioning=None)
        tables.append(stored.take(arrow.array(rows)))
    return arrow.concat_tables(tables)


def _add_labels(project: Project, ledger: Ledger, given: Any, new_classes: str) -> AddResult:
    """Make an arrival of the rows that have waited for the labels that are given."""
    schema = current_schema(ledger)
    if schema is None or schema.key is None or schema.label is None:
        raise InputError(
            "labels (--labels) can be added where rows have keys: the project needs key (--key) and an arrival."
        )
    wanted, schema, notes, name = _given_labels(project, schema, given, new_classes)
    newest = {one.key: one for one in ledger.versions(wanted) if one.superseded_by is None}
    excluded = {one.number for one in ledger.select(ArrivalRow, "WHERE state NOT IN ('accepted', 'rewritten')")}
    newest = {key: one for key, one in newest.items() if one.arrival not in excluded}
    unknown = [key for key in wanted if key not in newest]
    texts = wanted if schema.classes else {key: repr(value) for key, value in wanted.items()}
    conflicts = [key for key, one in newest.items() if one.label not in (None, texts[key])]
    if conflicts:
        raise InputError(
            f"Labels must not contradict those that rows have, but {len(conflicts):,} of {name} do: "
            f"{listed(conflicts)}; to correct them, add the whole rows again."
        )
    waiting = sorted((one for one in newest.values() if one.label is None), key=lambda one: (one.arrival, one.row))
    if unknown:
        notes.append(f"{len(unknown):,} of {len(wanted):,} keys of {name} are unknown: {listed(unknown)}.")
    known = len(wanted) - len(unknown) - len(waiting)
    if known:
        notes.append(f"{known:,} of {len(wanted):,} rows have these labels already.")
    if not waiting:
        if not known:
            raise InputError(f"No row waits for the labels of {name}: {' '.join(notes)}")
        return AddResult(0, "", "accepted", False, name, 0, 0, notes=tuple(notes))
    table = _waiting_table(project.directory, ledger, waiting)
    arrow = require("pyarrow", extra="data", purpose="Storing arrivals")
    column = table.schema.get_field_index(LABEL)
    values = [wanted[key] for key in table.column(KEY).to_pylist()]
    table = table.set_column(column, LABEL, arrow.array(values, table.schema.field(column).type))
    table = table.replace_schema_metadata(None)  # the mark of an arrival that they come from is not theirs
    draft = ArrivalDraft(table, schema, name, tuple(row_digests(table, schema.feature_columns)), notes=tuple(notes))
    # Rows and labels together may be what an earlier arrival was, which these rows have superseded.
    return store_arrival(project, ledger, draft, is_wanted=True)
