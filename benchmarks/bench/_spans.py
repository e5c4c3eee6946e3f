"""Where the seconds of a program go, by the functions that it calls."""

import inspect
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock


class Spans:
    """Seconds by name, each without those of the spans inside it."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._inner: list[float] = []

    @contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Add the seconds of a block to a name."""
        begin = time.perf_counter()
        self._inner.append(0.0)
        try:
            yield
        finally:
            spent = time.perf_counter() - begin
            self.seconds[name] += spent - self._inner.pop()
            if self._inner:
                self._inner[-1] += spent

    def spanning(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that does the same, its seconds added to a name; of a generator, those of its turns."""
        if inspect.isgeneratorfunction(call):
            return self._spanning_turns(name, call)

        def spanned(*arguments: Any, **options: Any) -> Any:
            with self.span(name):
                return call(*arguments, **options)

        return spanned

    def _spanning_turns(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def spanned(*arguments: Any, **options: Any) -> Any:
            work = call(*arguments, **options)
            while True:
                with self.span(name):
                    try:
                        item = next(work)
                    except StopIteration as end:
                        return end.value
                yield item

        return spanned


@contextmanager
def watched(places: Mapping[str, str]) -> Iterator[Spans]:
    """Watch functions while a block runs.

    Args:
        places: Name of a span by the place of a function, such as ``package.module.function``: the module is the one
            that calls it. A place that is not there is an error, so that no renaming goes unnoticed.
    """
    spans = Spans()
    with ExitStack() as stack:
        for place, name in places.items():
            patch = mock.patch(place)
            original, _ = patch.get_original()
            stack.enter_context(mock.patch(place, spans.spanning(name, original)))
        yield spans
