"""The program that a release waits for runs, keeps what it measured, misses no export, and sees what got worse."""

import json
from pathlib import Path

import pytest
import torch

import run_gpu
from bench import _turns, main
from bench._loops import studied, study_of
from bench._main import blocks_of, compare, read_results
from bench._part import Gate
from bench._pictures import SHAPE, dataset
from bench._processes import peak_memory, run_python
from bench._turns import Setting, ratio, spread, take_turns
from bench.parts import PARTS, demo, memory, start_up
from bench.parts.demo import COMMAND
from warmstart import strategies
from warmstart.executors import Execution
from warmstart.models import LogisticRegression
from warmstart.strategies import Cold, Strategy, Warm
from warmstart.studies import run_study

ROOT = Path(__file__).parents[1]
RECORDED = ROOT / "benchmarks/results/cpu-1-thread.json"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Two parts, measured one after the other into one file, and a page of both; no processes are started."""
    folder = tmp_path_factory.mktemp("bench")
    file, page = folder / "figures.json", folder / "page.md"
    page.write_text("# Page\n\n<!-- start-up -->\n<!-- end -->\n\n<!-- strategies -->\n<!-- end -->\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(start_up, "run_python", lambda arguments, **_: str("torch\n" in arguments[1]))
        assert main(["start-up", "--quick", "--json", str(file)]) == 0
    assert main(["strategies", "--quick", "--json", str(file), "--page", str(page)]) == 0
    return read_results(file), page.read_text()


def test_parts_come_together_in_one_file_with_their_origin(kept):
    parts, _ = kept
    assert list(parts) == ["start-up", "strategies"]
    assert all(part["made"]["turns"] == 1 and part["made"]["quick"] for part in parts.values())


def test_the_page_has_the_tables_of_the_file(kept):
    parts, page = kept
    for name, part in parts.items():
        for table in PARTS[name].tables(part["measured"]):
            assert table.markdown() in page


def test_every_exported_strategy_is_measured_and_stops_a_release(kept):
    parts, _ = kept
    measured = parts["strategies"]["measured"]
    names = {name.split(":")[0].replace("-", "") for name in measured["pure"]}
    assert names == {kind.__name__.lower() for kind in Strategy.__subclasses__() if kind in vars(strategies).values()}
    assert len(PARTS["strategies"].gates(measured)) == len(measured["pure"]) + len(measured["in_place"])


def test_an_unknown_part_is_refused():
    with pytest.raises(SystemExit, match=r"PART must be one of training, .*, got nothing"):
        main(["nothing"])


def test_quick_figures_are_compared_with_nothing():
    with pytest.raises(SystemExit, match="leave one out"):
        main(["training", "--quick", "--against", str(RECORDED)])


def test_the_demo_that_is_measured_is_that_of_the_makefile():
    recipe = (ROOT / "Makefile").read_text().split("demo:", 1)[1].split("test:", 1)[0]
    assert [word for word in COMMAND.removesuffix(" --workers 1").split() if word not in recipe.split()] == []


@pytest.mark.parametrize("name", ["training", "workers"])
def test_a_part_can_be_measured(name):
    measured = json.loads(json.dumps(PARTS[name].measure(Setting(repeats=1, quick=True))))
    assert all(table.rows for table in PARTS[name].tables(measured))
    assert all(gate.figure["median"] > 0 for gate in PARTS[name].gates(measured).values())


def test_the_demo_is_timed_beside_what_its_rounds_report(monkeypatch):
    study = study_of(LogisticRegression(), 1, strategies=(Cold(), Warm()))
    execution = Execution(workers=1, device="cpu")
    ran = []

    def run_python(arguments, **_):
        ran.append(run_study(study, arguments[arguments.index("--out") + 1], dataset=dataset(60), execution=execution))

    monkeypatch.setattr(demo, "run_python", run_python)
    measured = PARTS["demo"].measure(Setting(quick=True))
    rounds = {(record.round, record.seconds) for record in ran[0].rounds}
    assert measured["phases"]["rounds"] == len(rounds) == 3, "the first round is shared"
    training = sum(seconds for _, seconds in rounds)
    (gate,) = PARTS["demo"].gates(measured).values()
    assert gate.figure["median"] == pytest.approx(measured["phases"]["total"] / training)
    assert gate.figure["median"] > 1
    (table,) = PARTS["demo"].tables(measured)
    assert [row[0] for row in table.rows] == ["the command, 3 rounds of 1 seeds", "training", "everything else"]


def test_only_what_imports_pytorch_is_said_to_do_so(kept):
    imports = kept[0]["start-up"]["measured"]["imports_torch"]
    assert [name for name, does in imports.items() if does] == ["import torch"]


def test_memory_is_counted_in_sizes_of_the_data(monkeypatch):
    size = SHAPE[0] * SHAPE[1] * SHAPE[2]
    copies = {"data": 1, "fit": 1.5, "1": 2, "2": 3, "import": 0}
    monkeypatch.setattr(
        memory, "peak_memory", lambda arguments, **_: 2**20 + copies[arguments[1]] * size * int(arguments[2])
    )
    measured = PARTS["memory"].measure(Setting(quick=True))
    (table,) = PARTS["memory"].tables(measured)
    found = [(5000 - 512) / 5000 * copies[what] for what in ("data", "fit", "1", "2")]
    assert [row[3] for row in table.rows[1:]] == [f"{each:.1f}" for each in found]
    gates = PARTS["memory"].gates(measured)
    assert gates["study, two workers, sizes of the data"].figure["median"] == pytest.approx(found[-1])
    assert gates["fit, MLP, few pictures, MiB"].figure["median"] == pytest.approx(1 + 1.5 * size * 512 / 2**20)


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux")
def test_the_program_whose_memory_is_measured_runs():
    assert peak_memory([str(memory._CHILD), "1", "60"]) > 2**26


def test_what_got_worse_stops_a_release_and_what_was_recorded_does_not(tmp_path, capsys):
    parts = json.loads(RECORDED.read_text())["parts"]
    file = tmp_path / "figures.json"
    file.write_text(json.dumps({"parts": parts}))
    arguments = ["--no-measuring", "--json", str(file), "--against", str(RECORDED)]
    assert main(arguments) == 0
    slower = parts["training"]["measured"]["models"]["MLP, 2 x 100"]["ratios"]["fit_to_bare"]
    slower.update(median=0.8, lower_quartile=0.79, upper_quartile=0.81)
    file.write_text(json.dumps({"parts": parts}))
    assert main(arguments) == 1
    assert "Stops a release: training, fit : bare loop, MLP, 2 x 100.\n" in capsys.readouterr().out


def _gate(median, *, spread=0.01, **options):
    quartiles = {"lower_quartile": median - spread, "upper_quartile": median + spread}
    return Gate({"median": median, **quartiles, "turns": 5}, **options)


@pytest.mark.parametrize(
    ("now", "before", "fails"),
    [
        (_gate(1.04), _gate(1.0), False),
        (_gate(1.1), _gate(1.0), True),
        (_gate(1.1, spread=0.2), _gate(1.0), False),
        (_gate(0.9), _gate(1.0), False),
        (_gate(0.9, higher_is_better=True), _gate(1.0), True),
        (_gate(0.96, higher_is_better=True), _gate(1.0), False),
        (_gate(0.9, spread=0.2, higher_is_better=True), _gate(1.0), False),
        (_gate(1.1, higher_is_better=True), _gate(1.0), False),
        (_gate(1.3, limit=1.25), _gate(1.3), True),
        (_gate(1.2, limit=1.25), _gate(1.0), False),
        (_gate(9.9), None, False),
    ],
)
def test_a_figure_stops_a_release_if_it_is_worse_beyond_its_noise(now, before, fails):
    assert now.fails(before) is fails


def test_a_new_figure_is_shown_as_not_recorded():
    recorded = read_results(RECORDED)
    table, failed = compare({}, {"workers": recorded["workers"]})
    assert ["workers", "one : two workers", "not recorded", "1.89 [1.89, 1.89]", "higher", ""] in table.rows
    assert failed == []


def test_the_page_says_where_every_part_of_the_file_was_measured():
    recorded = read_results(RECORDED)
    origins = blocks_of(recorded)["origins"]
    assert all(f"| {name} | {part['made']['commit']} |" in origins for name, part in recorded.items())


def test_turns_go_to_and_fro_and_each_is_prepared(monkeypatch):
    calls = []

    def way(name):
        def prepare():
            calls.append(f"prepare {name}")
            return lambda: calls.append(name)

        return prepare

    class Timer:
        def __init__(self, statement, setup, globals, num_threads):
            self.run, self.number, self.names = f"{setup}; {statement}", 0, globals
            assert num_threads == 3

        def blocked_autorange(self, min_run_time):
            exec(self.run, self.names)
            self.number += 1
            return type("Measurement", (), {"median": float(self.number)})

    monkeypatch.setattr(_turns, "Timer", Timer)
    found = take_turns({"a": way("a"), "b": way("b")}, Setting(threads=3, repeats=3))
    assert calls == [word for name in "abbaab" for word in (f"prepare {name}", name)]
    assert found == {"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0, 3.0]}


def test_turns_leave_the_number_of_threads():
    before, seen = torch.get_num_threads(), set()
    take_turns({"a": lambda: lambda: seen.add(torch.get_num_threads())}, Setting(threads=2, repeats=1, quick=True))
    assert seen == {2}
    assert torch.get_num_threads() == before


def test_quartiles_stay_within_what_was_measured():
    found = spread([1.0, 2.0])
    assert (found["lower_quartile"], found["median"], found["upper_quartile"]) == (1.25, 1.5, 1.75)
    assert ratio({"a": [2.0, 9.0], "b": [1.0, 3.0]}, "a", "b")["median"] == 2.5


def test_a_study_counts_the_samples_of_a_shared_first_round_once():
    study = study_of(LogisticRegression(), 2, strategies=(Cold(), Warm()))
    run = studied(study, dataset(60), execution=Execution(workers=1, device="cpu"))
    assert run() == 2 * (20 + 40 + 40)


def test_what_a_fresh_process_says_is_in_the_error():
    with pytest.raises(RuntimeError, match="no such thing"):
        run_python(["-c", "raise SystemExit('no such thing')"])


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux")
def test_peak_memory_sees_what_a_program_held_and_gave_back():
    held = "block = bytearray(2**26); del block; import time; time.sleep(0.1)"
    assert 0.9 * 2**26 < peak_memory(["-c", held]) - peak_memory(["-c", "import time; time.sleep(0.1)"]) < 1.2 * 2**26


def test_the_program_for_a_gpu_resumes_where_it_stopped(tmp_path):
    file = tmp_path / "gpu.json"
    command = ["--device", "cpu", "--quick", "--repeats", "1", "--json", str(file), "--only", "lanes"]
    assert run_gpu.main([*command, "--minutes", "0"]) == 0
    first = json.loads(file.read_text())
    assert len(first) == 1
    assert run_gpu.main(command) == 0
    both = json.loads(file.read_text())
    assert len(both) == 2
    assert next(iter(both.values())) == next(iter(first.values()))


@pytest.mark.parametrize("kind", ["training", "study"])
def test_every_other_kind_of_cell_can_be_measured(kind, tmp_path):
    file = tmp_path / "gpu.json"
    assert run_gpu.main(["--device", "cpu", "--quick", "--repeats", "1", "--json", str(file), "--only", kind]) == 0
    cells = json.loads(file.read_text()).values()
    assert cells
    assert all(speed["median"] > 0 for cell in cells for speed in cell["measured"]["samples_per_second"].values())


def test_too_many_lanes_for_the_memory_are_a_result(tmp_path, monkeypatch):
    def cell(setting, device):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.\nTried to allocate")

    monkeypatch.setattr(run_gpu, "cells", lambda setting: {"lanes, all": cell})
    assert run_gpu.main(["--device", "cpu", "--quick", "--json", str(tmp_path / "gpu.json")]) == 0
    (found,) = json.loads((tmp_path / "gpu.json").read_text()).values()
    assert found["measured"] == {"out_of_memory": "CUDA out of memory."}
