import json
import os
import tracemalloc
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from warmstart.data import Dataset, DataSource, load

Encode = Callable[..., bytes]
WriteImages = Callable[..., Path]
WriteTable = Callable[..., Path]
LoadPath = Callable[..., Dataset]


def _encoded(pixels: np.ndarray, form: str = "PNG", mode: str | None = None) -> bytes:
    """Return an image file; lossless, so that what is decoded must be the pixels."""
    buffer = BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(buffer, form, **({"lossless": True} if form == "WEBP" else {}))
    return buffer.getvalue()


@pytest.fixture
def encoded() -> Encode:
    return _encoded


@pytest.fixture
def images() -> np.ndarray:
    """Twelve small colour images (n, channels, height, width), none like another."""
    return np.random.default_rng(3).integers(0, 256, (12, 3, 5, 4)).astype(np.uint8)


@pytest.fixture
def labels() -> np.ndarray:
    return np.arange(12) % 3


@pytest.fixture
def write_images() -> WriteImages:
    """Write images and labels to a parquet file as the hub lays them out."""

    def write(
        path: Path,
        pixels: np.ndarray,
        labels: Sequence[Any] | np.ndarray,
        *,
        columns: tuple[str, str] = ("image", "label"),
        form: str = "PNG",
        metadata: dict[str, Any] | None = None,
        rows_per_group: int = 5,
    ) -> Path:
        cells = [{"bytes": _encoded(image.transpose(1, 2, 0).squeeze(), form), "path": None} for image in pixels]
        table = pa.table({columns[0]: pa.array(cells), columns[1]: pa.array(list(labels))})
        if metadata:
            table = table.replace_schema_metadata({key: json.dumps(value) for key, value in metadata.items()})
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, row_group_size=rows_per_group)
        return path

    return write


@pytest.fixture
def write_table(tmp_path: Path) -> WriteTable:
    """Write columns to a parquet file, or lines to a csv file."""

    def write(name: str, content: dict[str, Any] | str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.write_text(content)
        else:
            pq.write_table(pa.table(content), path)
        return path

    return write


@pytest.fixture
def load_path() -> LoadPath:
    def load_it(path: Path, *, with_test: bool = False, **settings: Any) -> Dataset:
        dataset = load(DataSource(str(path), **settings), with_test=with_test)
        assert isinstance(dataset, Dataset)
        return dataset

    return load_it


@pytest.fixture(autouse=True)
def _no_directory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("WARMSTART_DATA", raising=False)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with data sets of real size, where the machine has one."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("WARMSTART_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip("real data sets are not on this machine: WARMSTART_TEST_DATA does not name their folder")
    return folder


@pytest.fixture
def peak_memory() -> Callable[[Callable[[], Any]], tuple[Any, int]]:
    """Run something; return its result and the most bytes that Python and NumPy held during it."""

    def measured(run: Callable[[], Any]) -> tuple[Any, int]:
        tracemalloc.start()
        try:
            result = run()
            return result, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return measured
