"""The program that measures speed and memory runs, keeps what it measured, and misses nothing that is exported."""

import copy
import json
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from bench import _ceilings as ceilings
from bench import main
from bench._ceilings import LayersAlone
from bench._resident import peak_memory
from bench._spans import Spans, watched
from bench._turns import ratio, spread, take_turns
from bench.parts import PARTS, precision
from bench.parts.demo import COMMAND
from gpu import main as measure_gpu
from warmstart import queries, strategies
from warmstart.queries import Query
from warmstart.strategies import Strategy
from warmstart.training import count_flops

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _threads():
    """Leave the number of threads as it was."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Two parts, measured one after the other into one file, and the page of both."""
    folder = tmp_path_factory.mktemp("bench")
    file, page = folder / "figures.json", folder / "page.md"
    assert main(["queries", "--quick", "--json", str(file)]) == 0
    assert main(["strategies", "--quick", "--json", str(file), "--page", str(page)]) == 0
    return json.loads(file.read_text())["parts"], page.read_text()


def test_parts_come_together_in_one_file_with_their_origin(kept):
    parts, _ = kept
    assert list(parts) == ["strategies", "queries"]
    assert all(part["made"]["turns"] == 1 and part["made"]["quick"] for part in parts.values())


def test_the_page_has_the_tables_of_the_file(kept):
    parts, page = kept
    for name, part in parts.items():
        for table in PARTS[name].tables(part["measured"]):
            assert all(f"| {' | '.join(row)} |" in page for row in table.rows)


def test_every_exported_strategy_and_query_is_measured(kept):
    parts, _ = kept
    names = {name.split(":")[0].replace("-", "") for name in parts["strategies"]["measured"]["pure"]}
    assert names == {kind.__name__.lower() for kind in Strategy.__subclasses__() if kind in vars(strategies).values()}
    asked = {name.split(",")[0] for name in parts["queries"]["measured"]["queries"]}
    assert asked == {kind.__name__ for kind in Query.__subclasses__() if kind in vars(queries).values()}


def test_an_unknown_part_is_refused():
    with pytest.raises(SystemExit, match=r"PART must be one of training, .*, got nothing"):
        main(["nothing"])


def test_the_demo_that_is_watched_is_that_of_the_makefile():
    recipe = (ROOT / "Makefile").read_text().split("demo:", 1)[1].split("test:", 1)[0]
    assert [word for word in COMMAND.removesuffix(" --workers 1").split() if word not in recipe.split()] == []


def test_turns_go_to_and_fro_and_the_first_is_dropped():
    calls = []

    def way(name):
        return lambda: calls.append(name) or {name: float(len(calls))}

    found = take_turns([way("a"), way("b")], 2)
    assert calls == ["a", "b", "b", "a", "a", "b"]
    assert found == {"a": [4.0, 5.0], "b": [3.0, 6.0]}


def test_quartiles_stay_within_what_was_measured():
    found = spread([1.0, 2.0])
    assert (found["lower_quartile"], found["median"], found["upper_quartile"]) == (1.25, 1.5, 1.75)
    assert ratio({"a": [2.0, 9.0], "b": [1.0, 3.0]}, "a", "b")["median"] == 2.5


def test_a_span_does_not_count_the_spans_inside_it():
    spans = Spans()
    with spans.span("outer"), spans.span("inner"):
        time.sleep(0.05)
    assert spans.seconds["inner"] >= 0.05
    assert 0 <= spans.seconds["outer"] < spans.seconds["inner"]


def test_a_place_that_is_not_there_is_an_error():
    with pytest.raises(AttributeError), watched({"warmstart.trial._round.no_such_function": "nothing"}):
        pass


def test_the_ceiling_is_the_best_of_several_kernels(monkeypatch):
    monkeypatch.setattr(ceilings, "_EMULATED", 0)
    measure = ceilings.Ceilings(quick=False, copies=False)
    for kind, kernels in measure._kernels.items():
        assert len(kernels) > 5
        rates = {name: float(number) for number, name in enumerate(kernels)}
        measure._kernels[kind] = {name: lambda rate=rate: rate for name, rate in rates.items()}
    found = measure()
    assert set(found) == set(measure.names)
    for kind, kernels in measure._kernels.items():
        assert found[f"products, {kind}"] == len(kernels) - 1


