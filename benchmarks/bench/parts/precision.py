"""How fast bfloat16 trains beside float32, and what other ways there are to compute less exactly or elsewhere."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from bench._ceilings import Ceilings
from bench._loops import bare_loop, fitted
from bench._part import Part, Setting
from bench._pictures import BATCH, dataset, tensors
from bench._tables import Table
from bench._turns import Way, ratio, spread, spreads, take_turns
from bench._words import percent_text, ratio_text
from warmstart.training import Precision, TensorData
from warmstart.training._precision import arithmetic

from .training import Case, cases, ceiling_rows

_KINDS = {Precision.FP32: "float32", Precision.BF16: "bfloat16"}
_PLAIN = "float32"
_MKLDNN: Any = torch.backends.mkldnn
_WAYS = ("autocast", "products", "autocast and products", "oneDNN")


def _measure(setting: Setting) -> dict[str, Any]:
    ceilings = Ceilings(quick=setting.quick, copies=False)
    models: dict[str, Any] = {}
    limits: dict[str, list[float]] = {}
    for name, case in cases(setting).items():
        found = take_turns([ceilings, *_ways(case)], max(1, round(case.turns * setting.repeats)))
        models[name] = _summed_up(found)
        for ceiling in ceilings.names:
            limits.setdefault(ceiling, []).extend(found[ceiling])
    return {"models": models, "ceilings": spreads(limits)}


def _ways(case: Case) -> list[Way]:
    """Return all ways of training a model, each giving samples per second."""
    data, work = tensors(dataset(case.samples).train), case.samples * case.epochs
    few = data.take(torch.arange(min(BATCH, case.samples)))

    def fit(precision: Precision) -> dict[str, float]:
        if case.warms_up:
            fitted(case.model(), few, 1, precision)
        seconds, cost = fitted(case.model(), data, case.epochs, precision)
        assert cost.flops is not None, "the built-in models can be counted"
        return {str(precision): work / seconds, "flops": cost.flops / cost.samples}

    def bare(name: str, build: Callable[[], nn.Module], around: Callable[[], AbstractContextManager[object]]) -> Way:
        def train(held: TensorData, epochs: int) -> float:
            return bare_loop(build(), held, epochs, assembled=False, around=around)

        def way() -> Mapping[str, float]:
            if case.warms_up:
                train(few, 1)
            return {name: work / train(data, case.epochs)}

        return way

    autocast = partial(arithmetic, Precision.BF16, torch.device("cpu"))
    ways: list[Way] = [partial(fit, precision) for precision in _KINDS]
    ways += [bare(_PLAIN, case.model, nullcontext), bare("autocast", case.model, autocast)]
    if hasattr(_MKLDNN, "matmul"):  # since PyTorch 2.9
        ways += [
            bare("products", case.model, _products_in_bfloat16),
            bare("autocast and products", case.model, lambda: _both(autocast)),
        ]
    if not any(isinstance(module, nn.Conv2d) for module in case.model().modules()):
        ways.append(bare("oneDNN", lambda: _by_onednn(case.model()), nullcontext))
    return ways


@contextmanager
def _products_in_bfloat16() -> Iterator[None]:
    """Let products of float32 matrices round their factors to bfloat16; their sums and results stay float32."""
    before = _MKLDNN.matmul.fp32_precision
    _MKLDNN.matmul.fp32_precision = "bf16"
    try:
        yield
    finally:
        _MKLDNN.matmul.fp32_precision = before


@contextmanager
def _both(autocast: Callable[[], AbstractContextManager[object]]) -> Iterator[None]:
    with autocast(), _products_in_bfloat16():
        yield


class _OneDnnLinear(nn.Module):
    """A linear layer whose product oneDNN computes, forward and backward: its tensors have to be in its own layout.

    Args:
        linear: Its parameters.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight, self.bias = linear.weight, linear.bias

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the layer's outputs, in the usual layout."""
        return F.linear(inputs.to_mkldnn(), self.weight, self.bias).to_dense()


def _by_onednn(model: nn.Module) -> nn.Module:
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Linear):
            model.set_submodule(name, _OneDnnLinear(module))
    return model


def _summed_up(found: dict[str, list[float]]) -> dict[str, Any]:
    flops = found.pop("flops")[0]
    for precision in _KINDS:
        found[f"{precision}, FLOP"] = [flops * speed for speed in found[precision]]
    return {
        "samples_per_second": {str(precision): spread(found[precision]) for precision in _KINDS},
        "bf16_to_fp32": ratio(found, Precision.BF16, Precision.FP32),
        "share_of_best_kernel": {
            str(precision): ratio(found, f"{precision}, FLOP", f"products, {kind}")
            for precision, kind in _KINDS.items()
        },
        "ways_to_float32": {way: ratio(found, way, _PLAIN) for way in _WAYS if way in found},
        "flops_per_sample": flops,
    }


def _tables(measured: Mapping[str, Any]) -> list[Table]:
    models = measured["models"]
    return [
        Table(
            "bfloat16 beside float32",
            ("model", "fp32, samples/s", "bf16, samples/s", "bf16 : fp32", "fp32, share of the best float32 kernel",
             "bf16, share of the best bfloat16 kernel"),
            [_row(name, model) for name, model in models.items()],
        ),
        Table(
            "Other ways, beside the bare loop in float32",
            ("model", "autocast, as bf16 does", "rounded products", "both", "float32, linear layers by oneDNN"),
            [_other_row(name, model["ways_to_float32"]) for name, model in models.items()],
        ),
        Table("Kernels", ("what", "rate"), ceiling_rows(measured["ceilings"])),
    ]  # fmt: skip


def _row(name: str, model: Mapping[str, Any]) -> list[str]:
    speeds = [f"{spread['median']:,.0f}" for spread in model["samples_per_second"].values()]
    shares = [percent_text(spread) for spread in model["share_of_best_kernel"].values()]
    return [name, *speeds, ratio_text(model["bf16_to_fp32"]), *shares]


def _other_row(name: str, ways: Mapping[str, Any]) -> list[str]:
    return [name, *(ratio_text(ways[way]) if way in ways else "" for way in _WAYS)]


PART = Part(
    name="precision",
    title="Precision",
    prose="""
`--precision bf16` computes in bfloat16 what autocast finds safe; `--precision auto` does so where the processor has
instructions for it (AVX512-BF16 or AMX) and is fp32 elsewhere. What it does to accuracies and to the warm-start gap
is in [precision.md](precision.md). Both precisions are timed by turns, with all of `fit`. The best kernel
of a precision is the fastest of the table *Kernels*; the operations of bf16 are counted against it though some of
them, such as sums of BatchNorm, stay in float32.

What else could be done, each beside a bare loop in float32 in the same turn:

- *Rounded products*: `torch.backends.mkldnn.matmul.fp32_precision = "bf16"` instead of autocast. Only the factors of
  matrix products are rounded then, and convolutions stay as they are: another arithmetic than `bf16`, for networks of
  linear layers alone. *Both* sets it within autocast, too. Where both are no faster than autocast alone, `bf16` has
  nothing to gain by it; it does not set it, and `fp32`, which is strict, switches it off for its steps.
- *Linear layers by oneDNN*, in float32. PyTorch computes them with MKL, and no public switch says otherwise for
  training: `torch.backends.mkldnn.matmul.fp32_precision` reaches oneDNN only with rounded factors, and
  `torch.utils.mkldnn` is for inference. What remains is to bring each layer's inputs into oneDNN's layout and its
  outputs back, in the user's model. Where this ratio is below 1 it costs more than it gains; `fit` does not do it.
""",
    measure=_measure,
    tables=_tables,
)
