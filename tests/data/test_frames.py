"""Frames in memory: each must give the data that a file of equal content gives."""

import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_iris

from warmstart.basics import InputError
from warmstart.data import Dataset, DataSource, OwnDataset, Targets, as_dataset, load

COUNT = 40
PLAIN = {
    "size": (np.arange(COUNT) % 7 / 4).tolist(),
    "count": (np.arange(COUNT) ** 2 % 11).tolist(),
    "label": ["no" if row % 3 else "yes" for row in range(COUNT)],
}
MIXED = {
    "size": [None if row % 9 == 4 else row % 7 / 4 for row in range(COUNT)],
    "color": [["red", "green", "blue"][row % 3] for row in range(COUNT)],
    "town": [None if row % 8 == 5 else "ABC"[row * row % 3] for row in range(COUNT)],
    "member": [row % 5 == 0 for row in range(COUNT)],
    "joined": [datetime.datetime(2024, 1, 1 + row % 20, row % 24) for row in range(COUNT)],
    "number": list(range(COUNT)),
    "label": [row % 2 for row in range(COUNT)],
}


def pandas_frame(columns):
    return pytest.importorskip("pandas").DataFrame(columns)


def pandas_indexed(columns):
    frame = pandas_frame(columns)
    return frame.set_index(frame.index * 7 + 3)


def pandas_nullable(columns):
    return pandas_frame(columns).convert_dtypes()


def pandas_objects(columns):
    return pandas_frame(
        {name: pytest.importorskip("pandas").Series(values, dtype=object) for name, values in columns.items()}
    )


def pandas_arrow(columns):
    return pandas_frame(columns).convert_dtypes(dtype_backend="pyarrow")


def pandas_categories(columns):
    frame = pandas_frame(columns)
    texts = [
        name for name, values in columns.items() if any(isinstance(one, str) for one in values) and name != "label"
    ]
    return frame.astype(dict.fromkeys(texts, "category"))


def polars_frame(columns):
    return pytest.importorskip("polars").DataFrame(columns)


def polars_categories(columns):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(columns)
    texts = [name for name in columns if frame[name].dtype == polars.String and name != "label"]
    return frame.with_columns(polars.col(name).cast(polars.Categorical) for name in texts)


def hugging_face(columns):
    return pytest.importorskip("datasets").Dataset.from_dict(columns)


def structured(columns):
    kinds = [
        (name, "O" if any(isinstance(one, (str, type(None))) for one in values) else np.array(values).dtype)
        for name, values in columns.items()
    ]
    return np.array(list(zip(*columns.values(), strict=True)), dtype=kinds)


FRAMES = {
    maker.__name__: maker
    for maker in (
        *(pandas_frame, pandas_indexed, pandas_nullable, pandas_objects, pandas_arrow, pandas_categories),
        *(polars_frame, polars_categories, hugging_face, structured, pa.table, dict),
    )
}


def of_file(columns, tmp_path, **settings):
    pq.write_table(pa.table(columns), tmp_path / "own.parquet")
    return load(DataSource(str(tmp_path / "own.parquet"), **settings))


def assert_equal(found, expected):
    assert isinstance(found, Dataset)
    assert np.array_equal(found.train.inputs, expected.train.inputs, equal_nan=True)
    assert found.train.inputs.dtype == expected.train.inputs.dtype
    assert (found.encoding, found.classes) == (expected.encoding, expected.classes)
    assert found.train.labels.tolist() == expected.train.labels.tolist()
    assert found.fingerprint == expected.fingerprint


@pytest.mark.parametrize("kind", FRAMES)
@pytest.mark.parametrize("columns", [PLAIN, MIXED], ids=["plain", "mixed"])
def test_a_frame_and_a_file_of_equal_content_give_equal_data(kind, columns, tmp_path):
    dataset = as_dataset(FRAMES[kind](columns), name="own")
    expected = of_file(columns, tmp_path)
    assert_equal(dataset, expected)
    assert [note.replace("own.parquet", "own") for note in expected.notes] == list(dataset.notes)


@pytest.mark.parametrize("kind", FRAMES)
def test_the_label_may_be_named(kind, tmp_path):
    columns = {("wanted" if name == "label" else name): values for name, values in MIXED.items()}
    for source in ({"label": "wanted"}, {"source": DataSource("own", label="wanted")}):
        assert_equal(as_dataset(FRAMES[kind](columns), **source), of_file(columns, tmp_path, label="wanted"))
    with pytest.raises(InputError, match="label column of own must be named with --label"):
        as_dataset(FRAMES[kind](columns), name="own")


