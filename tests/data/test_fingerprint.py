import pickle
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch.utils.data import IterableDataset

from warmstart.basics import InputError
from warmstart.data import _fingerprint as fingerprint_module
from warmstart.data import as_dataset


@dataclass
class Point:
    x: float
    tags: frozenset[str]


DIFFERENT = [
    None, False, 0, 0.0, -0.0, "", b"", "0", b"0", 0j, (), [], {}, set(), [[]], [()], ["a", "b"], ["ab"], ("a", "b"),
    {"a": 1}, {"a": "1"}, [("a", 1)], {"a"}, ["mapping", ("a", 1)], np.zeros(2), np.zeros(2, np.float32),
    np.zeros((2, 1)), np.float64(0), torch.zeros(2), torch.zeros(2, dtype=torch.bfloat16), torch.zeros(1, 2),
    torch.zeros((), dtype=torch.bool), np.array([1, "a"], object), np.array([[1], ["a"]], object),
    np.array("2020-01-01", "M8[D]"), Point(1.0, frozenset("ab")), Point(1.0, frozenset("a")), slice(1), slice(2),
]  # fmt: skip


def test_different_contents_have_different_fingerprints():
    prints = [as_dataset([value], name="mine").fingerprint for value in DIFFERENT]
    assert len(set(prints)) == len(DIFFERENT)


@pytest.mark.parametrize("value", DIFFERENT, ids=lambda value: type(value).__name__)
def test_copies_have_the_fingerprint_of_the_original(value):
    assert as_dataset([pickle.loads(pickle.dumps(value))]).fingerprint == as_dataset([value]).fingerprint


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (torch.arange(6).reshape(2, 3).T, torch.arange(6).reshape(2, 3).T.contiguous()),
        (np.arange(6).reshape(2, 3).T, np.arange(6).reshape(2, 3).T.copy()),
        (torch.zeros(2, requires_grad=True), torch.zeros(2)),
        (torch.eye(2).to_sparse(), torch.eye(2)),
        (torch.tensor([1j]).conj(), torch.complex(torch.zeros(1), -torch.ones(1))),
    ],
)
def test_equal_contents_have_equal_fingerprints(one, other):
    assert as_dataset([one]).fingerprint == as_dataset([other]).fingerprint


def test_a_fingerprint_is_the_same_in_every_process():
    code = (
        "from warmstart.data import as_dataset; "
        "print(as_dataset([{'tags': {'red', 'green', 'blue'}, 'x': 0.1}, ('a', None)]).fingerprint)"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_items_are_not_kept_while_the_fingerprint_is_made(peak_memory):
    class Large:
        def __len__(self):
            return 50

        def __getitem__(self, index):
            return np.full(2**18, index)

    _, peak = peak_memory(lambda: as_dataset(Large()))
    assert peak < 5 * 2**21


class Broken(list):
    def __getitem__(self, index):
        raise OSError("disk gone. Sorry")


class Endless(IterableDataset):
    def __len__(self):
        return 3

    def __iter__(self):
        return iter(range(3))


def _looped():
    looped = []
    looped.append(looped)
    return looped


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Broken([1]), r"Item 0 of mine cannot be read: OSError: disk gone\. Sorry\.$"),
        (Endless(), "Item 0 of mine cannot be read: NotImplementedError"),
        ([1, lambda: 1], "item 1 of mine does not .*: give the data set an attribute fingerprint, a text that changes"),
        ([_looped()], "item 0 of mine does not .*RecursionError"),
        ([10**5000], "item 0 of mine does not .*ValueError"),
    ],
)
def test_items_that_cannot_be_read_or_pickled_are_named(value, message):
    with pytest.raises(InputError, match=message) as caught:
        as_dataset(value, name="mine")
    assert "\n" not in str(caught.value)


def test_items_that_differ_at_every_read_are_refused():
    class Augmented:
        reads = 0

        def __len__(self):
            return 2

        def __getitem__(self, index):
            self.reads += 1
            return self.reads

    with pytest.raises(InputError, match="must be the same whenever they are read, but item 0 of mine is not"):
        as_dataset(Augmented(), name="mine")


def test_a_fingerprint_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(fingerprint_module, "FINGERPRINT_SECONDS", -1)
    with pytest.raises(InputError, match=r"All items of mine must be read within -1 seconds .* got 1 of 30: give the"):
        as_dataset(list(range(30)), name="mine")
