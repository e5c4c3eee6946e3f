"""The page on data."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

from warmstart.data import DataSource

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
# Of other data than tables, or on other pages.
ELSEWHERE = {"name", "directory", "subset", "max_bytes", "image_size", "options"}


def test_its_example_runs(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "example.py").write_text(code)
    done = subprocess.run([sys.executable, "-W", "error", "example.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_it_names_every_flag_of_tables():
    flags = {f"--{field.name.replace('_', '-')}" for field in fields(DataSource) if field.name not in ELSEWHERE}
    assert {flag for flag in flags if f"`{flag}" not in PAGE} == set()
