"""numpy's .npz files, also as MLX writes them: a zip archive of .npy members, stored or deflated."""

from __future__ import annotations

from typing import Any

from auscult.checkpoint.archive import has_member, read_archive
from auscult.checkpoint.contents import Contents
from auscult.checkpoint.npy_array import read_array
from auscult.checkpoint.source import Source
from auscult.finding import Skip
from auscult.weights import Hazard

FORMAT = "npz"
CHECKED_WITH = ("NumPy 2.4.6", "MLX 0.32.4")


def sniff(source: Source, head: bytes) -> bool:
    """A zip archive with .npy members, or one whose name says so (an empty or damaged one)."""
    if head[:2] != b"PK":
        return False
    return source.suffix == ".npz" or has_member(source, ".npy")


def read(source: Source) -> Contents:
    """The arrays, by member name without `.npy`.

    Raises:
        CheckpointError: If the archive or a header is damaged.
    """
    archive = read_archive(source)
    tree: dict[str, Any] = {}
    metadata: dict[str, str] = {}
    hazards: list[Hazard] = []
    skips: list[Skip] = []
    for member in archive.members:
        if not member.endswith(".npy"):
            skips.append(Skip(member, "not an array: a member without .npy"))
            continue
        name = member[: -len(".npy")]
        array_contents = read_array(archive.open(member), name, member)
        if array_contents.value is not None:
            tree[name] = array_contents.value
        metadata.update(array_contents.metadata)
        hazards += array_contents.hazards
        skips += array_contents.skips
    return Contents(tree, metadata, tuple(hazards), tuple(skips))
