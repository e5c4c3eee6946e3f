"""A new version of the schema: columns of all that is stored are renamed, dropped or filled."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warmstart.basics import InputError, StorageError, checked_path

from ._add import current_schema
from ._champion import LEFTOVERS, abandon_round, changing, erase_leftovers, repair
from ._ledger import ArrivalRow, Ledger, ModelRow, SchemaRow, now
from ._objects import (
    crash_point,
    draft_path,
    free_space_check,
    load_scores,
    object_path,
    save_scores,
    verify_object,
)
from ._rewrite import ColumnMap, column_map, map_columns, mapped_schema, read_column_map, store_rewritten
from ._schema import DROPPED, Schema
from ._words import counted


@dataclass(frozen=True)
class Migrated:
    """What a migration has changed.

    Attributes:
        version: Of the schema that arrivals must have from now on.
        columns: The features that they have.
        arrivals: Number of arrivals that were written anew.
        rows: Number of their rows.
        continues: Whether the next start may continue from a model; otherwise it is cold.
        notes: What a reader should know, one sentence each.
    """

    version: int
    columns: tuple[str, ...]
    arrivals: int
    rows: int
    continues: bool
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, fit for JSON."""
        return dataclasses.asdict(self)

    def lines(self) -> list[str]:
        """Return it as lines for a terminal."""
        first = f"Mapped {counted(self.arrivals, 'arrival')} with {counted(self.rows, 'row')}: schema {self.version}."
        return [first, f"  features: {', '.join(self.columns)}", *self.notes]


@dataclass(frozen=True)
class _Mapped:
    """An arrival with mapped columns: id, digest of its content and size of the new file."""

    arrival: ArrivalRow
    id: str
    content: str
    size: int


def migrate(directory: Path, mapping: str | Path | Mapping[str, Any]) -> Migrated:
    """Map the columns of all that is stored; see :meth:`Retrainer.migrate`.

    The new arrivals are durable before the one transaction that puts them in place of the old ones: a crash before it
    has changed nothing, and after one that comes later the next command erases the old ones.
    """
    if isinstance(mapping, Mapping):
        columns = column_map(mapping, place="the map")
    else:
        columns = read_column_map(checked_path("map", mapping))
    with changing(directory, "migrate") as (folder, ledger):
        schema = current_schema(ledger)
        if schema is None:
            raise InputError("There must be an arrival whose columns can be mapped: add one first.")
        if not (columns.rename or columns.drop or columns.fill):
            raise InputError("map (--map) must rename, drop or fill a column, got nothing.")
        new = mapped_schema(schema, columns)
        # Those that are excluded count no more, whatever their columns are.
        arrivals = ledger.accepted_arrivals()
        free_space_check(folder, sum(one.size for one in arrivals), "The migration")
        mapped: list[_Mapped] = []
        for arrival in arrivals:
            mapped.append(_map(folder, ledger, arrival, columns, schema, {one.id for one in mapped}))
            same = next((one for one in mapped[:-1] if one.content == mapped[-1].content), None)
            # Of rows with equal keys the later ones count; without keys they would count twice.
            if same is not None and schema.key is None:
                raise InputError(
                    f"Arrivals {same.arrival.number} and {arrival.number} must differ, but with these columns they "
                    "hold the same rows: keep a column, or leave one out with `warmstart retrain exclude "
                    f"{arrival.number}`."
                )
        for one in mapped:
            _keep_scores(folder, ledger, one)
        crash_point("arrivals mapped")
        _note(ledger, mapped, new, columns)
        crash_point("columns mapped")
        repair(folder, ledger)  # the pointer names the columns of the champion
        start, champion = ledger.lineage(), ledger.champion()
        known = {} if start is None else start.manifest
        continues = bool(known) and tuple(known["features"]) == new.names and new.holds_columns_of(known)
        notes = []
        if start is not None and not continues:
            notes.append("No model has these columns, so the next start is cold.")
        if champion is not None and not new.holds_columns_of(champion.manifest):
            notes.append(
                "The champion predicts data that have its own columns, until a model with the new ones passes."
            )
        erase_leftovers(folder, ledger)
    rows = sum(one.arrival.rows for one in mapped)
    return Migrated(new.version, new.names, len(mapped), rows, continues, tuple(notes))


