"""How long a fresh process takes for a minimal task, beside one that imports PyTorch."""

from collections.abc import Mapping
from typing import Any

from bench._part import Gate, Part, Table
from bench._processes import run_python
from bench._turns import Setting, ratio, spreads, take_turns
from bench._words import ratio_text, time_text

_TORCH = "import torch"
_COMMAND = """
import sys
from warmstart.cli import main
try:
    main({arguments!r})
except SystemExit:
    pass
"""
_PROGRAMS = {
    "python, nothing": "import sys",
    "warmstart --help": _COMMAND.format(arguments=["--help"]),
    "warmstart strategies": _COMMAND.format(arguments=["strategies"]),
    "import warmstart": "import sys, warmstart",
    "import warmstart.training": "import sys, warmstart.training",
    "import warmstart.studies": "import sys, warmstart.studies",
    _TORCH: "import sys, torch",
}
_ASKS = "\nprint('torch' in sys.modules)"


def _measure(setting: Setting) -> dict[str, Any]:
    def way(code: str) -> Any:
        return lambda: lambda: run_python(["-c", code], threads=setting.threads)

    found = take_turns({name: way(code) for name, code in _PROGRAMS.items()}, setting)
    imports = {name: run_python(["-c", code + _ASKS]).split()[-1] == "True" for name, code in _PROGRAMS.items()}
    to_torch = {name: ratio(found, name, _TORCH) for name in _PROGRAMS}
    return {"seconds": spreads(found), "to_import_torch": to_torch, "imports_torch": imports}


def _tables(measured: Mapping[str, Any]) -> list[Table]:
    rows = [
        [name, time_text(found), ratio_text(measured["to_import_torch"][name]),
         "yes" if measured["imports_torch"][name] else "no"]
        for name, found in measured["seconds"].items()
    ]  # fmt: skip
    return [Table("Fresh processes", ("what", "time", "ratio to `import torch`", "imports PyTorch"), rows)]


def _gates(measured: Mapping[str, Any]) -> dict[str, Gate]:
    own = {name: found for name, found in measured["to_import_torch"].items() if "warmstart" in name}
    return {f"{name} : {_TORCH}": Gate(found) for name, found in own.items()}


PART = Part("start-up", _measure, _tables, _gates)
