"""Speech that hangs on its arguments alone, whatever was said before in this process."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from auscult.training.espeak import Espeak, library


@contextmanager
def speaker() -> Iterator[Espeak]:
    """An espeak-ng whose flutter begins anew: nothing in its interface sets that back, so it is loaded again each time (1 ms)."""
    voice = Espeak(_copy())
    try:
        yield voice
    finally:
        voice.close()


@cache
def _copy() -> str:
    """The library under a name of its own, apart from the one that the process may have loaded."""
    folder = tempfile.mkdtemp(prefix="auscult-espeak-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return str(shutil.copy(library(), Path(folder) / "espeak.so"))
