"""Checks that hold for every test."""

import os
import shutil
import signal

import numpy as np
import pytest
import torch
from hypothesis import settings

from warmstart.models import MLP
from warmstart.strategies import Cold, ShrinkPerturb, Warm
from warmstart.streams import Growing
from warmstart.studies import Study
from warmstart.training import Recipe, StoppingRule

# Of the processes that tests start, too: side by side on few cores, threads of small tensors wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples in every run, or a change would fail by those that another one should have met; new ones when asked.
settings.register_profile("repeatable", derandomize=True)
if os.environ.get("WARMSTART_LONG") != "1":
    settings.load_profile("repeatable")

DRAWN = "document.querySelectorAll('figure[data-drawn]').length === document.querySelectorAll('figure').length"


# A shell has what it starts in the background ignore SIGINT, and so would every process that a test interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Fixtures that take seconds, and are made once for several tests.
SHARED = {"tiny", "found"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Tests that share a slow fixture run in one process, so that it is made once."""
    for item in items:
        if SHARED & {*getattr(item, "fixturenames", ())} and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


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


@pytest.fixture(scope="module")
def browser():
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    if executable is None and os.environ.get("WARMSTART_REQUIRE_CHROMIUM") == "1":
        pytest.fail("WARMSTART_REQUIRE_CHROMIUM is 1, but there is no chromium on the path")
    if executable is None:
        pytest.skip("there is no chromium on the path")
    sync_api = pytest.importorskip("playwright.sync_api")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser):
    """Open a file without a network; the page object carries what it complained of and asked for."""
    contexts = []

    def opened(file, *, scheme="light", width=1000):
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
        context.set_offline(True)
        contexts.append(context)
        page = context.new_page()
        page.complaints, page.requested = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.requested.append(request.url))
        page.goto(file.as_uri())
        page.wait_for_function(DRAWN, timeout=30_000)
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def study():
    """A study of a second: 3 arms, 2 seeds, 3 rounds."""
    return Study(
        [Cold(), Warm(), ShrinkPerturb()],
        architecture=MLP(width=16),
        stream=Growing(rounds=3),
        recipe=Recipe(learning_rate=0.003),
        stop=StoppingRule(0.95, max_epochs=5),
        seeds=2,
    )
