"""A progress bar on stderr, for whoever waits more than a second at a terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

Progress = Callable[[int, int, str], None]
"""Called with (done, total, what)."""

PATIENCE_SECONDS = 1.0


class ProgressBar:
    """A rich progress bar that appears with the first call after a second."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._bar: Any = None
        self._task: Any = None

    def __call__(self, done: int, total: int, description: str) -> None:
        if self._bar is None:
            if time.monotonic() - self._start < PATIENCE_SECONDS:
                return
            from rich.console import Console
            from rich.progress import Progress as RichProgress

            self._bar = RichProgress(console=Console(stderr=True), transient=True)
            self._task = self._bar.add_task(description, total=total)
            self._bar.start()
        self._bar.update(self._task, completed=done, total=total, description=description)

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()


def is_watched(*, quiet: bool) -> bool:
    """Whether a person watches stderr: a terminal, not CI, not NO_COLOR, not quiet."""
    return (
        not quiet
        and sys.stderr.isatty()
        and not os.environ.get("CI")
        and not os.environ.get("NO_COLOR")
    )


@contextlib.contextmanager
def progress_bar(*, quiet: bool = False) -> Iterator[Progress | None]:
    """A progress callback, or None when nobody watches."""
    if not is_watched(quiet=quiet):
        yield None
        return
    bar = ProgressBar()
    try:
        yield bar
    finally:
        bar.stop()
