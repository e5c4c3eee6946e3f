"""A runner of tasks that are functions, for tests of what performs tasks."""

import os
import signal
from contextlib import contextmanager


class Calling:
    """Performs tasks that are functions of what sends messages; lambdas and inner functions travel by value."""

    def steps(self, task, directory, device, emit):
        yield None
        task(emit)

    def remaining(self, task, message):
        return task

    @contextmanager
    def shared(self, directory):
        yield self


def performed(workers, tasks, directory, *, handle=None):
    """Perform tasks and return their messages, or what ``handle`` does with them."""
    messages = []

    def keep(message):
        messages.append(message)
        return [] if handle is None else handle(message) or []

    workers.perform(tasks, Calling(), directory=directory, handle=keep)
    return messages


def die(_):
    """Perform a task like one that the system kills."""
    os.kill(os.getpid(), signal.SIGKILL)
