import numpy as np
import pyarrow.parquet as pq
import pytest

from arrivals import SOURCE, orders
from warmstart.basics import InputError
from warmstart.data import DataSource
from warmstart.retrain._arrivals import read_arrival, read_rows, write_arrival
from warmstart.retrain._rewrite import ColumnMap, forget_rows, map_columns, mapped_schema, read_column_map


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


def test_arrays_have_no_columns_to_map():
    draft = read_arrival((np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2), DataSource("x"))
    with pytest.raises(InputError, match="tables only"):
        mapped_schema(draft.schema, ColumnMap())
