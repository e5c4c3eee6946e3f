from pathlib import Path

import numpy as np
import pytest

from warmstart.basics import InputError
from warmstart.data import DataSource, SampleOrder, TableEncoding, load, read_table

HEADER = "day,shop,size,label\n"


def _row(number: int, *, day: str | None = None) -> str:
    return f"{day or f'2024-01-{number % 28 + 1:02d}'},{'abc'[number % 3]},{number % 7},{'xy'[number % 2]}\n"


@pytest.fixture
def table(write_table) -> Path:
    return write_table("t.csv", HEADER + "".join(map(_row, range(56))))


def test_columns_are_left_out_or_chosen(table, load_path):
    assert load_path(table, drop=("day", "shop")).features == ("size",)
    assert load_path(table, features=("size", "shop")).features == ("shop", "size")
    assert load_path(table, features=("size", "shop"), drop=("shop",)).features == ("size",)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"drop": ("sise",)}, "Unknown column in drop \\(--drop\\) 'sise' of t.csv: did you mean 'size'"),
        ({"features": ("sise",)}, "Unknown column in features \\(--features\\) 'sise' of t.csv: did you mean 'size'"),
        ({"key": "shp"}, "Unknown key column 'shp' of t.csv: did you mean 'shop'"),
        ({"group": "dya"}, "Unknown group column 'dya' of t.csv: did you mean 'day'"),
        ({"order": "dya"}, "Unknown order column 'dya' of t.csv: did you mean 'day'"),
        ({"drop": ("label",)}, r"drop \(--drop\) must not contain the column of the labels, got 'label'"),
        ({"key": "label"}, r"key \(--key\) must be another column than that of the labels, got 'label'"),
        ({"drop": ("day", "shop", "size")}, "must have feature columns beside the label column, got none"),
        ({"test": "nowhere.csv"}, "test must be a file that exists and ends in .csv, .*, got nowhere.csv"),
    ],
)
def test_columns_that_are_not_there_or_have_another_role_are_refused(table, load_path, settings, message):
    with pytest.raises(InputError, match=message):
        load_path(table, **settings)


def test_of_equal_keys_the_last_row_counts_and_the_others_are_counted(write_table, load_path):
    rows = "".join(f"{number % 12},{number},{'xy'[number % 2]}\n" for number in range(30))
    dataset = load_path(write_table("t.csv", f"key,a,label\n{rows}"), key="key")
    assert dataset.features == ("a",)
    assert dataset.train.inputs[:, 0].tolist() == list(range(18, 30))
    assert "Of rows with the same 'key' the last one counts: 18 of 30 rows dropped." in dataset.notes


def test_a_row_without_a_key_is_like_no_other(write_table, load_path):
    table = write_table("t.csv", "key,a,label\nr,1,x\n,2,y\nr,3,x\n,4,y\n R ,5,y\n")
    assert load_path(table, key="key").train.inputs[:, 0].tolist() == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("days", "order"),
    [
        (["10", "9", "100", "9"], [1, 3, 0, 2]),
        (["2024-03-01", "2023-12-31", "2024-03-01", "2024-01-05"], [1, 3, 0, 2]),
        (["1.3.2024", "31.12.2023", "1.3.2024", "5.1.2024"], [1, 3, 0, 2]),
        (["b", "a", "b", "a"], [1, 3, 0, 2]),
    ],
)
def test_rows_are_sorted_by_number_time_or_text_and_stay_in_order_where_these_are_equal(
    write_table, load_path, days, order
):
    rows = "".join(f"{day},{number},{'xy'[number % 2]}\n" for number, day in enumerate(days))
    dataset = load_path(write_table("t.csv", f"day,a,label\n{rows}"), order="day")
    assert dataset.train.inputs[:, 1].tolist() == order
    assert dataset.order.in_time
    assert "Rows of t.csv are in the order of 'day'" in dataset.notes[0]


