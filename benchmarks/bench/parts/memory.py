"""Memory that training takes, in multiples of the data's size."""

from collections.abc import Mapping
from typing import Any

from bench._part import Part, Setting
from bench._pictures import SHAPE
from bench._processes import script
from bench._resident import peak_memory
from bench._tables import Table
from bench._turns import Spread, spread

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
    programs = {}
    for what in _PROGRAMS:
        many = [_peak(what, samples, setting) for _ in range(turns)]
        few = [_peak(what, _FEW, setting) for _ in range(turns)]
        programs[what] = {
            "peak": spread(many),
            "peak_of_few": spread(few),
            "data_sizes": spread([(one - other) / size for one, other in zip(many, few, strict=True)]),
        }
    return {
        "samples": samples,
        "data_bytes": size,
        "import": spread([_peak("import", 0, setting) for _ in range(turns)]),
        "programs": programs,
    }


def _peak(what: str, samples: int, setting: Setting) -> float:
    return float(peak_memory([script("_memory_child.py"), what, str(samples)], threads=setting.threads))


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


PART = Part(
    name="memory",
    title="Memory",
    prose="""
Peak memory of a fresh process together with the workers it starts; memory that they share counts once. The same
program also runs with very few pictures; the difference, divided by the size of the pictures in bytes, is the number of
copies of the data at the peak. Two workers map the data from one file, and each has copies of its own of what its
trial trains and is evaluated on.
""",
    measure=_measure,
    tables=_tables,
)