@pytest.mark.parametrize("kind", ["pandas_frame", "polars_frame", "table", "pandas_nullable", "dict"])
@pytest.mark.parametrize("target", ["series", "array", "list", "frame"])
def test_inputs_and_targets_may_be_apart(kind, target, tmp_path):
    inputs = {name: values for name, values in MIXED.items() if name != "label"}
    values = MIXED["label"]
    if kind == "dict":
        pytest.importorskip("pandas")
    maker = FRAMES["pandas_frame" if kind == "dict" else kind]
    targets = {
        "series": lambda: (
            polars_frame({"y": values})["y"] if kind == "polars_frame" else pandas_frame({"y": values})["y"]
        ),
        "array": lambda: np.array(values),
        "list": lambda: values,
        "frame": lambda: maker({"y": values}),
    }[target]()
    assert_equal(as_dataset((maker(inputs), targets)), of_file(MIXED, tmp_path))


@pytest.mark.parametrize(
    "labels",
    [
        lambda pd: pd.Series(["a", "b"] * 20),
        lambda pd: pd.Series(["a", "b"] * 20, dtype="category"),
        lambda pd: pd.Categorical(["a", "b"] * 20),
        lambda pd: pd.Series(["a", "b"] * 20, dtype="string"),
        lambda pd: pd.Series([True, False] * 20, dtype="boolean"),
        lambda pd: pd.Series([1, 2] * 20, dtype="Int8"),
        lambda pd: pd.Index([1, 2] * 20),
        lambda pd: pd.DataFrame({"y": [1.0, 2.0] * 20}),
        lambda pd: pd.get_dummies(pd.Series(["a", "b"] * 20)),
    ],
)
def test_classes_of_pandas_may_be_of_any_type(labels):
    pd = pytest.importorskip("pandas")
    dataset = as_dataset((pd.DataFrame({"x": PLAIN["size"]}), labels(pd)), targets="classes")
    assert sorted(np.bincount(dataset.train.labels).tolist()) == [20, 20]
    assert dataset.train.inputs.ravel().tolist() == PLAIN["size"]


@pytest.mark.parametrize("kind", ["pandas_frame", "polars_frame", "table", "hugging_face"])
def test_training_and_test_frames_share_their_encoding(kind):
    maker = FRAMES[kind]
    other = {name: values[::-1][:9] for name, values in MIXED.items()} | {"color": ["pink"] * 9}
    for value in ((maker(MIXED), maker(other)), {"train": maker(MIXED), "test": maker(other)}):
        dataset = as_dataset(value)
        place = [column.name for column in dataset.encoding.columns].index("color")
        assert dataset.test.inputs[:, place].tolist() == [3.0] * 9  # a value that training samples do not have
        assert dataset.test.labels.tolist() == other["label"]


@pytest.mark.parametrize("kind", ["pandas_frame", "polars_frame"])
def test_a_pair_of_frames_for_training_and_testing(kind):
    maker = FRAMES[kind]
    inputs, labels = {"size": PLAIN["size"], "count": PLAIN["count"]}, PLAIN["label"]
    pair = (maker(inputs), maker({"label": labels})["label"])
    dataset = as_dataset((pair, pair))
    assert np.array_equal(dataset.train.inputs, dataset.test.inputs)
    assert dataset.classes == ("no", "yes")


@pytest.mark.parametrize("kind", ["pandas_frame", "polars_frame", "table", "hugging_face"])
def test_columns_of_order_group_and_key_are_found_by_name(kind, tmp_path):
    settings = {"order": "joined", "group": "color", "drop": ("town",), "subset": 20}
    dataset = as_dataset(FRAMES[kind](MIXED), source=DataSource("own", **settings))
    expected = of_file(MIXED, tmp_path, **settings)
    assert_equal(dataset, expected)
    assert (dataset.order.in_time, len(dataset.train)) == (True, 20)
    assert dataset.order.groups.tolist() == expected.order.groups.tolist()


def test_whole_numbers_of_a_frame_reach_a_model_unchanged():
    pytest.importorskip("pandas")
    columns = {"a": PLAIN["count"], "b": PLAIN["count"][::-1], "label": PLAIN["label"]}
    dataset = as_dataset(pandas_frame(columns), source=DataSource("own", scale="none"))
    assert (dataset.train.inputs.dtype, dataset.scale) == (np.int64, False)
    assert dataset.train.inputs.T.tolist() == [columns["a"], columns["b"]]


