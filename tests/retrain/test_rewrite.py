import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from arrivals import SOURCE, orders
from warmstart.basics import InputError
from warmstart.data import DataSource
from warmstart.retrain._arrivals import ROLES, read_arrival, read_rows, write_arrival
from warmstart.retrain._rewrite import ColumnMap, column_map, forget_rows, map_columns, mapped_schema, read_column_map


@pytest.fixture
def stored(tmp_path):
    draft = read_arrival(orders(30), SOURCE)
    path = tmp_path / "a.parquet"
    write_arrival(draft, path)
    return path, draft


def test_forgotten_rows_leave_no_trace(tmp_path):
    # Keys that are the least and the greatest, and a category of one row: they would stand in statistics.
    keys = ["aaa-gone", *[f"o{row}" for row in range(28)], "zzz-gone"]
    colors = ["crimson-gone", *["blue", "red"] * 14, "red"]
    frame = orders(30).assign(id=keys, color=colors)
    path, left = tmp_path / "a.parquet", tmp_path / "b.parquet"
    draft = read_arrival(frame, SOURCE)
    write_arrival(draft, path)
    assert forget_rows(path, {"aaa-gone", "zzz-gone", "unknown"}, left) == list(range(1, 29))
    samples = read_rows([left], draft.schema)
    assert samples.keys.tolist() == keys[1:-1]
    assert np.array_equal(samples.inputs[:, 1], frame["size"][1:-1])
    plain = tmp_path / "plain.parquet"
    pq.write_table(pq.read_table(left), plain, compression="none")
    metadata = str(pq.ParquetFile(left).metadata.to_dict())
    assert b"gone" not in plain.read_bytes() + left.read_bytes()
    assert "gone" not in metadata
    assert "gone" in str(pq.ParquetFile(path).metadata.to_dict())


def test_nothing_is_written_where_no_row_or_every_row_is_forgotten(stored, tmp_path):
    path, draft = stored
    assert forget_rows(path, ["unknown"], tmp_path / "b.parquet") == list(range(30))
    assert forget_rows(path, draft.keys, tmp_path / "b.parquet") == []
    assert not (tmp_path / "b.parquet").exists()


def test_columns_are_mapped_for_old_and_new_arrivals(stored, tmp_path):
    path, draft = stored
    toml = tmp_path / "map.toml"
    toml.write_text('drop = ["express"]\n[rename]\nsize = "area"\nid = "number"\n[fill]\ncountry = "de"\ntax = "?"\n')
    columns = read_column_map(toml)
    assert columns == ColumnMap({"size": "area", "id": "number"}, ("express",), {"country": "de", "tax": None})
    schema = mapped_schema(draft.schema, columns)
    content = map_columns(path, columns, draft.schema, tmp_path / "b.parquet")
    renamed = orders(30).drop(columns="express").rename(columns={"size": "area", "id": "number"})
    again = read_arrival(renamed.assign(country="de", tax=np.nan), SOURCE, schema)
    assert again.content == content != draft.content
    assert (schema.version, schema.key, schema.names) == (2, "number", ("day", "area", "color", "country", "tax"))
    later = orders(20, first=100).drop(columns="express").rename(columns={"size": "area", "id": "number"})
    later = later.assign(country="fr", tax=0.2)
    write_arrival(read_arrival(later, SOURCE, schema), tmp_path / "c.parquet")
    samples = read_rows([tmp_path / "b.parquet", tmp_path / "c.parquet"], schema)
    assert samples.encoding.columns[3].values == ("de", "fr")
    assert np.isnan(samples.inputs[:30, 4]).all()
    assert (samples.inputs[30:, 4] == 0.2).all()
    assert samples.inputs[:30, 1].tolist() == orders(30)["size"].tolist()
    with pytest.raises(InputError, match="lacks area, number"):
        read_arrival(later.rename(columns={"area": "size", "number": "id"}), SOURCE, schema)
    # What is dropped may still come, without a note.
    assert read_arrival(later.assign(express=True), SOURCE, schema).notes == ()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (ColumnMap({"sise": "area"}), "did you mean 'size'"),
        (ColumnMap(drop=("bought",)), "must not contain 'bought'"),
        (ColumnMap(fill={"size": 1.0}), "several called size"),
        (ColumnMap({"size": "color"}), "several called color"),
        (ColumnMap(drop=("size", "color", "express")), "which has a role"),
    ],
)
def test_a_map_that_does_not_fit_is_refused(stored, columns, message):
    if len(columns.drop) == 3:
        columns = ColumnMap(drop=(*columns.drop, "day"))
    with pytest.raises(InputError, match=message):
        mapped_schema(stored[1].schema, columns)