def test_the_order_of_the_file_may_be_that_of_time(table, load_path):
    dataset = load_path(table, order="file")
    assert (dataset.order.in_time, dataset.order.arrivals, dataset.order.groups) == (True, None, None)
    assert np.array_equal(dataset.train.inputs, load_path(table).train.inputs)
    assert load_path(table).order is None


def test_a_row_without_a_time_is_named(write_table, load_path):
    table = write_table("t.csv", "day,a,label\n2024-01-01,1,x\nNA,2,y\n")
    with pytest.raises(
        InputError, match=r"order must be a column without missing cells, but 'day' of t.csv has none at"
    ):
        load_path(table, order="day")


def test_of_equal_keys_the_latest_counts_where_there_is_an_order(write_table, load_path):
    table = write_table("t.csv", "k,day,a,label\nr,2024-02-01,1,x\nr,2024-01-01,2,x\ns,2024-01-15,3,y\n")
    assert load_path(table, key="k", order="day").train.inputs[:, -1].tolist() == [3, 1]


def test_groups_are_numbers_and_the_column_stays_a_feature(table, load_path):
    dataset = load_path(table, group="day")
    assert dataset.order.groups.tolist() == [number % 28 for number in range(56)]
    assert dataset.features == ("day", "shop", "size")
    assert "Rows are held out by 'day', in 28 groups." in dataset.notes
    assert load_path(table, group="day", drop=("day",)).features == ("shop", "size")


def test_keys_and_groups_of_a_table_with_types_are_its_values(write_table, load_path):
    columns = {
        "customer": [2**60, 2**60 + 1, None, 2**60, None],
        "when": np.datetime64("2024-01-01") + np.array([0, 1, 1, 0, 2]),
        "a": [1, 2, 3, 4, 5],
        "label": [0, 1, 0, 1, 0],
    }
    path = write_table("t.parquet", columns)
    assert load_path(path, key="customer", features=("a",)).train.inputs[:, 0].tolist() == [2, 3, 4, 5]
    assert load_path(path, group="when").order.groups.tolist() == [0, 1, 1, 0, 2]
    assert len(set(load_path(path, group="customer").order.groups.tolist())) == 4


def test_a_subset_takes_its_order_along(table, load_path):
    dataset = load_path(table, group="shop", order="day", subset=20)
    assert isinstance(dataset.order, SampleOrder)
    assert len(dataset.order.groups) == len(dataset.train) == 20
    shop = [column.name for column in dataset.encoding.columns].index("shop")
    assert dataset.order.groups.tolist() == dataset.train.inputs[:, shop].tolist()


def test_each_file_of_a_folder_is_an_arrival(tmp_path, load_path):
    for day, count in (("day-10", 3), ("day-9", 2), ("day-11", 4)):
        (tmp_path / f"{day}.csv").write_text(HEADER + "".join(_row(number) for number in range(count)))
    dataset = load_path(tmp_path)
    assert dataset.order.arrivals.tolist() == [0] * 2 + [1] * 3 + [2] * 4
    assert dataset.order.in_time
    assert "Each of 3 files is one arrival, from day-9.csv to day-11.csv." in dataset.notes
    by_size = load_path(tmp_path, order="size")
    assert (by_size.order.in_time, by_size.order.arrivals) == (True, None)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_test_file_is_read_with_the_columns_and_values_of_the_training_samples(
    tmp_path, write_table, load_path, kind
):
    train = {"color": ["red", "blue", None, "red"], "size": [1.5, 2, 3, 4], "flag": ["yes", "no", "no", "yes"]}
    test = {"flag": ["no", "yes"], "label": ["y", "x"], "color": ["green", "blue"], "size": [7, None], "more": [1, 2]}
    paths = []
    for name, columns in (("train", {**train, "label": ["x", "y", "x", "y"]}), ("new", test)):
        content = columns
        if kind == "csv":
            rows = zip(*columns.values(), strict=True)
            lines = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
            content = "\n".join([",".join(columns), *lines]) + "\n"
        paths.append(write_table(f"{name}.{kind}", content))
    dataset = load_path(paths[0], test=str(paths[1]), with_test=True)
    assert dataset.features == ("color", "size", "flag")
    assert dataset.test.inputs.tolist() == [[2, 7, 0], [0, pytest.approx(np.nan, nan_ok=True), 1]]
    assert dataset.test.labels.tolist() == [1, 0]
    assert load_path(paths[0], test=str(paths[1])).test is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,label\n1,x\n", "new.csv must have the columns of the training samples, but lacks: b"),
        ("label\nx\n", "lacks: a, b"),
        ("a,b\n1,2\n", "new.csv must have the label column 'label', as t.csv has"),
        ("a,b,label\nmany,2,x\n1,?,y\n", r"must hold what .* do: a \(number, not 'many' in row 1\), b \(none missing"),
        ("a,b,label\n1,2,z\n", "Labels must be among those of the training set, but column 'label' of new.csv also"),
        ("a,b,label\n1,2,x\n3,inf,y\n", r"b \(finite 32-bit number, not 'inf' in row 2\)"),
    ],
)
def test_a_test_file_that_does_not_fit_is_refused_in_one_sentence(write_table, load_path, content, message):
    table = write_table("t.csv", "a,b,label\n1,5,x\n2,7,y\n3,9,x\n")
    with pytest.raises(InputError, match=message) as caught:
        load_path(table, test=str(write_table("new.csv", content)), with_test=True)
    assert "\n" not in str(caught.value)


