import numpy as np
import pytest

from warmstart.basics import InputError

TABLE = np.arange(8.0).reshape(4, 2)
LABELS = np.array([3, 5, 5, 3])


@pytest.fixture
def write_npz(tmp_path):
    def write(**arrays):
        np.savez(tmp_path / "a.npz", **arrays)
        return tmp_path / "a.npz"

    return write


@pytest.mark.parametrize(
    ("inputs", "labels"),
    [("x", "y"), ("X", "y"), ("inputs", "labels"), ("x_train", "y_train"), ("train_images", "train_labels")],
)
def test_arrays_are_found_by_usual_names(write_npz, load_path, inputs, labels):
    dataset = load_path(write_npz(**{inputs: TABLE, labels: LABELS, "other": TABLE}))
    assert dataset.train.inputs.tolist() == TABLE.tolist()
    assert (dataset.train.labels.tolist(), dataset.classes) == ([0, 1, 1, 0], ("3", "5"))


@pytest.mark.parametrize("names", [("x_train", "y_train", "x_test", "y_test"), ("X", "Y", "X_test", "y_test")])
def test_the_test_set_is_read_when_asked_for(write_npz, load_path, names):
    path = write_npz(**dict(zip(names, (TABLE, LABELS, TABLE[:2] + 1, LABELS[1:3]), strict=True)))
    assert load_path(path).test is None
    test = load_path(path, with_test=True).test
    assert (test.inputs.tolist(), test.labels.tolist()) == ((TABLE[:2] + 1).tolist(), [1, 1])


def test_the_labels_can_be_named(write_npz, load_path):
    path = write_npz(x_train=TABLE, y_train=LABELS, coarse_train=[0, 0, 1, 1], x_test=TABLE, coarse_test=[1, 1, 0, 0])
    dataset = load_path(path, label="coarse", with_test=True)
    assert dataset.train.labels.tolist() == [0, 0, 1, 1]
    assert dataset.test is not None
    assert dataset.test.labels.tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize(
    ("shape", "order", "result"),
    [
        ((4, 6, 5), None, (1, 6, 5)),
        ((4, 6, 5, 1), (0, 3, 1, 2), (1, 6, 5)),
        ((4, 6, 5, 3), (0, 3, 1, 2), (3, 6, 5)),
        ((4, 1, 6, 5), None, (1, 6, 5)),
        ((4, 3, 6, 5), None, (3, 6, 5)),
        ((4, 3, 6, 3), None, (3, 6, 3)),
    ],
)
def test_images_of_every_layout_get_their_channels_first(write_npz, load_path, shape, order, result):
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    dataset = load_path(write_npz(x=pixels, y=LABELS))
    assert dataset.input_shape == result
    assert np.array_equal(dataset.train.inputs, (pixels.transpose(order) if order else pixels).reshape(4, *result))


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16])
def test_every_byte_survives_being_a_fraction(write_npz, load_path, kind):
    pixels = np.arange(256, dtype=np.uint8).reshape(4, 8, 8)
    dataset = load_path(write_npz(x=(pixels / 255).astype(kind), y=LABELS))
    assert np.array_equal(dataset.train.inputs[:, 0], pixels)


@pytest.mark.parametrize(("kind", "factor"), [(np.int64, 1), (np.uint16, 1), (bool, 255)])
def test_whole_numbers_are_pixels_and_bools_are_black_and_white(write_npz, load_path, kind, factor):
    pixels = np.array([0, 1, 1, 0]).reshape(4, 1, 1).astype(kind)
    assert load_path(write_npz(x=pixels, y=LABELS)).train.inputs.ravel().tolist() == [0, factor, factor, 0]


