"""One model trained by two processes is the model that one process trains."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import one_of_several as cases

TESTS = Path(__file__).parents[1]
ALIKE = (
    "uneven",
    "noisy",
    "penalized",
    "adversarial",
    "converged",
    "evaluated",
    "compiled",
    "augmented",
    "stopped_early",
    "loaded",
)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """What two processes have, each of its own."""
    folder = tmp_path_factory.mktemp("parts")
    script = str(Path(cases.__file__))
    paths = os.pathsep.join([str(TESTS), *sys.path])
    environment = {**os.environ, "PYTHONPATH": paths, "GLOO_SOCKET_IFNAME": "lo"}
    processes = [
        subprocess.Popen(
            [sys.executable, script, str(rank), "2", str(folder / "meeting"), str(folder / "result")], env=environment
        )
        for rank in range(2)
    ]
    assert [process.wait(timeout=200) for process in processes] == [0, 0]
    return [torch.load(folder / f"result-{rank}") for rank in range(2)]


@pytest.mark.parametrize("case", ALIKE)
def test_two_processes_train_the_model_of_one(case, parts):
    alone = getattr(cases, case)(lambda model: model)
    found = parts[0][case]
    for name, value in alone["state"].items():
        torch.testing.assert_close(found["state"][name], value, rtol=1e-3, atol=1e-4)
    assert (found["cost"], found["stop_reason"]) == (alone["cost"], alone["stop_reason"])
    for (steps, accuracy, loss), (same_steps, same_accuracy, same_loss) in zip(
        found["history"], alone["history"], strict=True
    ):
        assert (steps, accuracy) == (same_steps, pytest.approx(same_accuracy, abs=0.02))
        assert loss == pytest.approx(same_loss, rel=1e-3)


@pytest.mark.parametrize("case", [*ALIKE, "images", "loaded_and_evaluated"])
def test_every_process_ends_with_the_same_bits(case, parts):
    first, second = (part[case] for part in parts)
    assert all(torch.equal(value, second["state"][name]) for name, value in first["state"].items())
    assert (first["history"], first["cost"], first["stop_reason"]) == (
        second["history"],
        second["cost"],
        second["stop_reason"],
    )


def test_a_batch_must_have_a_sample_for_each_process(parts):
    assert "batch_size must give each of 2 processes at least one sample" in parts[0]["too_small"]["error"]
