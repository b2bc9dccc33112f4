"""Zip archives of a model's folder, as downloads have them, with one checkpoint inside: a file, or all its shards.

As in a folder, safetensors files go before others. Members are read where they lie; deflated ones are inflated
into memory, and nothing is unpacked to the disk.
"""

from __future__ import annotations

from dataclasses import replace

from auscult.checkpoint.archive import read_archive
from auscult.checkpoint.contents import Contents
from auscult.checkpoint.formats import shards
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError

FORMAT = "zip"
WEIGHT_SUFFIXES = (
    *(".safetensors", ".pth", ".pt", ".ckpt", ".bin", ".npz", ".npy", ".onnx", ".gguf"),
    *(".tflite", ".h5", ".keras", ".msgpack", ".nemo"),
)
"""Of members that may be what was meant."""
MAX_MEMBER_PATH = 1000
"""Length of an archive's own name in the archives around it: one that holds itself gets a longer one each time. Chosen, not measured."""
MAX_LISTED_MEMBERS = 20
"""Members that an error names. Chosen, not measured."""


def sniff(source: Source, head: bytes) -> bool:
    """A zip archive that no other reader took, with weight files in it."""
    is_nested_too_deeply = len(source.member) > MAX_MEMBER_PATH
    return head[:2] == b"PK" and not is_nested_too_deeply and bool(_list_weight_files(source))


def _list_weight_files(source: Source) -> list[str]:
    """Members named as weights; none of a damaged archive."""
    try:
        members = read_archive(source).members
    except CheckpointError:
        return []
    return [
        name
        for name in members
        if name.endswith(WEIGHT_SUFFIXES) and not name.startswith("__MACOSX/")
    ]


def read(source: Source) -> Contents:
    """The one checkpoint in the archive.

    Raises:
        CheckpointError: If the archive is damaged, or holds several checkpoints.
    """
    from auscult.checkpoint import read_contents

    all_names = _list_weight_files(source)
    names = [name for name in all_names if name.endswith(".safetensors")] or all_names
    archive = read_archive(source)
    if len(names) == 1:
        format_name, contents = read_contents(archive.open_source(names[0]))
        contents = replace(contents, format=contents.format or format_name)
    elif shards.are_all_shards(names):
        contents = shards.join_shards(
            source.where, {archive.open_source(name): None for name in sorted(names)}
        )
    else:
        shown = ", ".join(name[:80] for name in names[:MAX_LISTED_MEMBERS])
        if len(names) > MAX_LISTED_MEMBERS:
            shown += f" and {len(names) - MAX_LISTED_MEMBERS} more"
        raise CheckpointError(
            "is a zip archive with several checkpoints inside",
            where=source.where,
            expected="one, or all shards of one",
            found=shown,
            hint="unpack it and give the one that is meant",
        )
    own = {"archive members": ", ".join(names)}
    others = [name for name in all_names if name not in names]
    if others:
        own["archive members not read"] = ", ".join(others)
    return replace(contents, metadata={**own, **contents.metadata})
