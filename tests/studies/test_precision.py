"""What a study stores of its precision."""

from dataclasses import replace

import pytest
import torch

from runs import ONE, interrupt, results
from warmstart.basics import InputError
from warmstart.executors import Execution
from warmstart.studies import read_study, run_study
from warmstart.training import Precision, Recipe

PROCESSORS = {Precision.FP32: {}, Precision.BF16: {"avx512_bf16": True}}
"""What a processor has on which AUTO is this."""


@pytest.fixture(params=PROCESSORS)
def settled(request, monkeypatch):
    """What AUTO is on the processor at hand."""
    here(monkeypatch, request.param)
    return request.param


def here(monkeypatch, precision):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: PROCESSORS[precision], raising=False)


@pytest.fixture
def auto(study):
    return replace(study, recipe=Recipe(learning_rate=0.003, precision=Precision.AUTO), seeds=1)


def test_a_study_stores_what_auto_was(auto, settled, tmp_path):
    heard = []
    records = run_study(auto, tmp_path / "auto", execution=ONE, listener=heard.append)
    assert f"Precision auto is {settled} on this device" in heard
    assert records.provenance["precision"] == settled
    assert records.study["recipe"].get("precision", "fp32") == settled
    named = replace(auto, recipe=replace(auto.recipe, precision=settled))
    assert results(run_study(named, tmp_path / "named", execution=ONE)) == results(records)
    assert (tmp_path / "auto/study.toml").read_text() == (tmp_path / "named/study.toml").read_text()


def test_a_study_continues_where_auto_is_what_it_was(auto, settled, tmp_path):
    interrupt(auto, tmp_path / "study", 2)
    whole = run_study(auto, tmp_path / "study", execution=ONE)
    named = replace(auto, recipe=replace(auto.recipe, precision=settled))
    assert results(run_study(named, tmp_path / "study", execution=ONE)) == results(whole)  # it is that study


def test_a_study_does_not_continue_where_auto_is_something_else(auto, settled, monkeypatch, tmp_path):
    interrupt(auto, tmp_path / "study", 2)
    other = next(precision for precision in PROCESSORS if precision is not settled)
    here(monkeypatch, other)
    message = rf"^precision auto is {other} on this device, .* began in {settled}; ask for {settled} to continue it"
    with pytest.raises(InputError, match=message):
        run_study(auto, tmp_path / "study", execution=ONE)
    assert len(read_study(tmp_path / "study").rounds) == 2


def test_a_cluster_is_not_asked(auto, tmp_path):
    with pytest.raises(InputError, match=r"^precision must be fp32, tf32 or bf16 on Ray, .* got auto\.$"):
        run_study(auto, tmp_path / "study", execution=Execution(executor="ray"))
    assert not (tmp_path / "study").exists()
