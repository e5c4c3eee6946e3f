"""Doctests of modules that need another library are left out where it is not installed; the header says so."""

from importlib.util import find_spec

NEEDED = {"lightning": "lightning", "huggingface": "transformers", "skorch": "skorch"}
MISSING = {module: library for module, library in NEEDED.items() if find_spec(library) is None}
collect_ignore = [f"src/warmstart/integrations/{module}.py" for module in MISSING]


def pytest_report_header():
    return [f"doctests of {module}.py left out: {library} is not installed" for module, library in MISSING.items()]