def test_kernels_that_would_take_minutes_are_left_out(monkeypatch):
    monkeypatch.setattr(ceilings, "_EMULATED", float("inf"))
    measure = ceilings.Ceilings(quick=False, copies=False)
    assert [len(kernels) for kernels in measure._kernels.values()] == [1, 1]


@pytest.mark.parametrize(
    "rate",
    [
        ceilings._products(64, torch.float32, repeats=2),
        ceilings._products(64, torch.bfloat16),
        ceilings._convolution(2, 8, 4, 1, torch.float32),
        ceilings._convolution(2, 8, 4, 3, torch.bfloat16),
    ],
)
def test_a_kernel_is_credited_with_the_operations_that_it_does(rate, monkeypatch):
    monkeypatch.setattr(ceilings, "repeated", lambda call, times: [call() for _ in range(times)] and 1.0)
    with count_flops() as count:
        in_one_second = rate()
    assert in_one_second == count.total


def test_rounded_products_are_put_back():
    switch = torch.backends.mkldnn.matmul
    before = switch.fp32_precision
    with precision._products_in_bfloat16():
        assert switch.fp32_precision == "bf16"
    assert switch.fp32_precision == before


def test_linear_layers_by_onednn_give_the_same_gradients():
    plain = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2))
    other = precision._by_onednn(copy.deepcopy(plain))
    inputs = torch.randn(3, 5)
    for model in (plain, other):
        model(inputs).square().sum().backward()
    assert type(other[0]) is not nn.Linear
    for one, two in zip(plain.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(one.grad, two.grad)


def test_precisions_are_measured_side_by_side(tmp_path):
    file = tmp_path / "figures.json"
    assert main(["precision", "--quick", "--json", str(file)]) == 0
    models = json.loads(file.read_text())["parts"]["precision"]["measured"]["models"]
    assert {"MLP, 2 x 100", "ResNet-18, width 16", "ResNet-18, width 64"} <= set(models)
    for name, model in models.items():
        assert set(model["samples_per_second"]) == {"fp32", "bf16"}
        assert model["bf16_to_fp32"]["median"] > 0
        assert ("oneDNN" in model["ways_to_float32"]) == ("ResNet" not in name)


def test_layers_alone_are_the_layers_of_the_model():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(8, 2))
    alone = LayersAlone(model, torch.ones(2, 1, 4, 4))
    assert [type(module) for module, _, _ in alone._calls] == [nn.Conv2d, nn.Linear]
    assert [given.requires_grad for _, given, _ in alone._calls] == [False, True]
    alone.forward_backward()
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux")
def test_peak_memory_sees_what_a_program_held_and_gave_back():
    held = "block = bytearray(2**26); del block; import time; time.sleep(0.1)"
    assert 0.9 * 2**26 < peak_memory(["-c", held]) - peak_memory(["-c", "import time; time.sleep(0.1)"]) < 1.2 * 2**26


def test_a_span_of_a_generator_is_that_of_its_turns(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def work():
        yield 1
        clock[0] += 5
        return 2

    spans = Spans()
    turns = spans.spanning("work", work)()
    assert next(turns) == 1
    clock[0] += 100  # others have their turn
    with pytest.raises(StopIteration) as end:
        next(turns)
    assert end.value.value == 2
    assert spans.seconds["work"] == 5


def test_the_program_for_a_gpu_resumes_where_it_stopped(tmp_path):
    command = ["--device", "cpu", "--quick", "--repeats", "1", "--json", str(tmp_path / "gpu.json")]
    assert measure_gpu([*command, "--only", "growth", "--minutes", "0"]) == 0
    first = json.loads((tmp_path / "gpu.json").read_text())
    assert len(first) == 1
    assert measure_gpu([*command, "--only", "growth"]) == 0
    both = json.loads((tmp_path / "gpu.json").read_text())
    assert len(both) == 4
    assert next(iter(both.values())) == next(iter(first.values()))


@pytest.mark.parametrize("kind", ["ceilings", "equality", "training", "lanes", "study", "profile"])
def test_every_kind_of_cell_can_be_measured(kind, tmp_path):
    file = tmp_path / "gpu.json"
    assert measure_gpu(["--device", "cpu", "--quick", "--repeats", "1", "--json", str(file), "--only", kind]) == 0
    assert all(cell["measured"] for cell in json.loads(file.read_text()).values())
