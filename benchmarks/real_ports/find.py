"""The pairs there are, and one of them judged without what packages print."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from auscult import plugins
from benchmarks.real_ports.judge import Outcome, judge
from benchmarks.real_ports.packages import open_packages
from benchmarks.real_ports.pair import Pair

MAX_REASON = 110
"""Characters kept of why a pair could not be made."""


def find_pairs(parts: Sequence[str] = (), folder: str = "pairs") -> list[Pair]:
    """All pairs of a folder, or those whose names contain one of `parts`."""
    open_packages()
    modules = plugins.import_modules(f"benchmarks.real_ports.{folder}")
    pairs = [pair for module in modules for pair in module.PAIRS]
    if not parts:
        return pairs
    return [pair for pair in pairs if any(part.lower() in pair.name.lower() for part in parts)]


def judge_quietly(pair: Pair, folder: Path) -> Outcome | str:
    """The outcome of a pair, or why it could not be made."""
    with silence():
        try:
            return judge(pair, folder)
        except Exception as error:
            if os.environ.get("AUSCULT_REAL_PORTS_RAISE"):
                raise
            text = " ".join(str(error).split()) or type(error).__name__
            return f"{type(error).__name__}: {text}"[:MAX_REASON]


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Without what packages and exporters print, some of it past Python."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(number) for number in (1, 2)]
    nothing = os.open(os.devnull, os.O_WRONLY)
    logging.disable(logging.CRITICAL)
    try:
        for number in (1, 2):
            os.dup2(nothing, number)
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
        for number, place in zip((1, 2), kept, strict=True):
            os.dup2(place, number)
            os.close(place)
        os.close(nothing)