def test_values_of_a_frame_are_predicted_if_they_are_floats():
    pytest.importorskip("pandas")
    columns = {"a": PLAIN["count"], "target": PLAIN["size"]}
    dataset = as_dataset(pandas_frame(columns))
    assert (dataset.targets, dataset.train.labels.tolist()) == (Targets.VALUES, PLAIN["size"])
    two = as_dataset((pandas_frame({"a": PLAIN["count"]}), pandas_frame({"x": PLAIN["size"], "y": PLAIN["size"]})))
    assert two.train.labels.shape == (COUNT, 2)


@pytest.mark.parametrize("test", [np.nan, 1.5])
def test_gaps_in_arrays_are_filled_and_marked(test):
    table = np.stack([PLAIN["size"], np.where(np.arange(COUNT) % 4, PLAIN["count"], np.nan)], axis=1)
    labels = np.array(PLAIN["label"])
    dataset = as_dataset(((table, labels), (np.full((2, 2), test), labels[:2])), name="mine")
    assert dataset.encoding.features == ("1", "2", "2 is missing")
    assert np.array_equal(dataset.train.inputs, table, equal_nan=True)
    assert np.isnan(dataset.test.inputs).all() == np.isnan(test)
    assert "filled" in dataset.notes[0]
    assert "2 (10 missing" in dataset.notes[0]
    with pytest.raises(InputError, match=r"missing \(--missing\) must be fill for mine"):
        as_dataset((table, labels), source=DataSource("mine", missing="refuse"))


def test_gaps_with_several_values_to_predict():
    table = np.array([[1.0, np.nan], [2.0, 3.0], [3.0, 4.0]])
    values = np.array([[0.5, 1.5], [1.0, 2.0], [3.0, 4.0]])
    dataset = as_dataset((table, values))
    assert (dataset.train.labels.tolist(), dataset.encoding.width) == (values.tolist(), 3)


@pytest.mark.parametrize("kind", [object, str])
def test_text_in_arrays_is_encoded(kind):
    table = np.array([["red", "1.5", "x"], ["blue", "2.5", "x"], ["red", "3", "x"]], kind)
    dataset = as_dataset((table, [0, 1, 1]))
    assert [str(column.kind) for column in dataset.encoding.columns] == ["category", "number"]
    assert dataset.train.inputs.tolist() == [[1, 1.5], [0, 2.5], [1, 3]]
    assert "left out: 3 (constant, 'x' in row 1)" in dataset.notes[0]


def test_lists_of_mixed_values_are_columns():
    dataset = as_dataset(([["red", 1.5, None], ["blue", 2, 4]], ["no", "yes"]))
    assert [str(column.kind) for column in dataset.encoding.columns] == ["category", "number", "number"]
    assert np.array_equal(dataset.train.inputs, [[1, 1.5, np.nan], [0, 2, 4]], equal_nan=True)
    assert dataset.classes == ("no", "yes")


def test_a_bunch_with_frames_is_a_table_of_classes():
    pytest.importorskip("pandas")
    bunch, plain = load_iris(as_frame=True), load_iris()
    dataset = as_dataset(bunch)
    assert np.array_equal(dataset.train.inputs, plain.data.astype(np.float32))
    assert dataset.classes == tuple(plain.target_names)


@pytest.mark.parametrize("kind", ["table", "polars_frame", "hugging_face", "pandas_frame"])
def test_a_single_column_of_lists_is_an_array(kind):
    vectors = np.random.default_rng(0).normal(size=(COUNT, 3, 2)).round(3)
    columns = {"embedding": vectors.reshape(COUNT, 6).tolist(), "label": PLAIN["label"]}
    dataset = as_dataset(FRAMES[kind](columns))
    assert np.array_equal(dataset.train.inputs, vectors.reshape(COUNT, 6).astype(np.float32))
    if kind != "pandas_frame":
        nested = as_dataset(FRAMES[kind](columns | {"embedding": vectors.tolist()}))
        assert np.array_equal(nested.train.inputs, vectors.astype(np.float32))
    columns["wanted"] = columns.pop("label")
    assert as_dataset(FRAMES[kind](columns), label="wanted").fingerprint == dataset.fingerprint
    columns["embedding"][2] = [1.0]
    with pytest.raises(InputError, match="embedding of mine contains 1 values in row 3 and 6 in row 1"):
        as_dataset(FRAMES[kind](columns), name="mine", label="wanted")


@pytest.fixture
def pictures():
    datasets = pytest.importorskip("datasets")
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3)).astype(np.uint8)
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog", "owl"])})
    columns = {"image": [Image.fromarray(one) for one in pixels], "label": [0, 1, 1, 0, 1, 0]}
    return datasets.Dataset.from_dict(columns, features=features), pixels