def test_tidy_labels_of_a_test_file_are_spelled_as_those_of_the_training_samples(write_table, load_path):
    table = write_table("t.csv", "a,label\n1,yes\n2,Yes \n3,no\n4,yes\n")
    new = write_table("new.csv", "a,label\n1,YES\n2,YES\n3, no\n")
    dataset = load_path(table, test=str(new), with_test=True, tidy_labels=True)
    assert dataset.classes == ("no", "yes")
    assert dataset.test.labels.tolist() == [1, 1, 0]
    with pytest.raises(InputError, match="also contains 'YES'"):
        load_path(table, test=str(new), with_test=True)


def test_whole_numbers_of_a_test_file_stay_whole_numbers(write_table, load_path):
    table = write_table("t.csv", "a,b,label\n1,5,x\n2,7,y\n3,9,x\n")
    new = write_table("new.csv", f"b,a,label\n8,{2**60 + 1},x\n")
    dataset = load_path(table, test=str(new), with_test=True, scale="none")
    assert dataset.test.inputs.dtype == np.int64
    assert dataset.test.inputs.tolist() == [[2**60 + 1, 8]]
    new = write_table("other.csv", "a,b,label\n1,8.5,x\n")
    with pytest.raises(InputError, match=r"other.csv must be whole numbers, .* but others are not: b\.$"):
        load_path(table, test=str(new), with_test=True, scale="none")


def test_new_rows_are_read_as_the_encoding_says_without_labels(table, write_table, load_path):
    dataset = load_path(table)
    assert isinstance(dataset.encoding, TableEncoding)
    new = write_table("new.tsv", "size\tshop\tday\n3\tz\t2024-03-01\n\ta\t2024-01-02\n")
    rows = read_table(DataSource(str(new)), dataset.encoding)
    assert rows.dtype == np.float64
    assert rows[0].tolist() == [19783, 3, 3]
    assert rows[1].tolist() == pytest.approx([19724, 0, np.nan], nan_ok=True)
    again = read_table(DataSource(str(table)), dataset.encoding)
    assert np.array_equal(again, dataset.train.inputs)


def test_new_rows_of_numbers_alone_are_read_by_the_names_of_columns(write_table, load_path):
    dataset = load_path(write_table("t.csv", "a,b,label\n1,5,x\n2,7,y\n3,9,x\n"))
    new = write_table("new.csv", "b,id,a\n1.5,7,2\n")
    assert read_table(DataSource(str(new)), dataset.features).tolist() == [[2, 1.5]]
    new = write_table("gap.csv", "b,a\n1.5,\n")
    with pytest.raises(InputError, match=r"a \(none missing in training samples, not '' in row 1\)"):
        read_table(DataSource(str(new)), dataset.features)


