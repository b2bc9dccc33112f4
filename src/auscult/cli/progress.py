"""A progress bar on stderr, for whoever waits more than a second at a terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import click

from auscult.facts.progress import Progress

PATIENCE_SECONDS = 1.0
LINE_SECONDS = 60.0
"""How often work says how far it is where no bar can be drawn, as in a log of nohup."""

ERASE_LINE_ABOVE = "\033[A\033[2K"
"""What a terminal is sent to take a finished bar away; click ends it with a new line."""


class ProgressBar:
    """A bar that appears with the first call after a second, and is taken away at the end."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._bar: Any = None

    def __call__(self, done: int, total: int, description: str) -> None:
        if self._bar is None and time.monotonic() - self._start < PATIENCE_SECONDS:
            return
        if self._bar is None or description != self._bar.label or done < self._bar.pos:
            self.stop()
            self._bar = click.progressbar(length=total, label=description, file=sys.stderr)
            self._bar.render_progress()
        self._bar.length = total
        self._bar.update(done - self._bar.pos)

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.render_finish()
            click.echo(ERASE_LINE_ABOVE, file=sys.stderr, nl=False)
            self._bar = None


class ProgressLines:
    """A line on stderr for every minute that the work goes on."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, done: int, total: int, description: str) -> None:
        now = time.monotonic()
        if now - self._last >= LINE_SECONDS:
            self._last = now
            click.echo(f"auscult: {description}, {done} of {total}", err=True)


def is_watched(*, quiet: bool) -> bool:
    """Whether a person watches stderr: a terminal that can redraw a line, not CI, not NO_COLOR, not quiet."""
    return (
        not quiet
        and sys.stderr.isatty()
        and os.environ.get("TERM") != "dumb"
        and not os.environ.get("CI")
        and not os.environ.get("NO_COLOR")
    )


@contextlib.contextmanager
def progress_bar(*, quiet: bool = False) -> Iterator[Progress | None]:
    """A progress callback: a bar where a person watches, else a line a minute; None when quiet."""
    if quiet:
        yield None
        return
    if not is_watched(quiet=quiet):
        yield ProgressLines()
        return
    bar = ProgressBar()
    try:
        yield bar
    finally:
        bar.stop()
