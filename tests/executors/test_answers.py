"""What comes back of an exception in another process."""

import pickle

import pytest

from warmstart.basics import InputError, StorageError
from warmstart.executors._answers import Failure, WorkerError


class NarrowError(InputError):
    pass


def failure(error):
    try:
        raise error
    except BaseException as raised:
        return pickle.loads(pickle.dumps(Failure.of(raised)))


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (InputError("seeds must be 1."), InputError, "seeds must be 1."),
        (NarrowError("seeds must be 1."), InputError, "seeds must be 1."),
        (StorageError("The disk is full."), StorageError, "The disk is full."),
        (ValueError("bad\nworse"), RuntimeError, "ValueError: bad\nworse"),
        (KeyError("name"), RuntimeError, "KeyError: 'name'"),
        (KeyboardInterrupt(), RuntimeError, "KeyboardInterrupt: "),
    ],
)
def test_an_exception_keeps_its_text_and_those_of_ours_their_type(error, kind, text):
    found = failure(error).error()
    assert (type(found), str(found)) == (kind, text)


def test_the_traceback_is_the_cause():
    cause = failure(OSError("broken")).error().__cause__
    assert isinstance(cause, WorkerError)
    assert "raise error" in str(cause)
    assert str(cause).rstrip().endswith("OSError: broken")
