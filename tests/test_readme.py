"""The README's Python runs as it stands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL) if README.exists() else []


@pytest.mark.parametrize("block", BLOCKS, ids=["own-loop", "study"])
def test_the_code_runs(block, tmp_path):
    (tmp_path / "readme.py").write_text(block)
    done = subprocess.run(
        [sys.executable, "-W", "error", "readme.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
