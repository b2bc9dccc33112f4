"""Which reference each file is held against: the one that was given, or the one of its name in a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auscult.errors import UsageError
from auscult.finding import Json, Skip
from auscult.sound.stream import read_header
from auscult.verbs.listen.files import find_sound_files

MAX_NAMED_FILES = 8
"""Files without a partner that a report names; of more it says how many there are."""


@dataclass(frozen=True)
class PairedFiles:
    """Files, each with its reference or None.

    Attributes:
        common_facts: File, length and rate of the one reference of all files.
        skips: Files without a partner, on both sides.
    """

    paths: tuple[str, ...]
    references: tuple[str | None, ...]
    common_facts: Json | None = None
    skips: tuple[Skip, ...] = ()

    def collect_own_references(self) -> dict[str, str]:
        """The reference of each file that has one of its own; empty where all share one."""
        if self.common_facts is not None:
            return {}
        pairs = zip(self.paths, self.references, strict=True)
        return {path: reference for path, reference in pairs if reference is not None}


def pair_files(paths: Sequence[str], reference: Any, sources: Sequence[Any] = ()) -> PairedFiles:
    """Give every file its reference.

    Args:
        reference: A file for all of them, a folder, or None.
        sources: The folders that the files come from: a file is looked for at the same place below the reference folder first,
            then by its name alone, where only one has it. Suffixes do not count.

    Raises:
        UsageError: If no file has a partner in the folder.
        AudioError: If the one reference cannot be read.
    """
    if reference is None:
        return PairedFiles(tuple(paths), (None,) * len(paths))
    if not Path(reference).is_dir():
        header = read_header(str(reference))
        facts = {
            "file": str(reference),
            "seconds": round(header.seconds, 4),
            "sample_rate": header.sample_rate,
        }
        return PairedFiles(tuple(paths), (str(reference),) * len(paths), facts)
    reference_paths = find_sound_files([reference])
    partner_by_path = _match_names(
        paths, reference_paths, Path(reference), list(map(Path, sources))
    )
    if not partner_by_path:
        raise UsageError(
            "holds no file that has the name of one recording alone",
            where=str(reference),
            expected=Path(paths[0]).stem,
            found=Path(reference_paths[0]).stem,
            hint="name each reference as its recording, or give folders of the same layout",
        )
    alone = [path for path in paths if path not in partner_by_path]
    unused = [path for path in reference_paths if path not in partner_by_path.values()]
    skips = (
        *_list_unpaired(alone, "listened to without a reference: none has its name"),
        *_list_unpaired(unused, "a reference of which there is no recording"),
    )
    return PairedFiles(tuple(paths), tuple(map(partner_by_path.get, paths)), skips=skips)


def _match_names(
    paths: Sequence[str], reference_paths: Sequence[str], folder: Path, sources: Sequence[Path]
) -> Mapping[str, str]:
    by_place = {
        str(Path(path).relative_to(folder).with_suffix("")): path for path in reference_paths
    }
    by_name: dict[str, list[str]] = {}
    for path in reference_paths:
        by_name.setdefault(Path(path).stem, []).append(path)
    names = [Path(path).stem for path in paths]
    partner_by_path = {}
    for path in paths:
        stem = Path(path).stem
        same_name = by_name.get(stem, [])
        place = _find_place(path, sources)
        if place in by_place:
            partner_by_path[path] = by_place[place]
        elif len(same_name) == 1 and names.count(stem) == 1:
            partner_by_path[path] = same_name[0]
    return partner_by_path


def _find_place(path: str, sources: Sequence[Path]) -> str | None:
    """Where a file lies below the folder that it comes from, without its suffix; None for a file that was named itself."""
    for source in sources:
        if source.is_dir() and Path(path).is_relative_to(source):
            return str(Path(path).relative_to(source).with_suffix(""))
    return None


def _list_unpaired(paths: Sequence[str], reason: str) -> list[Skip]:
    skips = [Skip(path, reason) for path in paths[:MAX_NAMED_FILES]]
    if len(paths) > MAX_NAMED_FILES:
        skips.append(Skip(f"{len(paths) - MAX_NAMED_FILES} more files", reason))
    return skips