def test_new_rows_of_a_file_without_a_header_are_read_by_position(write_table, load_path):
    rows = "".join(f"{number % 7},{number % 3},{number % 2}\n" for number in range(30))
    dataset = load_path(write_table("t.csv", rows), label="3")
    assert read_table(DataSource(str(write_table("new.csv", "2,1\n6,2\n5,0\n"))), dataset.features).tolist() == [
        [2, 1],
        [6, 2],
        [5, 0],
    ]


def test_labels_that_differ_in_case_or_spaces_alone_are_told_or_made_one(write_table, load_path):
    labels = ["yes", "no", "Yes", "yes ", "NO", "yes"]
    table = write_table("t.csv", "a,label\n" + "".join(f"{row % 4},{label}\n" for row, label in enumerate(labels)))
    dataset = load_path(table)
    assert len(dataset.classes) == 5
    assert (
        "'yes' (2) and 'Yes' (1) and 'yes ' (1); 'no' (1) and 'NO' (1); tidy_labels (--tidy-labels)" in dataset.notes[0]
    )
    dataset = load_path(table, tidy_labels=True)
    assert dataset.classes == ("no", "yes")
    assert dataset.train.labels.tolist() == [1, 0, 1, 1, 0, 1]
    assert "are one class: 'yes' (2)" in dataset.notes[0]


def test_spaces_around_all_labels_are_no_part_of_them(write_table, load_path):
    assert load_path(write_table("t.csv", "a, label\n1, <=50K\n2, >50K\n")).classes == ("<=50K", ">50K")


@pytest.mark.parametrize(
    ("count", "distinct", "is_asked"),
    [(300, 51, True), (300, 50, False), (100, 21, True), (100, 20, False), (105, 21, False)],
)
def test_whole_numbers_of_many_values_are_questioned(write_table, count, distinct, is_asked):
    rows = "".join(f"{row / 7},{row % distinct + 1000}\n" for row in range(count))
    source = DataSource(str(write_table("t.csv", f"a,price\n{rows}")), label="price")
    if not is_asked:
        assert len(load(source).classes) == distinct
        return
    with pytest.raises(
        InputError, match=rf"classes or values\? Column 'price' .* {distinct} different .* {count} rows"
    ):
        load(source)
    assert len(load(DataSource(source.name, label="price", many_classes=True)).classes) == distinct
    assert load(source, targets="values").classes == ()


def test_text_of_many_values_is_not_questioned(write_table, load_path):
    rows = "".join(f"{row / 7},c{row % 60}\n" for row in range(120))
    assert len(load_path(write_table("t.csv", f"a,label\n{rows}")).classes) == 60


def test_fractions_as_labels_are_refused_with_the_way_out(write_table, load_path):
    with pytest.raises(InputError, match=r"contains 0.5 at row 1: --learner regressor predicts values"):
        load_path(write_table("t.csv", "a,label\n1,0.5\n2,1\n"))


def test_values_may_have_separators_and_decimal_commas(write_table):
    source = DataSource(str(write_table("t.csv", 'a,price\n1,"1,200"\n2,"$3,400.50"\n')), label="price")
    assert load(source, targets="values").train.labels.tolist() == [1200, 3400.5]
    source = DataSource(str(write_table("u.csv", "a;price\n1;1.200,5\n2;3,25\n")), label="price")
    assert load(source, targets="values").train.labels.tolist() == [1200.5, 3.25]


@pytest.mark.parametrize("name", ["digits", "table.npz"])
def test_roles_are_refused_where_there_are_no_columns(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    np.savez("table.npz", x=np.eye(4), y=[0, 1, 0, 1])
    for option, value in (("drop", ("a",)), ("group", "a"), ("separator", ";"), ("tidy_labels", True)):
        with pytest.raises(InputError, match=rf"{option} \(--{option.replace('_', '-')}\) must be left out for {name}"):
            load(DataSource(name, **{option: value}))
