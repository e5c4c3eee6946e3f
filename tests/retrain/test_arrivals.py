import numpy as np
import pyarrow.parquet as pq
import pytest

from arrivals import SOURCE, orders
from warmstart.basics import InputError
from warmstart.data import Targets
from warmstart.retrain._arrivals import read_arrival, read_rows, write_arrival

FIRST = orders()


def test_a_table_is_stored_with_types_and_read_back(tmp_path):
    draft = read_arrival(FIRST, SOURCE)
    write_arrival(draft, tmp_path / "a.parquet")
    stored = pq.read_schema(tmp_path / "a.parquet")
    assert {name: str(stored.field(name).type) for name in stored.names} == {
        "day": "double",
        "size": "double",
        "color": "string",
        "express": "bool",
        "__label__": "string",
        "__key__": "string",
        "__order__": "double",
    }
    samples = read_rows([tmp_path / "a.parquet"], draft.schema)
    assert draft.schema.classes == ("no", "yes")
    assert samples.labels.tolist() == (FIRST["bought"] == "yes").astype(int).tolist()
    assert samples.keys.tolist() == FIRST["id"].tolist()
    assert samples.inputs[:, 1].tolist() == FIRST["size"].tolist()
    assert samples.inputs[:, 2].tolist() == (FIRST["color"] == "red").astype(float).tolist()
    assert samples.encoding is not None
    assert samples.encoding.columns[2].values == ("blue", "red")


def test_the_same_content_has_one_digest_in_every_format(tmp_path):
    FIRST.to_csv(tmp_path / "a.csv", index=False)
    FIRST[FIRST.columns[::-1]].to_parquet(tmp_path / "b.parquet")
    first = read_arrival(tmp_path / "a.csv", SOURCE)
    again = read_arrival(tmp_path / "b.parquet", SOURCE, first.schema)
    other = read_arrival(FIRST.assign(size=FIRST["size"] + 1), SOURCE, first.schema)
    assert first.content == again.content != other.content
    assert (first.source, again.source) == ("a.csv", "b.parquet")
    assert first.units == again.units
    assert first.schema.targets is Targets.CLASSES


def test_what_does_not_fit_is_refused_whole():
    schema = read_arrival(FIRST, SOURCE).schema
    later = orders(first=100)
    with pytest.raises(InputError, match="lacks size, express"):
        read_arrival(later.drop(columns=["size", "express"]), SOURCE, schema)
    sizes = [*map(str, later["size"][:-2]), "big", "huge"]
    with pytest.raises(InputError, match=r"size \(number, not 'big' in row 39, row 40 \(2 rows\)\)"):
        read_arrival(later.assign(size=sizes), SOURCE, schema)
    labels = ["maybe", "never", "never", *later["bought"][3:]]
    with pytest.raises(InputError, match=r"2 new: 'maybe' \(1 row: row 1\), 'never' \(2 rows: row 2, row 3\)"):
        read_arrival(later.assign(bought=labels), SOURCE, schema)


def test_new_classes_grow_at_the_end():
    schema = read_arrival(FIRST, SOURCE).schema
    later = orders(first=100)
    labels = ["maybe", *later["bought"][1:]]
    grown = read_arrival(later.assign(bought=labels), SOURCE, schema, new_classes="grow").schema
    assert (grown.classes, grown.version) == (("no", "yes", "maybe"), 2)


def test_images_are_stored_byte_by_byte(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (12, 3, 5, 4)).astype(np.uint8)
    draft = read_arrival((images, np.arange(12) % 3), SOURCE.__class__("x"))
    write_arrival(draft, tmp_path / "a.parquet")
    samples = read_rows([tmp_path / "a.parquet"], draft.schema, rows=[np.array([1, 4])])
    assert np.array_equal(samples.inputs, images[[1, 4]])
    assert samples.labels.tolist() == [1, 1]
    assert samples.encoding is None
    with pytest.raises(InputError, match=r"uint8 of shape \(3, 5, 4\)"):
        read_arrival((images[:, :, :4], np.arange(12) % 3), SOURCE.__class__("x"), draft.schema)
