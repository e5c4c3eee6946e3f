import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from warmstart.basics import InputError
from warmstart.data import DataSource, load
from warmstart.data._mat import read_mat

PIXELS = np.random.default_rng(2).integers(0, 256, (32, 32, 3, 12)).astype(np.uint8)
DIGITS = (np.arange(12) % 10 + 1)[:, None]
SMALL = {"X": np.ascontiguousarray(PIXELS[:4, :3, :, :7]), "y": DIGITS[:7]}


@pytest.fixture
def write_mat(tmp_path):
    """Write SVHN's training file; return its folder."""

    def write(arrays, **options) -> Path:
        scipy.io.savemat(tmp_path / "train_32x32.mat", arrays, **options)
        return tmp_path

    return write


def _element(order: str, kind: int, data: bytes) -> bytes:
    if 0 < len(data) <= 4:  # short data stand in the tag
        words = (len(data), kind) if order == ">" else (kind, len(data))
        return struct.pack(f"{order}HH", *words) + data.ljust(4, b"\0")
    return struct.pack(f"{order}II", kind, len(data)) + data + bytes(-len(data) % 8)


def _array(order: str, name: str, kind: int, values: np.ndarray) -> bytes:
    parts = (
        _element(order, 6, struct.pack(f"{order}II", 9, 0)),
        _element(order, 5, np.array(values.shape, f"{order}i4").tobytes()),
        _element(order, 1, name.encode()),
        _element(order, kind, values.astype(values.dtype.newbyteorder(order)).tobytes(order="F")),
    )
    return _element(order, 14, b"".join(parts))


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int64, np.uint64, np.float32, np.float64])
def test_labels_of_any_numeric_type_are_read_as_scipy_reads_them(write_mat, compressed, kind):
    folder = write_mat({"other": "a text", "X": PIXELS, "y": DIGITS.astype(kind)}, do_compression=compressed)
    dataset = load(DataSource("svhn", str(folder)))
    there = scipy.io.loadmat(folder / "train_32x32.mat")
    assert np.array_equal(dataset.train.inputs, there["X"].transpose(3, 2, 0, 1))
    assert np.array_equal(dataset.train.labels, there["y"].ravel() % 10)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compressed", [False, True])
def test_both_orders_of_bytes_are_read(tmp_path, order, compressed):
    arrays = [_array(order, "X", 2, PIXELS), _array(order, "y", 5, DIGITS.astype(np.int32))]
    if compressed:  # which is not padded
        arrays = [struct.pack(f"{order}II", 15, len(data)) + data for data in map(zlib.compress, arrays)]
    header = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(f"{order}H", 0x100) + (b"IM" if order == "<" else b"MI")
    (tmp_path / "train_32x32.mat").write_bytes(header + b"".join(arrays))
    dataset = load(DataSource("svhn", str(tmp_path)))
    assert np.array_equal(dataset.train.inputs, PIXELS.transpose(3, 2, 0, 1))
    assert np.array_equal(dataset.train.labels, DIGITS.ravel() % 10)


@pytest.mark.parametrize("digit", [11, -1, 255, 2**40])
def test_a_label_that_is_no_digit_is_not_taken_for_one(write_mat, digit):
    labels = DIGITS.copy()
    labels[4] = digit
    with pytest.raises(InputError, match=rf"Labels must lie in \[0, 10\], but y in .*mat contains {digit} at row 5"):
        load(DataSource("svhn", str(write_mat({"X": PIXELS, "y": labels}))))


@pytest.mark.parametrize(
    "arrays",
    [
        {"X": PIXELS * (1 + 1j), "y": DIGITS},
        {"X": "text", "y": DIGITS},
        {"X": {"field": PIXELS}, "y": DIGITS},
        {"X": PIXELS[:0], "y": DIGITS},
        {"x": PIXELS, "Y": DIGITS},
        {"X": PIXELS, "y": scipy.sparse.csc_array(DIGITS.astype(float))},
    ],
    ids=["complex", "text", "struct", "no pixels", "other names", "sparse"],
)
def test_other_content_is_refused_in_one_sentence(write_mat, arrays):
    with pytest.raises(
        InputError, match=r"train_32x32.mat (must contain uint8 X|cannot be read as MATLAB file: X does)"
    ):
        load(DataSource("svhn", str(write_mat(arrays))))


def _read(path: Path, content: bytes) -> bytes | None:
    """Return the pixels and labels in a file of this content; None if it is refused in one sentence."""
    path.write_bytes(content)
    try:
        split = read_mat("svhn", {"train": path}, max_bytes=2**24).train
    except InputError as error:
        return None if str(error).isprintable() else str(error).encode()
    return split.read(np.arange(7)).tobytes() + split.labels.astype(np.int64).tobytes()


@pytest.mark.parametrize("compressed", [False, True])
def test_no_changed_bit_of_a_header_ends_the_process_or_is_read_as_something_else(write_mat, compressed):
    path = write_mat(SMALL, do_compression=compressed) / "train_32x32.mat"
    good = path.read_bytes()
    right = _read(path, good)
    # Text, version and order of bytes; type, shape and name of both arrays. Plain pixels have no checksum.
    pixels, digits = (values.tobytes(order="F") for values in SMALL.values())
    after = good.find(pixels) + len(pixels)
    headers = range(300) if compressed else [*range(good.index(pixels)), *range(after, good.index(digits, after))]
    for bit in (8 * byte + bit for byte in headers for bit in range(8)):
        changed = bytearray(good)
        changed[bit // 8] ^= 1 << bit % 8
        assert _read(path, changed) in (right, None), f"bit {bit}"
    assert right is not None


def test_a_file_that_was_cut_off_anywhere_is_refused(write_mat):
    path = write_mat(SMALL) / "train_32x32.mat"
    good = path.read_bytes()
    for length in range(1, len(good)):
        assert _read(path, good[:length]) is None, f"{length} bytes"
