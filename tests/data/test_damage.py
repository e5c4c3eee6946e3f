"""Whatever bytes of a file are changed: data, or one sentence; never another error, nor the end of the process."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.io

TRIES = 250

# In a process of its own, with little memory and a time limit for each try: a crash would take the tests with it.
CHILD = """
import random, resource, signal, sys
from pathlib import Path
from warmstart.basics import InputError
from warmstart.data import DataSource, load

resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))
file, source = Path(sys.argv[1]), DataSource(*sys.argv[2:])
good = file.read_bytes()
right = load(source)
counts = {"right": 0, "other": 0, "sentence": 0}
for seed in range(TRIES):
    draw = random.Random(seed)
    changed = bytearray(good)
    kind = seed % 4
    if kind == 0:
        del changed[draw.randrange(len(good)):]
    elif kind == 1:
        changed[draw.randrange(len(good))] ^= 1 << draw.randrange(8)
    elif kind == 2:
        for _ in range(draw.randrange(1, 9)):
            changed[draw.randrange(len(good))] = draw.randrange(256)
    else:
        start = draw.choice((draw.randrange(len(good)), draw.randrange(min(len(good), 200)), -draw.randrange(1, 300)))
        changed[start : start + 4] = draw.choice((b"\\xff" * 4, bytes(4), b"\\xff" * 3 + b"\\x7f"))
    file.write_bytes(changed)
    print(seed, end=" ", flush=True)
    signal.alarm(20)
    try:
        counts["right" if load(source).fingerprint == right.fingerprint else "other"] += 1
    except InputError as error:
        assert str(error).isprintable() and str(error).endswith("."), str(error)
        counts["sentence"] += 1
    signal.alarm(0)
print()
print(counts["right"], counts["other"], counts["sentence"])
"""


def _table(folder: Path) -> dict[str, object]:
    return {"a": np.arange(40) / 8, "b": np.arange(40), "label": ["xyz"[row % 3] for row in range(40)]}


def _csv(folder: Path, encoded) -> Path:
    rows = "".join(f"{row / 8},{row},{'xyz'[row % 3]}\n" for row in range(40))
    (folder / "a.csv").write_text(f"a,b,label\n{rows}")
    return folder / "a.csv"


def _npz(folder: Path, encoded) -> Path:
    np.savez(folder / "a.npz", x=np.arange(80.0).reshape(40, 2), y=np.array(["x", "yy"] * 20))
    return folder / "a.npz"


def _npz_compressed(folder: Path, encoded) -> Path:
    np.savez_compressed(folder / "a.npz", x=np.arange(240, dtype=np.uint8).reshape(10, 8, 3), y=np.arange(10) % 2)
    return folder / "a.npz"


def _parquet(folder: Path, encoded) -> Path:
    pq.write_table(pa.table(_table(folder)), folder / "a.parquet", row_group_size=15)
    return folder / "a.parquet"


def _parquet_images(folder: Path, encoded) -> Path:
    cells = [{"bytes": encoded(np.full((5, 4, 3), value, np.uint8)), "path": None} for value in range(10)]
    pq.write_table(pa.table({"image": cells, "label": np.arange(10) % 2}), folder / "a.parquet", row_group_size=4)
    return folder / "a.parquet"


def _mat(folder: Path, encoded) -> Path:
    arrays = {"X": np.zeros((32, 32, 3, 10), np.uint8), "y": np.arange(1, 11)[:, None]}
    scipy.io.savemat(folder / "train_32x32.mat", arrays, do_compression=True)
    return folder / "train_32x32.mat"


def _image(form: str, suffix: str):
    def write(folder: Path, encoded) -> Path:
        for name in "ab":
            (folder / name).mkdir()
            pixels = np.random.default_rng(0).integers(0, 256, (16, 15, 3)).astype(np.uint8)
            (folder / name / f"1.{suffix}").write_bytes(encoded(pixels, form))
        return folder / "a" / f"1.{suffix}"

    return write


WRITERS = {
    "csv": _csv,
    "npz": _npz,
    "npz, compressed": _npz_compressed,
    "parquet": _parquet,
    "parquet of images": _parquet_images,
    "mat": _mat,
    "png": _image("PNG", "png"),
    "jpg": _image("JPEG", "jpg"),
    "gif": _image("GIF", "gif"),
    "webp": _image("WEBP", "webp"),
    "tif": _image("TIFF", "tif"),
}
CHECKED = ("npz", "npz, compressed", "mat", "png")  # by a checksum of their own


@pytest.mark.parametrize("kind", WRITERS)
def test_changed_bytes_are_data_or_one_sentence(tmp_path, encoded, kind):
    file = WRITERS[kind](tmp_path, encoded)
    source = ["svhn", str(tmp_path)] if kind == "mat" else [str(tmp_path if file.parent != tmp_path else file)]
    code = CHILD.replace("TRIES", str(TRIES))
    done = subprocess.run([sys.executable, "-c", code, str(file), *source], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"after {done.stdout[-20:]}: {done.stderr[-2000:]}"
    right, other, sentences = map(int, done.stdout.splitlines()[-1].split())
    assert right + other + sentences == TRIES
    assert sentences > TRIES // 5
    if kind in CHECKED:
        assert other == 0
