"""A folder of recordings is looked at before hours are spent on it: what cannot be read, holds nothing
or would teach the model a fault is listed, all in one run.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Literal

import numpy as np

from auscult.errors import AudioError, UsageError
from auscult.facts.progress import Progress
from auscult.finding import Severity
from auscult.rules.sound.subject import SoundFacts
from auscult.rules.training._recordings_text import format_flawed
from auscult.rules.training.subject import RecordingsSubject
from auscult.sound.stream import iter_blocks, read_header
from auscult.verbs.listen.engines import hear_all
from auscult.verbs.listen.files import find_sound_files
from auscult.verbs.listen.one_file import ListenedFile

FlawedChoice = Literal["stop", "skip", "use"]
"""What to do where recordings are flawed: raise, leave them out, or train on them as they are."""
SPOILING_CAUSES = frozenset(
    (
        "unreadable-sound",
        "non-finite-sound",
        "silence",
        "clipping",
        "dc",
        "channel-lost",
        "byte-order",
        "interleave",
    )
)
"""Causes that a model would learn, or that end the training. Others (a band limit, a noisy room) are
what recordings are like.
"""
NOTABLE_CAUSES = SPOILING_CAUSES | {"band-limited", "sample-rate-suspicion", "broken-container"}
"""Causes that are worth a look as a warning."""
HELD_OUT_FOLDER = re.compile(r"^(valid(ation)?|val|dev|test|eval(uation)?|held[-_ ]?out)\b", re.I)
"""Names of folders whose recordings are not trained on."""
COMPARED_SECONDS = 1.0
"""Of the beginning of two equally long recordings, by which they are the same. Chosen, not measured."""


def check_recordings(
    folder: str | Path, *, flawed: FlawedChoice = "stop", progress: Progress | None = None
) -> RecordingsSubject:
    """Listen to every recording under a folder.

    Raises:
        UsageError: If some are flawed and `flawed` is `stop`; it lists them.
    """
    check = hear_recordings(folder, progress=progress)
    if check.flawed and flawed == "stop":
        raise UsageError(
            f"{len(check.flawed)} of {check.count} recordings would spoil the training",
            where=str(folder),
            found=format_flawed(check.flawed, Path(folder)),
            hint=f"--flawed skip leaves them out, --flawed use takes them as they are;"
            f" `auscult listen {folder}` says more of each",
        )
    return check


def hear_recordings(
    folder: str | Path,
    *,
    held_out: str | Path | None = None,
    sample_rate: int | None = None,
    most: int | None = None,
    progress: Progress | None = None,
) -> RecordingsSubject:
    """What is in a folder of recordings.

    Args:
        held_out: Another folder, or one inside it, whose recordings are not trained on; None for the
            folders inside that are named so (`valid`, `dev`, `test` ...).
        sample_rate: Of the training, in Hz; None compares the recordings among themselves.
        most: Listen to so many at most, evenly spread; None for all.
    """
    sources = [str(folder)] if held_out is None else [str(folder), str(held_out)]
    paths = find_sound_files(sources)
    heard_paths = paths if most is None else paths[:: max(1, -(-len(paths) // most))]
    listened_files = hear_all(
        heard_paths, [None] * len(heard_paths), SoundFacts(), progress=progress
    )
    copies = find_copies(paths)
    return RecordingsSubject(
        folder=str(folder),
        count=len(paths),
        heard=len(heard_paths),
        flawed=_collect_causes(listened_files, find_spoiling_causes),
        notable=_collect_causes(listened_files, find_notable_causes),
        rates=_count_rates(listened_files),
        other_rates=_find_other_rates(listened_files, sample_rate),
        copies=copies,
        leaked=tuple(_iter_leaked(copies, Path(folder), held_out)),
    )


def _collect_causes(
    files: Iterable[ListenedFile], find: Callable[[ListenedFile], tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    return {file.path: causes for file in files if (causes := find(file))}


def find_spoiling_causes(item: ListenedFile) -> tuple[str, ...]:
    """What of a recording's errors a training cannot do with."""
    return tuple(
        dict.fromkeys(
            finding.cause
            for finding in item.findings
            if finding.severity is Severity.ERROR and finding.cause in SPOILING_CAUSES
        )
    )


def find_notable_causes(item: ListenedFile) -> tuple[str, ...]:
    """What of a recording is worth a look, and spoils no training."""
    spoiling = find_spoiling_causes(item)
    return tuple(
        dict.fromkeys(
            finding.cause
            for finding in item.findings
            if finding.severity is not Severity.INFO
            and finding.cause in NOTABLE_CAUSES
            and finding.cause not in spoiling
        )
    )


def _count_rates(files: Iterable[ListenedFile]) -> dict[int, int]:
    """How many recordings have each sample rate in Hz, the most frequent first."""
    rates = (file.recording.get("sample_rate") for file in files)
    return dict(Counter(int(rate) for rate in rates if rate).most_common())


def _find_other_rates(files: Sequence[ListenedFile], sample_rate: int | None) -> dict[str, int]:
    """Recordings below the training's sample rate, or at another one than most have."""
    most_common = next(iter(_count_rates(files)), 0)
    others = {}
    for file in files:
        rate = int(file.recording.get("sample_rate") or 0)
        if rate and (rate < sample_rate if sample_rate else rate != most_common):
            others[file.path] = rate
    return others


def find_copies(paths: Sequence[str]) -> dict[str, str]:
    """Recordings with the samples of an earlier one, by that one: in any container, bit for bit."""
    by_length: dict[tuple[int, int, int], list[str]] = {}
    for path in paths:
        try:
            header = read_header(path)
        except AudioError:
            continue  # what cannot be read is listed as that
        key = (header.frames, header.sample_rate, header.channels)
        by_length.setdefault(key, []).append(path)
    copies: dict[str, str] = {}
    for equally_long in by_length.values():
        first_by_digest: dict[bytes, str] = {}
        for path in equally_long if len(equally_long) > 1 else ():
            digest = _digest_beginning(path)
            if digest is None:
                continue
            first = first_by_digest.setdefault(digest, path)
            if first != path:
                copies[path] = first
    return copies


def _digest_beginning(path: str) -> bytes | None:
    """A digest of the first second in which something sounds; None where nothing does."""
    try:
        for block in iter_blocks(path, COMPARED_SECONDS):
            if float(np.ptp(block.samples)) > 0.0:
                return sha256(np.ascontiguousarray(block.samples).tobytes()).digest()
    except AudioError:
        return None
    return None


def _iter_leaked(
    copies: dict[str, str], folder: Path, held_out: str | Path | None
) -> Iterable[tuple[str, str]]:
    """Held-out recordings that are trained on as well, each with its copy."""
    for path, first in copies.items():
        is_held_out, is_first_held_out = (
            _is_held_out(Path(place), folder, held_out) for place in (path, first)
        )
        if is_held_out and not is_first_held_out:
            yield path, first
        elif is_first_held_out and not is_held_out:
            yield first, path


def _is_held_out(path: Path, folder: Path, held_out: str | Path | None) -> bool:
    """Whether a recording lies in a folder that is not trained on."""
    if held_out is not None:
        return Path(held_out) in path.parents
    inner_folders = path.relative_to(folder).parts[:-1] if folder in path.parents else ()
    return any(HELD_OUT_FOLDER.match(name) for name in inner_folders)
