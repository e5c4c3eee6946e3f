"""Throughput of whole studies by number of lanes."""

import tempfile
from typing import Any

from bench._pictures import dataset
from bench._turns import ratio, spreads, take_turns
from warmstart.executors import Execution
from warmstart.models import ResNet18
from warmstart.strategies import Cold, ShrinkPerturb, Warm
from warmstart.streams import TwoPhase
from warmstart.studies import Study, run_study
from warmstart.training import StoppingRule

from ._place import Place

_LANES = (1, 8)


def studied(place: Place) -> dict[str, Any]:
    """Return samples per second of a study of three strategies, from its call to its return."""
    held = dataset(place.some(12_288, 256))
    held.fingerprint  # noqa: B018 - computed once for a data set
    found = take_turns([lambda lanes=lanes: {f"{lanes} lanes": _speed(place, held, lanes)} for lanes in _LANES], 2)
    most = f"{_LANES[-1]} lanes"
    return {"samples_per_second": spreads(found), "ratios": {f"{most} : 1 lanes": ratio(found, most, "1 lanes")}}


def _speed(place: Place, held: Any, lanes: int) -> float:
    stop = StoppingRule(None, patience=None, max_epochs=place.some(4, 1))
    architecture = ResNet18(width=place.some(16, 2))
    study = Study([Cold(), Warm(), ShrinkPerturb()], architecture=architecture, stream=TwoPhase(), stop=stop,
                  seeds=place.some(8, 1))  # fmt: skip
    execution = Execution(workers=1, device=place.device, lanes=lanes, graphs=True)
    with tempfile.TemporaryDirectory() as folder:
        records: list[Any] = []
        seconds = place.seconds(lambda: records.append(run_study(study, folder, dataset=held, execution=execution)))
    return sum(record.samples for record in records[0].rounds) / seconds
