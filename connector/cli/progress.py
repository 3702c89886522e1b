"""Progress of long work, on stderr: a bar on a terminal, otherwise a line every few seconds.

On the first Ctrl-C (or SIGTERM) the current step is finished, so that the result can be reported; the second one aborts
it. Commands that leave nothing behind end after the step, and report nothing (`ending_between_steps`).
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any, Protocol, TypeVar

import click

T = TypeVar("T")

EVERY = 5.0  # seconds between two lines
INTERRUPTED = 130  # the exit status after Ctrl-C
_ENDING = (signal.SIGINT, signal.SIGTERM)
_ENDING_AND_CLOSING = (*_ENDING, signal.SIGHUP)
_Handler = Callable[[int, FrameType | None], Any] | int | None
_Handlers = dict[signal.Signals, _Handler]


class Advance(Protocol):
    """Counts completed items."""

    def __call__(self, number: int, /) -> None: ...


class Stop:
    """Whether the work must end after the current step."""

    def __init__(self) -> None:
        self.is_asked_for = False

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if the work must end."""
        if self.is_asked_for:
            raise KeyboardInterrupt

    def until(self, steps: Iterable[T]) -> Iterator[T]:
        """Yield steps until the work must end; a step that was begun is still yielded."""
        for step in steps:
            yield step
            if self.is_asked_for:
                return


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Request a stop on the first signal, and raise `KeyboardInterrupt` on the second."""
    stop = Stop()

    def ask(_number: int, _frame: object) -> None:
        if stop.is_asked_for:
            raise KeyboardInterrupt
        stop.is_asked_for = True

    before = _handle(ask, _ENDING)
    try:
        yield stop
    finally:
        _restore(before)


@contextmanager
def progress(total: int, what: str) -> Iterator[Advance]:
    """Show how many of `total` are completed, the rate and the remaining time."""
    with ExitStack() as stack:
        yield _bar(stack, total, what) if sys.stderr.isatty() else Lines(total, what)


def counted(items: Iterable[T], advance: Advance, every: int = 500) -> Iterator[T]:
    """Yield items, and count them in steps."""
    number = 0
    for number, item in enumerate(items, start=1):
        yield item
        if number % every == 0:
            advance(every)
    advance(number % every)


class Pace:
    """The rate of work, and its remaining time."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.done = 0
        self._total = total
        self._clock = clock
        self._begun = clock()

    def __str__(self) -> str:
        """Return rate and remaining time, if they are known."""
        seconds = self._clock() - self._begun
        if not (self.done and seconds):
            return "0/s"
        rate = self.done / seconds
        return f"{rate:,.0f}/s, about {duration((self._total - self.done) / rate)} left"


def _bar(stack: ExitStack, total: int, what: str) -> Advance:
    pace = Pace(total)
    bar: Any = click.progressbar(
        length=total, label=what, show_pos=True, show_eta=False, item_show_func=lambda _: str(pace), file=sys.stderr
    )
    stack.enter_context(bar)

    def advance(number: int) -> None:
        pace.done += number
        bar.update(number)

    return advance


class Lines:
    """Writes a line every few seconds, for logs and pipes."""

    def __init__(self, total: int, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._what = what
        self._clock = clock
        self._pace = Pace(total, clock)
        self._said = clock()

    def __call__(self, number: int, /) -> None:
        """Count completed items; write a line if the last one is some seconds old."""
        self._pace.done += number
        if self._clock() - self._said >= EVERY:
            self._said = self._clock()
            click.echo(self._line(), err=True)

    def _line(self) -> str:
        done = self._pace.done
        share = 100 * done // self._total if self._total else 100
        return f"{done:,} of {self._total:,} {self._what} ({share} %), {self._pace}"


def duration(seconds: float) -> str:
    """Format a duration: `42 s`, `3 min 5 s`, `2 h 10 min`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


@contextmanager
def ending_between_steps() -> Iterator[Stop]:
    """Exit silently where the work checks whether it must end: after Ctrl-C, SIGTERM, or the end of the terminal.

    Nothing is interrupted at an arbitrary place, where the exception could be swallowed or reported as another error.
    """
    stop = Stop()

    def ask(_number: int, _frame: object) -> None:
        stop.is_asked_for = True

    before = _handle(ask, _ENDING_AND_CLOSING)
    try:
        yield stop
    except KeyboardInterrupt:
        click.echo()
    finally:
        if not stop.is_asked_for:  # otherwise further signals still have no effect
            _restore(before)


def _handle(handler: _Handler, signals: tuple[signal.Signals, ...]) -> _Handlers:
    """Handle signals, and return the former handlers; only the main thread may handle any."""
    is_main = threading.current_thread() is threading.main_thread()
    return {number: signal.signal(number, handler) for number in (signals if is_main else ())}


def _restore(before: _Handlers) -> None:
    for number, handler in before.items():
        signal.signal(number, handler)