def _map(
    folder: Path, ledger: Ledger, arrival: ArrivalRow, columns: ColumnMap, schema: Schema, taken: Collection[str]
) -> _Mapped:
    """Store an arrival with mapped columns beside the one that counts; ``taken`` are the ids of those before."""
    damage = verify_object(folder, "arrivals", arrival.id, size=arrival.size)
    if damage is not None:
        raise StorageError(
            f"Arrival {arrival.number} is {damage}, so nothing is mapped: restore its file from a backup, or leave it "
            f"out with `warmstart retrain exclude {arrival.number}`."
        )
    draft = draft_path(folder, f"map-{arrival.number}")
    try:
        content = map_columns(object_path(folder, "arrivals", arrival.id), columns, schema, draft)
        identity, size = store_rewritten(folder, ledger, draft, arrival.number, taken=taken)
    finally:
        draft.unlink(missing_ok=True)
    return _Mapped(arrival, identity, content, size)


def _note(ledger: Ledger, mapped: Sequence[_Mapped], new: Schema, columns: ColumnMap) -> None:
    """Put the mapped arrivals in place of those before, in one transaction with schema and models."""
    with ledger.transaction():
        abandon_round(ledger, "columns were mapped")
        ledger.insert(SchemaRow(new.version, new.to_dict(), now()))
        for one in mapped:
            values = {"id": one.id, "content": one.content, "size": one.size, "schema": new.version}
            ledger.change(ArrivalRow, one.arrival.id, **values)
        for model in ledger.models():
            manifest = _mapped_manifest(model.manifest, columns)
            if manifest is not None:
                ledger.change(ModelRow, model.id, manifest=manifest)
        dropped = {model.id for model in ledger.models() if model.manifest.get(DROPPED)}
        for audit in ledger.pending_audits():
            # It would wait for ever: what arrives from now on cannot be scored by both of its models.
            if {audit.arm_model, audit.cold_model} & dropped:
                ledger.end_audit(audit.round)
        parts = {"rename": dict(columns.rename), "drop": list(columns.drop), "fill": dict(columns.fill)}
        text = f"Schema {new.version}: the columns of {counted(len(mapped), 'arrival')} were mapped."
        ledger.set_config(LEFTOVERS, "migrate")
        ledger.add_event("migrate", text, **parts)


def _keep_scores(folder: Path, ledger: Ledger, one: _Mapped) -> None:
    """Let the scores of an arrival be those of the new file too: its rows and what models predict are the same.

    A model that needs a column that is dropped could not score them anew.
    """
    for model in ledger.models():
        scores = load_scores(folder, model.id, one.arrival.id, one.arrival.rows)
        if scores is not None:
            save_scores(folder, model.id, one.id, scores)


def _mapped_manifest(manifest: Mapping[str, Any], columns: ColumnMap) -> dict[str, Any] | None:
    """Return a model's manifest with new names of columns, or with those that are dropped; None where it stays.

    A model that has lost a column keeps its own ones for good: what is called so later is another column.
    """
    features = manifest.get("features") or ()
    if manifest.get(DROPPED) or not set(features) & {*columns.rename, *columns.drop}:
        return None
    if gone := [one for one in features if one in columns.drop]:
        return {**manifest, DROPPED: gone}
    preparation = dict(manifest.get("preparation") or {})
    if (encoding := preparation.get("encoding")) is not None:
        known = [{**one, "name": columns.rename.get(one["name"], one["name"])} for one in encoding["columns"]]
        preparation["encoding"] = {**encoding, "columns": known}
    return {**manifest, "features": [columns.rename.get(one, one) for one in features], "preparation": preparation}
