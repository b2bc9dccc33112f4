"""Listening to recordings in memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from auscult.errors import UsageError
from auscult.rules.sound.subject import SoundFacts
from auscult.sound.recording import Recording, read_recording
from auscult.sound.samples import to_recording
from auscult.verbs.listen.one_file import ListenedFile, hear_recording


def hear_in_memory(sources: Sequence[Any], reference: Any, facts: SoundFacts) -> list[ListenedFile]:
    """What is heard in every recording; files are read whole.

    Raises:
        UsageError: If there is nothing to listen to, or a source holds no samples.
        AudioError: If a file cannot be read.
    """
    if not sources:
        raise UsageError("there is nothing to listen to")
    target = None
    if reference is not None:
        target = _open_recording(reference, "reference")
    names = ["recording"]
    if len(sources) > 1:
        names = [f"recording {number}" for number in range(1, len(sources) + 1)]
    return [
        hear_recording(_open_recording(source, name), target, facts)
        for source, name in zip(sources, names, strict=True)
    ]


def _open_recording(source: Any, name: str) -> Recording:
    if isinstance(source, Recording):
        return source
    if isinstance(source, str | os.PathLike):
        return read_recording(os.fspath(source))
    return to_recording(source, name)
