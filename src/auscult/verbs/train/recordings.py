"""A folder of recordings is looked at before hours are spent on it: what cannot be read, holds nothing
or would teach the model a fault is listed, all in one run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from auscult.errors import UsageError
from auscult.facts.progress import Progress
from auscult.finding import Severity
from auscult.rules.sound.subject import SoundFacts
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
MAX_LISTED = 20
"""Flawed recordings that a message lists. Chosen, not measured."""


@dataclass(frozen=True)
class RecordingsCheck:
    """What was found in a folder of recordings.

    Attributes:
        count: Recordings that were looked at.
        flawed: The flawed ones, with their causes.
        copies: Recordings whose bytes are those of another one; the first of each is not among them.
    """

    count: int
    flawed: dict[str, tuple[str, ...]]
    copies: tuple[str, ...] = ()

    def list_unwanted(self) -> frozenset[str]:
        """What is left out with `skip`."""
        return frozenset((*self.flawed, *self.copies))


def check_recordings(
    folder: str | Path, *, flawed: FlawedChoice = "stop", progress: Progress | None = None
) -> RecordingsCheck:
    """Listen to every recording under a folder.

    Raises:
        UsageError: If some are flawed and `flawed` is `stop`; it lists them.
    """
    paths = find_sound_files([str(folder)])
    listened_files = hear_all(paths, [None] * len(paths), SoundFacts(), progress=progress)
    flawed_causes = {
        item.path: causes for item in listened_files if (causes := find_spoiling_causes(item))
    }
    check = RecordingsCheck(len(paths), flawed_causes, find_copies(paths))
    if flawed_causes and flawed == "stop":
        raise UsageError(
            f"{len(flawed_causes)} of {len(paths)} recordings would spoil the training",
            where=str(folder),
            found=format_flawed(flawed_causes, Path(folder)),
            hint=f"--flawed skip leaves them out, --flawed use takes them as they are;"
            f" `auscult listen {folder}` says more of each",
        )
    return check


def find_spoiling_causes(item: ListenedFile) -> tuple[str, ...]:
    """What of a recording's errors a training cannot do with."""
    return tuple(
        dict.fromkeys(
            finding.cause
            for finding in item.findings
            if finding.severity is Severity.ERROR and finding.cause in SPOILING_CAUSES
        )
    )


def format_flawed(flawed_causes: dict[str, tuple[str, ...]], folder: Path) -> str:
    """Counts by cause, then the recordings, at most `MAX_LISTED`."""
    files_by_cause: dict[str, list[str]] = {}
    for path, causes in flawed_causes.items():
        for cause in causes:
            name = str(Path(path).relative_to(folder)) if folder in Path(path).parents else path
            files_by_cause.setdefault(cause, []).append(name)
    left = MAX_LISTED
    parts: list[str] = []
    for cause, files in files_by_cause.items():
        shown = files[: max(left, 1)]
        left -= len(shown)
        more = f" and {len(files) - len(shown)} more" if len(files) > len(shown) else ""
        parts.append(f"{len(files)} {cause} ({', '.join(shown)}{more})")
    return "; ".join(parts)


def find_copies(paths: Sequence[str]) -> tuple[str, ...]:
    """Files with the bytes of an earlier one: one of the two may be held out while the other is trained on."""
    by_size: dict[int, list[str]] = {}
    for path in paths:
        by_size.setdefault(Path(path).stat().st_size, []).append(path)
    copies: list[str] = []
    for same_size in by_size.values():
        seen: set[bytes] = set()
        for path in same_size if len(same_size) > 1 else ():
            digest = sha256(Path(path).read_bytes()).digest()
            if digest in seen:
                copies.append(path)
            seen.add(digest)
    return tuple(copies)
