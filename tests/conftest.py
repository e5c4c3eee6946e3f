"""Checks that hold for every test."""

import numpy as np
import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Tests run side by side, and small tensors are slower on two threads than on one."""
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _reproducible():
    """Tests may draw from the global generators: each finds them seeded, and leaves them as they were."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture
def untouched_globals():
    """The library neither reads nor sets what is global: check it around the code under test."""
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    threads = torch.get_num_threads()
    yield
    assert torch.equal(torch.get_rng_state(), torch_state), "PyTorch's global generator was moved"
    assert (np.random.get_state()[1] == numpy_state).all(), "NumPy's global generator was moved"  # noqa: NPY002
    assert torch.get_num_threads() == threads, "the number of threads was changed"