@pytest.mark.parametrize(
    ("text", "message"), [("[renam]", "Unknown table"), ("rename = 1", "must be a table"), ("[", "cannot be read")]
)
def test_a_file_that_is_no_map_is_refused(tmp_path, text, message):
    (tmp_path / "map.toml").write_text(text)
    with pytest.raises(InputError, match=message):
        read_column_map(tmp_path / "map.toml")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        *(({"rename": {"size": name}}, "rename of the map must give each column a name") for name in ("", " ")),
        *(({"rename": {"size": name}}, f"got '{name}': choose another name") for name in ROLES),
        *(({"fill": {name: 1.0}}, f"fill of the map must .* got '{name}': choose") for name in ("", *ROLES)),
        ({"rename": {"id": "__label__"}}, "got '__label__'"),
        ({"rename": {"bought": "__key__"}}, "got '__key__'"),
        ({"rename": {"size": 5}}, "must hold names"),
        ({"rename": {5: "size"}}, "must hold names"),
        ({"fill": {5: 1.0}}, "must hold names"),
        ({"fill": {"tax": [1.0]}}, "must hold names, and values to fill in"),
        ({"fill": {"tax": "\ud800"}}, "must hold names, and values to fill in"),
        ({"rename": {"size": "\udc80"}}, "must hold names, and values to fill in"),
        *(
            ({"fill": {"tax": value}}, "fill of the map must hold finite 32-bit numbers, but 'tax' is")
            for value in (math.inf, -math.inf, 1e39, 10**400, -(10**39))
        ),
        *(
            ({"fill": {"country": value}}, "texts .* that mark no missing cell, but 'country' is")
            for value in ("", "  ", "NA", "n/a", " de")
        ),
    ],
)
def test_names_and_values_that_no_arrival_could_have_are_refused(parts, message):
    with pytest.raises(InputError, match=message):
        column_map(parts, place="the map")


@pytest.mark.parametrize("value", [10**30, 2**53 + 1, 2**63, -7, 0.5, "?", math.nan, None, True, "unknown"])
def test_what_is_filled_in_is_what_a_table_with_it_has(stored, tmp_path, value):
    path, draft = stored
    columns = column_map({"fill": {"tax": value}, "rename": {"size": "__size__"}}, place="the map")
    schema = mapped_schema(draft.schema, columns)
    content = map_columns(path, columns, draft.schema, tmp_path / "b.parquet")
    column = pd.Series([np.nan if value in ("?", None) else value] * 30)
    frame = orders(30).rename(columns={"size": "__size__"}).assign(tax=column if value != 10**30 else 1e30)
    assert read_arrival(frame, SOURCE, schema).content == content


@pytest.mark.parametrize("value", [0.5, True, None, 2**63, "red"])
def test_where_all_features_are_whole_numbers_others_are_filled_in_with_them_alone(stored, value):
    whole = replace(stored[1].schema, dtype="int64")
    with pytest.raises(InputError, match="must be whole numbers of 64 bits"):
        mapped_schema(whole, column_map({"fill": {"tax": value}}, place="the map"))
    assert mapped_schema(whole, ColumnMap(fill={"tax": 2**63 - 1})).names[-1] == "tax"


def test_nothing_missing_is_filled_in_where_it_is_refused(stored):
    with pytest.raises(InputError, match=r"missing \(--missing\) of this project is refuse, but 'tax' is missing"):
        mapped_schema(replace(stored[1].schema, fills=False), ColumnMap(fill={"tax": None}))


def test_arrays_have_no_columns_to_map():
    draft = read_arrival((np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2), DataSource("x"))
    with pytest.raises(InputError, match="tables only"):
        mapped_schema(draft.schema, ColumnMap())
