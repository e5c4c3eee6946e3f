"""Rounds begun in other libraries as the page on them says have the weights of `renew_`, and train from them.

Each was run with the version below, which the page names. Where a library is missing, its test is skipped.
"""

import inspect
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs/other-libraries.md").read_text(encoding="utf-8")
SECTIONS = re.findall(r'<a id="([\w-]+)"></a>\n\n## .*?\n\n(.*?)```python\n(.*?)```', PAGE, re.DOTALL)
VERSIONS = {
    "keras": "Keras 3.15.1",
    "ray-train": "Ray 2.60.0",
    "timm": "timm 1.0.31",
    "ultralytics": "Ultralytics 8.4.190",
    "darts": "Darts 0.48.1",
    "neuralforecast": "NeuralForecast 3.3.0",
    "modal": "modAL 0.4.2.1 with scikit-learn 1.7.2 and skorch 1.4.0",
    "small-text": "small-text 1.4.1",
    "baal": "baal 2.1.0",
}
NEEDED = {"ray-train": ["ray", "pandas", "pyarrow"], "modal": ["modAL", "skorch"], "small-text": ["small_text"]}
# They, or the releases of others that they run with, warn of what is no fault of the code on the page.
WARN = {"ultralytics", "darts", "neuralforecast", "modal", "baal"}


@pytest.mark.parametrize(("name", "text", "code"), SECTIONS, ids=[name for name, _, _ in SECTIONS])
def test_a_round_begins_with_the_weights_of_its_seed_and_number(name, text, code, tmp_path):
    assert text.startswith(f"{VERSIONS[name]}. ")
    for module in NEEDED.get(name, [name]):
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed; this was run with {VERSIONS[name]}")
    if name == "modal":
        from sklearn.utils import check_X_y

        if "force_all_finite" not in inspect.signature(check_X_y).parameters:
            pytest.skip("modAL needs scikit-learn below 1.8")
    (tmp_path / "code.py").write_text(code, encoding="utf-8")
    if name == "ultralytics":
        write_images(tmp_path)
    done = subprocess.run(
        [sys.executable, *([] if name in WARN else ["-W", "error"]), TESTS / "checked_rounds.py", "code.py", "2,3"],
        cwd=tmp_path,
        env={**os.environ, "YOLO_CONFIG_DIR": str(tmp_path), "YOLO_OFFLINE": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def write_images(folder):
    from PIL import Image

    draw = np.random.default_rng(0)
    for part in ("images", "labels"):
        (folder / part).mkdir()
    for number in range(4):
        Image.fromarray(draw.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(folder / f"images/{number}.png")
        (folder / f"labels/{number}.txt").write_text("0 0.5 0.5 0.3 0.3\n")
    (folder / "seen.yaml").write_text(f"path: {folder}\ntrain: images\nval: images\nnames: [thing]\n")


def test_every_library_has_code_on_the_page():
    assert [name for name, _, _ in SECTIONS] == list(VERSIONS)
