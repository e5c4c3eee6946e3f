"""Memory that training takes, in multiples of the data's size."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench._part import Gate, Part, Table
from bench._pictures import SHAPE
from bench._processes import peak_memory
from bench._turns import Setting, Spread, spread

_CHILD = Path(__file__).parents[1] / "_memory_child.py"
_FEW = 512
_PROGRAMS = {
    "data": "the data alone, in memory",
    "fit": "fit, MLP",
    "1": "study, one worker",
    "2": "study, two workers",
}


def _measure(setting: Setting) -> dict[str, Any]:
    samples, turns = setting.some(50_000, 5_000), max(1, setting.repeats // 3)
    size = samples * SHAPE[0] * SHAPE[1] * SHAPE[2]

    def peaks(what: str, samples: int) -> list[float]:
        return [float(peak_memory([str(_CHILD), what, str(samples)], threads=setting.threads)) for _ in range(turns)]

    programs = {}
    for what in _PROGRAMS:
        many, few = peaks(what, samples), peaks(what, _FEW)
        programs[what] = {
            "peak": spread(many),
            "peak_of_few": spread(few),
            "data_sizes": spread([(one - other) / size for one, other in zip(many, few, strict=True)]),
        }
    return {"samples": samples, "data_bytes": size, "import": spread(peaks("import", 0)), "programs": programs}


def _tables(measured: Mapping[str, Any]) -> list[Table]:
    rows = [["importing what runs studies", _mebibytes(measured["import"]), "", ""]]
    rows += [
        [name, _mebibytes(found["peak"]), _mebibytes(found["peak_of_few"]), f"{found['data_sizes']['median']:.1f}"]
        for name, found in ((name, measured["programs"][what]) for what, name in _PROGRAMS.items())
    ]
    size = measured["data_bytes"] / 2**20
    title = f"Peak of memory with {measured['samples']:,} pictures ({size:.0f} MiB) and with {_FEW}"
    return [Table(title, ("program", "many pictures", "few pictures", "difference, in sizes of the data"), rows)]


def _mebibytes(found: Spread) -> str:
    return f"{found['median'] / 2**20:,.0f} MiB"


def _gates(measured: Mapping[str, Any]) -> dict[str, Gate]:
    found = {}
    for what, name in _PROGRAMS.items():
        peak = measured["programs"][what]["peak_of_few"]
        in_mebibytes = {key: value if key == "turns" else value / 2**20 for key, value in peak.items()}
        found[f"{name}, few pictures, MiB"] = Gate(Spread(**in_mebibytes))
        found[f"{name}, sizes of the data"] = Gate(measured["programs"][what]["data_sizes"])
    return found


PART = Part("memory", _measure, _tables, _gates)
