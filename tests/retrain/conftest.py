"""Disks that are full or read-only, and projects, for the tests of retraining."""

import errno
import os
from contextlib import contextmanager

import pytest


@pytest.fixture
def full_disk(monkeypatch):
    """Return a context manager within which the ``after``-th call of ``fsync`` and all later ones find the disk full.

    A file system may notice only then; what was written before must not be taken for stored.
    """

    @contextmanager
    def full(*, after=0, error=errno.ENOSPC):
        calls = 0

        def fsync(_):
            nonlocal calls
            calls += 1
            if calls > after:
                raise OSError(error, os.strerror(error))

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fsync)
            yield lambda: calls

    return full