def test_labels_may_be_a_column(write_npz, load_path):
    assert load_path(write_npz(x=TABLE, y=LABELS[:, None])).train.labels.tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": TABLE, "z": LABELS}, "array of train labels, called y, .* got: x, z"),
        ({"y": LABELS}, "array of train inputs, called x, .* got: y"),
        ({}, "got: no arrays"),
        ({"x": TABLE, "y": LABELS[:3]}, r"Labels must have the shape \(4,\), .* but y in a.npz is \(3,\)"),
        ({"x": TABLE, "y": np.eye(4)}, r"but y in a.npz is \(4, 4\)"),
        ({"x": TABLE, "y": [0, 1, np.nan, 1]}, "y in a.npz has none at position 2"),
        ({"x": np.array([["a"], ["b"]]), "y": [0, 1]}, "Features must be real numbers, but x in a.npz contains <U1"),
        ({"x": np.zeros((4, 0)), "y": LABELS}, "at least one feature"),
        ({"x": np.zeros((0, 2)), "y": LABELS[:0]}, "samples to load, but y in a.npz contains none"),
        (
            {"x": np.zeros((4, 5, 0, 4)), "y": LABELS},
            r"at least one feature, but x in a.npz has the shape \(4, 5, 0, 4\)",
        ),
        (
            {"x": np.full((4, 5, 5), np.nan), "y": LABELS},
            r"finite 32-bit numbers, but x .* nan at position \[0, 0, 0\]",
        ),
        ({"x": np.full((4, 5, 5), "a"), "y": LABELS}, "Features must be real numbers, but x in a.npz contains <U1"),
        ({"x": TABLE * 1j, "y": LABELS}, "Features must be real numbers, but x in a.npz contains complex numbers"),
        ({"x": TABLE, "y": np.array([object()] * 4)}, "a.npz cannot be read as npz: Object arrays"),
    ],
)
def test_what_is_wrong_with_the_arrays_is_said_in_one_sentence(write_npz, load_path, arrays, message):
    with pytest.raises(InputError, match=message) as caught:
        load_path(write_npz(**arrays))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "inputs",
    [
        np.arange(64.0).reshape(4, 4, 2, 2) / 70,
        np.full((4, 5, 5), 1.5),
        np.full((4, 5, 5), 256),
        np.linspace(-1, 1, 60).reshape(4, 5, 3),
        np.zeros((4, 5, 6, 4)),
        np.arange(96).reshape(4, 2, 3, 4, 1),
        np.arange(4.0),
    ],
    ids=lambda inputs: str(inputs.shape),
)
def test_what_is_no_image_is_data(write_npz, load_path, inputs):
    dataset = load_path(write_npz(x=inputs, y=LABELS))
    expected = inputs.reshape(4, -1) if inputs.ndim == 1 else inputs
    assert (dataset.train.inputs.dtype, dataset.is_image) == (np.float32, False)
    assert np.array_equal(dataset.train.inputs, expected.astype(np.float32))


def test_whole_numbers_reach_a_model_unchanged_where_nothing_is_scaled(write_npz, load_path):
    dataset = load_path(write_npz(x=TABLE.astype(int), y=LABELS), scale="none")
    assert (dataset.train.inputs.dtype, dataset.scale) == (np.int64, False)
    assert dataset.train.inputs.tolist() == TABLE.tolist()


def test_gaps_in_a_table_are_filled_and_marked(write_npz, load_path):
    table = np.where(TABLE == 3, np.nan, TABLE)
    path = write_npz(x=table, y=LABELS, x_test=TABLE[:2], y_test=LABELS[:2])
    dataset = load_path(path, with_test=True)
    assert dataset.encoding.features == ("1", "2", "2 is missing")
    assert np.array_equal(dataset.train.inputs, table, equal_nan=True)
    assert (dataset.test.inputs.tolist(), dataset.train.labels.tolist()) == (TABLE[:2].tolist(), [0, 1, 1, 0])
    with pytest.raises(InputError, match=r"missing \(--missing\) must be fill for a.npz, .*2 \("):
        load_path(path, missing="refuse")


def test_the_order_of_the_file_may_be_that_of_time(write_npz, load_path):
    assert load_path(write_npz(x=TABLE, y=LABELS), order="file").order.in_time
    with pytest.raises(InputError, match=r"order must be file or left out for a.npz, which has no columns, got 'day'"):
        load_path(write_npz(x=TABLE, y=LABELS), order="day")


def test_test_inputs_without_labels_are_refused_only_when_they_are_needed(write_npz, load_path):
    path = write_npz(x=TABLE, y=LABELS, x_test=TABLE)
    assert len(load_path(path).train) == 4
    with pytest.raises(InputError, match="array of test labels"):
        load_path(path, with_test=True)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and nothing", b"hello"])
def test_a_file_that_is_no_npz_is_refused_in_one_sentence(tmp_path, load_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"a.npz cannot be read as npz: "):
        load_path(tmp_path / "a.npz")