def test_images_of_hugging_face_have_the_names_of_their_classes(pictures):
    value, pixels = pictures
    dataset = as_dataset(value)
    assert np.array_equal(dataset.train.inputs, pixels.transpose(0, 3, 1, 2))
    assert (dataset.classes, dataset.train.labels.tolist()) == (("cat", "dog", "owl"), [0, 1, 1, 0, 1, 0])
    assert as_dataset(value, source=DataSource("small", image_size="2")).input_shape == (3, 2, 2)
    renamed = as_dataset(value.rename_column("label", "fine"), label="fine")
    assert (renamed.fingerprint, renamed.classes) == (dataset.fingerprint, dataset.classes)
    assert np.array_equal(as_dataset(value.select([3, 1])).train.inputs, dataset.train.inputs[[3, 1]])


def test_a_dataset_dict_has_training_and_test_samples(pictures):
    datasets = pytest.importorskip("datasets")
    value, _ = pictures
    dataset = as_dataset(datasets.DatasetDict(train=value, validation=value.select([0, 1, 2])))
    assert (len(dataset.train), len(dataset.test), dataset.notes) == (6, 3, ("validation is the test set.",))
    own = as_dataset(datasets.DatasetDict(train=value), arrays=False)
    assert isinstance(own, OwnDataset)
    assert own.train is value


@pytest.mark.parametrize("kind", ["pandas_frame", "polars_frame", "table"])
def test_a_learner_of_ones_own_gets_rows(kind):
    frame = FRAMES[kind](PLAIN)
    alone, pair = as_dataset(frame, arrays=False), as_dataset((frame, PLAIN["label"]), arrays=False)
    expected = {name: values[5] for name, values in PLAIN.items()}
    assert (len(alone.train), dict(alone.train[5])) == (COUNT, expected)
    assert (dict(pair.train[5][0]), pair.train[5][1]) == (expected, PLAIN["label"][5])
    changed = PLAIN | {"size": [9.0, *PLAIN["size"][1:]]}
    assert as_dataset(FRAMES[kind](changed), arrays=False).fingerprint != alone.fingerprint


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (lambda pd: pd.DataFrame({"a": [1, 2]}), "label column of mine must be named with --label"),
        (lambda pd: pd.DataFrame({"a": [1j, 2], "y": [0, 1]}), "column 'a' of mine contains complex numbers"),
        (lambda pd: pd.DataFrame([[1, 2, 0], [2, 3, 1]], columns=["a", "a", "y"]), "mine has several called 'a'"),
        (
            lambda pd: pd.DataFrame({"a": [1.0, np.inf], "y": [0, 1]}),
            r"mine has columns that contain others: a \(inf in row 2",
        ),
        (lambda pd: pd.DataFrame({"y": [0, 1]}), "mine must have feature columns beside the label column"),
        (lambda pd: pd.DataFrame({"a": [], "y": []}), "There must be samples to load, but mine contains none"),
        (lambda pd: (pd.DataFrame({"a": [1, 2]}), pd.Series([1])), "but those of mine have 2 and 1"),
        (lambda pd: (pd.DataFrame({"a": [1, 2]}), pd.Series([1, None])), "Every sample must have a label"),
        (lambda pd: {"a": [1, 2], "y": [1]}, "Columns must have the same length, but those of mine differ: a 2, y 1"),
    ],
)
def test_what_is_wrong_with_a_frame_is_said_in_one_sentence(value, message):
    with pytest.raises(InputError, match=message) as caught:
        as_dataset(value(pytest.importorskip("pandas")), name="mine", targets="classes")
    assert "\n" not in str(caught.value)


def test_a_lazy_frame_has_to_be_collected():
    frame = pytest.importorskip("polars").DataFrame(PLAIN).lazy()
    with pytest.raises(InputError, match=r"got LazyFrame; call its collect\(\) first"):
        as_dataset(frame)
    assert len(as_dataset(frame.collect()).train) == COUNT


@pytest.mark.parametrize(("option", "value"), [("separator", ";"), ("header", True), ("test", "other.csv")])
def test_options_of_files_are_refused(option, value):
    with pytest.raises(InputError, match=rf"{option} \(--{option}\) must be left out for mine, which is in memory"):
        as_dataset(pa.table(PLAIN), source=DataSource("mine", **{option: value}))


def test_a_label_is_refused_beside_targets():
    with pytest.raises(InputError, match=r"label .* must be left out for own data, whose targets are given beside"):
        as_dataset((pa.table({"a": [1, None, 2]}), [0, 1, 1]), label="a")
