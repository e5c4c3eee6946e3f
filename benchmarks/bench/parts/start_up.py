"""How long a fresh process takes for a minimal task."""

from collections.abc import Mapping
from typing import Any

from bench._part import Part, Setting
from bench._processes import run_python
from bench._tables import Table
from bench._turns import clocked, ratio, spreads, take_turns
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
    ways = [
        clocked(name, lambda code=code: run_python(["-c", code], threads=setting.threads))
        for name, code in _PROGRAMS.items()
    ]
    found = take_turns(ways, setting.repeats)
    return {
        "seconds": spreads(found),
        "to_import_torch": {name: ratio(found, name, _TORCH) for name in _PROGRAMS},
        "imports_torch": {
            name: run_python(["-c", code + _ASKS]).split()[-1] == "True" for name, code in _PROGRAMS.items()
        },
    }


def _tables(measured: Mapping[str, Any]) -> list[Table]:
    rows = [
        [
            name,
            time_text(measured["seconds"][name]),
            ratio_text(measured["to_import_torch"][name]),
            "yes" if torch else "no",
        ]
        for name, torch in measured["imports_torch"].items()
    ]
    return [Table("Fresh processes", ("what", "time", "ratio to `import torch`", "imports PyTorch"), rows)]


PART = Part(
    name="start-up",
    title="Start-up",
    prose="""
Wall-clock of a fresh process from its start to its end, files in the system's cache. What does not train should not
import PyTorch; what needs it cannot be faster than its import, which stands beside it.
""",
    measure=_measure,
    tables=_tables,
)
