"""What people bring: files that were written otherwise than the first one, damaged, or hardly there."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from arrivals import SOURCE, orders
from warmstart.basics import InputError
from warmstart.data import DataSource, Targets
from warmstart.retrain._arrivals import read_arrival, read_rows, write_arrival

ELECTRICITY = Path(__file__).parents[2] / "../shared/data/electricity/electricity.parquet"


@pytest.fixture(scope="module")
def first():
    return read_arrival(orders(), SOURCE)


def read(tmp_path, *drafts, **options):
    for index, draft in enumerate(drafts):
        write_arrival(draft, tmp_path / f"{index}.parquet")
    return read_rows([tmp_path / f"{index}.parquet" for index in range(len(drafts))], drafts[-1].schema, **options)


def test_a_later_file_may_be_written_otherwise(first, tmp_path):
    path = tmp_path / "a.csv"
    frame = orders()[["bought", "express", "color", "size", "day", "id"]]
    texts = frame.assign(size=[str(one).replace(".", ",") for one in frame["size"]])
    texts["express"] = ["yes" if one else "no" for one in frame["express"]]
    texts.to_csv(path, sep=";", index=False)
    again = read_arrival(path, SOURCE, first.schema)
    assert again.content == first.content
    assert again.notes == ("a.csv read with separator ';'.", "Numbers in a.csv read with a decimal comma.")


@pytest.mark.parametrize(
    "made", [pd.DataFrame, pa.Table.from_pandas, lambda frame: pytest.importorskip("polars").from_pandas(frame)]
)
def test_frames_of_every_library_have_one_content(first, made):
    assert read_arrival(made(orders()), SOURCE, first.schema).content == first.content


def test_gaps_and_categories_that_come_later_are_kept(first, tmp_path):
    frame = orders(first=100, colors=("green", "red"))
    frame.loc[3, ["size", "color"]] = None
    later = read_arrival(frame, SOURCE, first.schema)
    samples = read(tmp_path, first, later)
    old = samples.take(samples.arrivals == 0).fitted().encoding
    new = samples.fitted().encoding
    assert (old.columns[2].values, new.columns[2].values) == (("blue", "red"), ("blue", "green", "red"))
    assert [one.has_missing for one in old.columns] == [False] * 4
    assert [one.has_missing for one in new.columns] == [False, True, True, False]
    known = read(tmp_path, first, later, encoding=old).take(samples.arrivals == 1)
    expected = [
        np.nan if one is None else {"red": 1.0, "green": 2.0}[one] for one in frame["color"].replace({np.nan: None})
    ]
    assert known.inputs[:, 2] == pytest.approx(expected, nan_ok=True)
    assert old.fitted(samples.take(samples.arrivals == 0).under(old).inputs).encode(known.inputs).shape == (
        40,
        old.width,
    )


def test_numbers_stored_as_text_are_numbers(first):
    frame = orders().assign(size=[f" {one}" for one in orders()["size"]])
    assert read_arrival(frame, SOURCE, first.schema).content == first.content


def test_dates_as_text_keep_the_reading_of_the_first(tmp_path):
    days = [f"{day:02d}.03.2024" for day in range(1, 31)]
    source = replace(SOURCE, order="day")
    one = read_arrival(orders(30).assign(day=days), source)
    later = read_arrival(orders(30, first=50).assign(day=days[:12] * 2 + days[:6]), source, one.schema)
    assert later.table.column("day").to_pylist() == sorted(later.table.column("day").to_pylist())
    assert later.table.column("day")[0].as_py() == 19783.0  # 1 March 2024, not 3 January
    with pytest.raises(
        InputError,
        match=r"day \(time, not '2024-03-01' in row 1 \(30 rows\)|day \(time, not '2024-03-01' in row 1, row 2",
    ):
        read_arrival(orders(30).assign(day=[f"2024-03-{day:02d}" for day in range(1, 31)]), source, one.schema)


@pytest.mark.parametrize("tidy", [False, True])
def test_labels_in_another_case_are_new_unless_tidied(first, tidy):
    frame = orders(first=100)
    frame["bought"] = frame["bought"].str.title()
    source = replace(SOURCE, tidy_labels=tidy)
    if not tidy:
        with pytest.raises(InputError, match=r"2 new: .*--new-classes grow adds them, and tidy_labels"):
            read_arrival(frame, source, first.schema)
        return
    assert set(read_arrival(frame, source, first.schema).labels) == {"no", "yes"}


@pytest.mark.parametrize("values", [[0, 1], [0.0, 1.0], ["0", "1"], ["0.0", "1.0"]])
def test_whole_numbers_are_the_same_classes_however_they_are_stored(values, tmp_path):
    one = read_arrival(orders().assign(bought=np.arange(40) % 2), SOURCE)
    path = tmp_path / "a.csv"
    later = orders(first=100).assign(bought=[values[row % 2] for row in range(40)])
    later.to_csv(path, index=False)
    assert one.schema.classes == ("0", "1")
    for given in (later, path) if not isinstance(values[0], str) else (path,):
        assert read_arrival(given, SOURCE, one.schema).labels == ["0", "1"] * 20


def test_texts_that_look_like_numbers_stay_the_classes_that_they_were(tmp_path):
    one = read_arrival(orders().assign(bought=["01", "x"] * 20), SOURCE)
    later = orders(first=100).assign(bought=["01"] * 40)
    later.to_csv(tmp_path / "a.csv", index=False)
    assert read_arrival(tmp_path / "a.csv", SOURCE, one.schema).labels == ["01"] * 40


def test_spaces_around_a_label_are_no_new_class(tmp_path):
    frame = orders().assign(bought=[" no", "yes"] * 20)
    one = read_arrival(frame, SOURCE)
    frame.to_csv(tmp_path / "a.csv", index=False)
    assert one.schema.classes == (" no", "yes")
    assert read_arrival(tmp_path / "a.csv", SOURCE, one.schema).content == one.content


def test_values_to_predict_are_stored_as_numbers(tmp_path):
    frame = orders().assign(bought=np.arange(40) / 8)
    one = read_arrival(frame, SOURCE, targets=Targets.VALUES)
    later = read_arrival(orders(first=100).assign(bought=[*np.arange(39.0), None]), SOURCE, one.schema)
    samples = read(tmp_path, one, later)
    assert samples.labels[:40].tolist() == (np.arange(40) / 8).tolist()
    assert samples.are_labelled.sum() == 79
    with pytest.raises(InputError, match="Targets must be finite 32-bit numbers"):
        read_arrival(orders(first=100), SOURCE, one.schema)


def test_classes_refuse_values(first):
    with pytest.raises(InputError, match="Labels must be classes"):
        read_arrival(orders(first=100).assign(bought=np.arange(40) / 8), SOURCE, first.schema)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty csv file"),
        (b"\n\n", "a.csv"),
        (b"id,day,size,color,express,bought\n", "There must be rows to add, but a.csv contains none"),
        (b"\x00\x01\x02\xff" * 40, "a.csv"),
    ],
)
@pytest.mark.parametrize("is_first", [True, False])
def test_files_without_rows_are_refused(first, tmp_path, content, message, is_first):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_arrival(path, SOURCE, None if is_first else first.schema)


def test_the_first_arrival_needs_classes_a_later_one_does_not(first):
    one_class = orders(first=100).assign(bought="yes")
    with pytest.raises(InputError, match="at least two classes"):
        read_arrival(one_class, SOURCE)
    with pytest.raises(InputError, match="The first arrival must have labels"):
        read_arrival(one_class.assign(bought=None), SOURCE)
    assert set(read_arrival(one_class, SOURCE, first.schema).labels) == {"yes"}


def test_a_file_without_a_label_column_waits(first):
    later = read_arrival(orders(first=100).drop(columns="bought"), SOURCE, first.schema)
    assert later.labels == [None] * 40
    assert "all 40 rows wait" in later.notes[0]
    source = replace(SOURCE, key=None)
    keyless = read_arrival(orders().drop(columns="id"), source)
    with pytest.raises(InputError, match="without key"):
        read_arrival(orders().drop(columns=["id", "bought"]), source, keyless.schema)


def test_rows_without_a_key_are_like_no_other(first):
    frame = pd.concat([orders(3, first=100)] * 2, ignore_index=True)
    frame["id"] = [None, None, "a", None, None, "a"]
    later = read_arrival(frame, SOURCE, first.schema)
    assert (len(later), later.duplicates) == (5, 1)
    assert later.keys.count(None) == 4
    assert len(set(later.units)) == 3
    assert any("4 rows have no 'id', the first of them row 1" in note for note in later.notes)


def test_of_equal_keys_the_last_by_order_counts(first):
    frame = orders(3, first=100).assign(id="same", size=[1.0, 2.0, 3.0]).iloc[[2, 0, 1]]
    later = read_arrival(frame, SOURCE, first.schema)
    assert later.table.column("size").to_pylist() == [3.0]
    assert "2 of 3 rows dropped, 1 of them with different contents" in later.notes[0]


@pytest.mark.parametrize("keys", [[2**62 + 1, 2**62 + 2], [str(2**80), str(2**80 + 1)], [2**80, 2**80 + 1]])
def test_huge_keys_stay_different(first, keys, tmp_path):
    later = orders(2, first=100).assign(id=keys)
    later.to_csv(tmp_path / "a.csv", index=False)
    texts = [str(key) for key in keys]
    assert read_arrival(later, SOURCE, first.schema).keys == texts
    assert read_arrival(tmp_path / "a.csv", SOURCE, first.schema).keys == texts


def test_keys_that_are_floats_for_a_gap_are_whole(first):
    later = orders(3, first=100).assign(id=[7.0, np.nan, 9.0])
    assert read_arrival(later, SOURCE, first.schema).keys == ["7", None, "9"]


@pytest.mark.parametrize(
    "name", ["C:\\data\\week 1.csv", "wöche #1 %20.csv", "a'b\"c.csv", "line\nbreak.csv", "-rf.csv", "a=b.csv"]
)
def test_files_with_odd_names_are_read(first, tmp_path, name):
    orders().to_csv(tmp_path / name, index=False)
    draft = read_arrival(tmp_path / name, SOURCE, first.schema)
    assert draft.content == first.content
    assert draft.source.isprintable()


@pytest.mark.parametrize("given", ["C:\\no\\such.csv", "no/such.csv", Path("no/such.parquet")])
def test_files_that_do_not_exist_are_named(first, given):
    with pytest.raises(InputError, match="such"):
        read_arrival(given, SOURCE, first.schema)


@pytest.mark.parametrize("given", [None, 5, [], {"a": 1}, np.zeros(3), object()])
def test_what_is_no_data_is_refused(first, given):
    with pytest.raises(InputError):
        read_arrival(given, SOURCE, first.schema)
    with pytest.raises(InputError):
        read_arrival(given, SOURCE)


def test_a_table_and_arrays_do_not_mix(first, tmp_path):
    with pytest.raises(InputError, match="must be a table, as the first arrival is, got arrays"):
        read_arrival((np.zeros((4, 3, 8, 8), np.uint8), [0, 1, 0, 1]), SOURCE, first.schema)
    arrays = read_arrival((np.eye(4).repeat(5, 0), np.arange(20) % 2), DataSource("x"))
    orders().to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(InputError, match="must be arrays, as the first arrival is, got a table"):
        read_arrival(tmp_path / "a.csv", DataSource("x"), arrays.schema)


def test_inputs_and_targets_may_be_a_frame_and_a_series(tmp_path):
    frame = orders()
    inputs = frame.drop(columns=["bought", "id"])
    one = read_arrival((inputs, frame["bought"]), DataSource("x"))
    later = read_arrival((inputs[::-1], frame["bought"][::-1]), DataSource("x"), one.schema)
    samples = read(tmp_path, one, later)
    assert samples.labels.tolist() == [*samples.labels[:40], *samples.labels[:40][::-1]]
    assert one.schema.classes == ("no", "yes")


def test_arrays_with_gaps_are_tables_also_where_a_later_one_has_none(tmp_path):
    inputs = np.random.default_rng(0).normal(size=(30, 3))
    gaps = inputs.copy()
    gaps[3, 1] = np.nan
    one = read_arrival((gaps, np.arange(30) % 3), DataSource("x"))
    later = read_arrival((inputs, np.arange(30) % 3), DataSource("x"), one.schema)
    samples = read(tmp_path, one, later)
    assert np.array_equal(samples.inputs, np.concatenate([gaps, inputs]), equal_nan=True)


def test_class_folders_of_images_are_arrivals(tmp_path):
    random = np.random.default_rng(0)

    def folder(name, classes, size=(6, 5)):
        for index in range(8):
            place = tmp_path / name / classes[index % len(classes)]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 256, (*size, 3)).astype(np.uint8)).save(place / f"{index}.png")
        return tmp_path / name

    one = read_arrival(folder("a", ["cat", "dog"]), DataSource("x"))
    assert (one.schema.shape, one.schema.classes, one.schema.dtype) == ((3, 6, 5), ("cat", "dog"), "uint8")
    only_dogs = read_arrival(folder("b", ["dog"]), DataSource("x"), one.schema)
    assert set(only_dogs.labels) == {"dog"}
    with pytest.raises(InputError, match=r"1 new: 'eel' \(8 rows"):
        read_arrival(folder("c", ["eel"]), DataSource("x"), one.schema)
    with pytest.raises(InputError, match="image_size"):
        read_arrival(folder("d", ["cat", "dog"], (7, 5)), DataSource("x"), one.schema)
    samples = read(tmp_path, one, only_dogs)
    assert samples.inputs.shape == (16, 3, 6, 5)


def test_npz_files_are_arrivals(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (12, 5, 4, 3)).astype(np.uint8)
    np.savez(tmp_path / "a.npz", images=images, labels=np.arange(12) % 3)
    draft = read_arrival(tmp_path / "a.npz", DataSource("x"))
    assert (draft.schema.shape, draft.schema.classes, draft.source) == ((3, 5, 4), ("0", "1", "2"), "a.npz")
    assert np.array_equal(read(tmp_path, draft).inputs, images.transpose(0, 3, 1, 2))


def test_whole_numbers_that_are_not_scaled_stay_integers(tmp_path):
    source = DataSource("x", label="y", scale="none")
    frame = pd.DataFrame({"a": [2**60 + 1, 3, 4, 9] * 5, "b": range(0, 40, 2), "y": [0, 1] * 10})
    draft = read_arrival(frame, source)
    samples = read(tmp_path, draft)
    assert samples.inputs.dtype == np.int64
    assert samples.inputs[:, 0].tolist() == frame["a"].tolist()
    with pytest.raises(InputError, match=r"a \(whole numbers in every row\)"):
        read_arrival(frame.assign(a=0.5), source, draft.schema)


def test_reserved_names_are_refused():
    with pytest.raises(InputError, match="must not be called"):
        read_arrival(orders().assign(__key__=1.5), SOURCE)


@pytest.mark.skipif(not ELECTRICITY.exists(), reason="the electricity data are not here")
def test_weeks_of_electricity_are_arrivals(tmp_path):
    frame = pd.read_parquet(ELECTRICITY)
    source = DataSource("x", label="label", group="date", order="file")
    schema, drafts = None, []
    for week in range(4):
        drafts.append(read_arrival(frame[336 * week : 336 * (week + 1)], source, schema))
        schema = drafts[-1].schema
    samples = read(tmp_path, *drafts)
    assert len(samples) == 4 * 336
    assert samples.labels.tolist() == frame["label"][: 4 * 336].tolist()
    assert len(set(samples.groups)) == frame["date"][: 4 * 336].nunique()
    kept = [column.name for column in samples.encoding.columns]
    assert np.array_equal(samples.inputs, frame[kept][: 4 * 336])
