"""The first and the last that runs of the command line: one sentence and an exit code, whatever signal comes when.

Nothing but the standard library's smallest modules is imported before signals have a handler.
"""

from __future__ import annotations

import os
import signal
import sys
import time

TYPE_CHECKING = False  # typing's own takes longer to import than the rest
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType
    from typing import Any, NoReturn

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
INTERRUPTION = "Interrupted; run the same command again to resume after the last finished round."
_SECONDS_TO_CLEAN_UP = 5.0
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


class Signals:
    """Turns the first signal that asks the process to end into a KeyboardInterrupt.

    Later ones, which would interrupt the cleaning up and print tracebacks, are ignored for some seconds; then they end
    the process at once.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._since = 0.0
        self._was_dropped = self._is_over = False

    def install(self) -> None:
        """Handle the signals, but those that whoever started the process has set to be ignored (nohup, &)."""
        for name in _SIGNALS:
            number = getattr(signal, name, None)  # Windows does not know all
            if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                try:
                    signal.signal(number, self._handle)
                except ValueError:
                    return  # called from another thread than the main one, whose business signals are
        sys.unraisablehook = self._unraisable

    def end(self) -> None:
        """Ignore Ctrl-C from now on: all is done, and the interpreter, which ends, gives handlers up on its way."""
        self._is_over = True
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) == self._handle:
                signal.signal(number, signal.SIG_IGN if name == "SIGINT" else signal.SIG_DFL)

    @property
    def exit_code(self) -> int:
        """The conventional one of a process that a signal has ended."""
        return 128 + (self.received or signal.SIGINT)

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self._is_over:
            return
        if self.received is None or self._was_dropped:
            self._was_dropped = False
            self.received, self._since = number, time.monotonic()
            raise KeyboardInterrupt
        if time.monotonic() - self._since > _SECONDS_TO_CLEAN_UP:
            _end_at_once(self.exit_code)

    def _unraisable(self, event: Any) -> None:
        """Let an interrupt that came in a destructor or a callback, where Python drops it, come again."""
        if not isinstance(event.exc_value, KeyboardInterrupt):
            sys.__unraisablehook__(event)
        elif self.received is not None and not self._is_over:
            import threading

            self._was_dropped = True
            # A moment later: an interrupt in here would be dropped as well.
            again = threading.Timer(0.01, os.kill, (os.getpid(), self.received))
            again.daemon = True
            again.start()


SIGNALS = Signals()


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code.

    0: done. 1: something failed. 2: bad input. 130: interrupted (143 by SIGTERM, 129 by SIGHUP). Failures
    are one sentence each.
    """
    try:
        SIGNALS.install()
        from ._main import run

        code = run(list(sys.argv[1:] if arguments is None else arguments))
        SIGNALS.end()
    except KeyboardInterrupt:
        # Only where the command itself could not see to it: while it was imported, or had ended.
        code = INTERRUPTED
    SIGNALS.end()
    if code == INTERRUPTED:
        # Here alone: a dropped interrupt that comes again at the very end would have it said twice.
        say(INTERRUPTION)
        code = SIGNALS.exit_code
        # An interrupt while Python ran a text, such as the methods of a dataclass, would have `python -m` die of SIGINT
        # in place of this exit code, though it was caught. The next text that is run makes it forget that.
        exec("")
    sys.exit(_flushed(code))


def say(sentence: str) -> None:
    """Write a sentence to standard error, if there is one."""
    try:
        sys.stderr.write(f"{sentence}\n")
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):  # closed, or its reader gone
        pass


def _flushed(code: int) -> int:
    """Write out what is left; where nobody reads it, the interpreter would complain in many lines."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, ValueError):  # closed
            pass
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            if code == DONE:
                code = FAILED
                say(f"Error: The output cannot be written: {error.strerror}.")
    return code


def _end_at_once(code: int) -> NoReturn:
    """End a process that does not end by itself, with those that it started."""
    multiprocessing = sys.modules.get("multiprocessing")
    for child in multiprocessing.active_children() if multiprocessing is not None else ():
        child.kill()
    say(INTERRUPTION)
    os._exit(code)
