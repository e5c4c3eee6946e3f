"""Training on a GPU: throughput by way of training, of lanes, and of whole studies.

    python benchmarks/run_gpu.py --json gpu.json

Measures cell by cell, keeps each at once, and resumes when it is run again. ``--device cpu --quick`` shows on any
machine that it runs.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench._loops import bare_loop, fitted, studied, study_of
from bench._part import Table
from bench._pictures import CLASSES, SHAPE, dataset, tensors
from bench._turns import Setting, Way, ratio, spreads, take_turns
from bench._words import ratio_text
from warmstart.basics import generator_for, write_atomically
from warmstart.executors import Execution
from warmstart.models import MLP, Architecture, LogisticRegression, ResNet18
from warmstart.store import provenance
from warmstart.strategies import Cold, ShrinkPerturb, Warm
from warmstart.training import Precision, Recipe, StoppingRule, TensorData, fitting, run_lanes

Cell = Callable[[Setting, str], dict[str, Any]]
PRECISIONS = (Precision.FP32, Precision.TF32, Precision.BF16)
LANES = (2, 8, 32)


@dataclass(frozen=True)
class Case:
    """A model to train, and on how many samples.

    Args:
        architecture: Builds it.
        small: A smaller one, for a quick run.
        samples: Number of pictures.
        epochs: Passes over them in a call.
    """

    architecture: Architecture
    small: Architecture
    samples: int
    epochs: int

    def model(self, setting: Setting, device: str, seed: int = 0) -> nn.Module:
        """Return a fresh model in training mode, on the device."""
        architecture = self.small if setting.quick else self.architecture
        return architecture.build(SHAPE, CLASSES, generator=generator_for(seed)).to(device).train()

    def data(self, setting: Setting, device: str) -> TensorData:
        """Return random pictures, on the device."""
        return tensors(setting.some(self.samples, 128)).to(device)


CASES = {
    "ResNet-18, width 16": Case(ResNet18(width=16), ResNet18(width=2), 16_384, 2),
    "MLP, 2 x 100": Case(MLP(), MLP(width=8), 32_768, 8),
    "logistic regression": Case(LogisticRegression(), LogisticRegression(), 32_768, 8),
    "ResNet-18, width 64": Case(ResNet18(width=64), ResNet18(width=4), 8_192, 1),
}


def cells(setting: Setting) -> dict[str, Cell]:
    """Return what is measured by name, most important first: each by itself, so that a run can stop between any two."""
    found: dict[str, Cell] = {f"training, {name}": partial(training, case) for name, case in CASES.items()}
    for name in list(CASES)[:2]:
        for lanes in LANES[: setting.some(len(LANES), 1)]:
            found[f"lanes, {name}, {lanes}"] = partial(in_lanes, CASES[name], lanes)
    return {**found, "study": study}


def training(case: Case, setting: Setting, device: str) -> dict[str, Any]:
    """Measure `fit` by precision, with steps recorded or plain, beside the bare loop."""
    data, epochs = case.data(setting, device), setting.some(case.epochs, 1)

    def fit(precision: Precision, *, graphs: bool) -> Way:
        return lambda: fitted(case.model(setting, device), data, epochs, precision, graphs=graphs)

    ways: dict[str, Way] = {
        "bare": lambda: bare_loop(case.model(setting, device), data, epochs),
        **{f"fit, {precision}": fit(precision, graphs=False) for precision in PRECISIONS},
        **{f"fit, {precision}, recorded": fit(precision, graphs=True) for precision in PRECISIONS},
    }
    return speeds(ways, dict.fromkeys(ways, len(data) * epochs), setting, reference="bare")


def in_lanes(case: Case, lanes: int, setting: Setting, device: str) -> dict[str, Any]:
    """Measure as many trainings as there are lanes, all together, beside one alone."""
    data, epochs = case.data(setting, device), setting.some(case.epochs, 1)

    def way(lanes: int) -> Way:
        def prepare() -> Callable[[], object]:
            models = [case.model(setting, device, seed) for seed in range(lanes)]
            stop = StoppingRule(None, patience=None, max_epochs=epochs)

            def call() -> None:
                works = [
                    fitting(model, data, recipe=Recipe(), stop=stop, generator=generator_for(seed), graphs=True)
                    for seed, model in enumerate(models)
                ]
                run_lanes(works, device=device, lanes=lanes)

            return call

        return prepare

    work = {"alone": len(data) * epochs, "lanes": lanes * len(data) * epochs}
    return speeds({"alone": way(1), "lanes": way(lanes)}, work, setting, reference="alone")


def study(setting: Setting, device: str) -> dict[str, Any]:
    """Measure a study of three strategies, from its call to its return, by number of lanes."""
    held, architecture = dataset(setting.some(12_288, 256)), ResNet18(width=setting.some(16, 2))
    arms = (Cold(), Warm(), ShrinkPerturb())
    whole = study_of(architecture, setting.some(4, 1), seeds=setting.some(8, 1), strategies=arms)
    runs = {
        f"{lanes} lanes": studied(whole, held, execution=Execution(workers=1, device=device, lanes=lanes, graphs=True))
        for lanes in (1, 8)
    }
    work = dict.fromkeys(runs, runs["8 lanes"]())
    return speeds({name: lambda run=run: run for name, run in runs.items()}, work, setting, reference="1 lanes")


def speeds(ways: Mapping[str, Way], work: Mapping[str, int], setting: Setting, *, reference: str) -> dict[str, Any]:
    """Return samples per second of every way, which the timer waits for the device to have finished, and ratios."""
    found = {name: [work[name] / turn for turn in turns] for name, turns in take_turns(ways, setting).items()}
    ratios = {f"{name} : {reference}": ratio(found, name, reference) for name in ways if name != reference}
    return {"samples_per_second": spreads(found), "ratios": ratios}


def main(arguments: Sequence[str]) -> int:
    """Measure cells until all are measured or the time is over; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True, help="where figures are stored, cell by cell")
    parser.add_argument("--minutes", type=float, default=9, help="start no further cell after this time (default: 9)")
    parser.add_argument("--only", metavar="KIND", help="only cells of a kind, such as lanes")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--quick", action="store_true", help="less of everything: only checks that it runs")
    parser.add_argument("--repeats", type=int, default=3, help="turns (default: 3)")
    options = parser.parse_args(arguments)
    if options.device != "cpu" and not torch.cuda.is_available():
        raise SystemExit("PyTorch finds no CUDA device; --device cpu --quick only checks that the program runs.")
    setting = Setting(torch.get_num_threads(), options.repeats, options.quick)
    chosen = {name: cell for name, cell in cells(setting).items() if options.only in (None, name.split(",")[0])}
    results = json.loads(options.json.read_text()) if options.json.exists() else {}
    begin, todo = time.monotonic(), [name for name in chosen if name not in results]
    for name in todo:
        if name != todo[0] and time.monotonic() - begin > options.minutes * 60:
            break
        made = provenance(device=options.device, workers=1, threads=setting.threads)
        try:
            measured = chosen[name](setting, options.device)
        except torch.cuda.OutOfMemoryError as error:  # too many lanes for the memory are a result, too
            measured = {"out_of_memory": str(error).splitlines()[0]}
        results[name] = {"measured": measured, "made": {**made, "turns": setting.repeats, "quick": setting.quick}}
        options.json.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(options.json, json.dumps(results, indent=2) + "\n")
    print(shown(results).markdown())
    left = [name for name in chosen if name not in results]
    remaining = f"{len(left)} cells are left: run the same command again to resume."
    print(remaining if left else "All cells are measured.")
    return 0


def shown(results: Mapping[str, Any]) -> Table:
    """Return all figures: median and quartiles."""
    rows = []
    for cell, result in results.items():
        measured = result["measured"]
        rows += [[cell, "out of memory", measured["out_of_memory"]]] if "out_of_memory" in measured else []
        for name, found in measured.get("samples_per_second", {}).items():
            rows.append([cell, f"{name}, samples/s", f"{found['median']:,.0f}"])
        rows += [[cell, name, ratio_text(found)] for name, found in measured.get("ratios", {}).items()]
    return Table("", ("cell", "figure", "median [quartiles]"), rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
