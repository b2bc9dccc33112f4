"""Tar archives with one checkpoint inside, plain or gzipped: NeMo's `.nemo`, and models packed for a download.

NeMo keeps `model_weights.ckpt` beside `model_config.yaml`. In any other archive the one member that a
reader knows is taken. Members are read where they lie; nothing is unpacked to the disk.
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import replace

from auscult.checkpoint.contents import Contents
from auscult.checkpoint.source import TRUNCATED_HINT, Source
from auscult.checkpoint.source_file import SourceFile
from auscult.errors import CheckpointError

FORMAT = "tar"
USTAR_OFFSET, USTAR_MAGIC = 257, b"ustar"
GZIP_MAGIC = b"\x1f\x8b\x08"
TORCH_MEMBERS = (b"sys_info", b"pickle", b"tensors", b"storages")
"""Members of torch's own tar format, which `torch_legacy` names."""
NEMO_WEIGHTS = "model_weights.ckpt"
CONFIG_SUFFIXES = (".yaml", ".yml", ".json")
MAX_CONFIG_BYTES = 1 << 16
MAX_MEMBERS = 100_000
MAX_INFLATED_BYTES = 1 << 31
"""A gzipped archive is inflated into memory; a larger one has to be unpacked by its owner."""


def sniff(source: Source, head: bytes) -> bool:
    """A tar header, or gzip with a tar header in it."""
    if source.is_folder:
        return False
    if head[:3] == GZIP_MAGIC:
        try:
            start = zlib.decompressobj(31).decompress(source.bytes(0, min(source.size, 4096)), 512)
        except zlib.error:
            return False
        return _has_tar_header(start)
    if source.size < 512:
        return False
    block = source.bytes(0, 512)
    return _has_tar_header(block) and block[:100].rstrip(b"\0") not in TORCH_MEMBERS


def read(source: Source) -> Contents:
    """Read the one checkpoint in the archive.

    Raises:
        CheckpointError: If the archive is damaged, or holds no checkpoint or several.
    """
    from auscult.checkpoint import read_contents

    archive = _inflate(source) if source.bytes(0, 3) == GZIP_MAGIC else source
    members = dict(_iter_members(archive))
    weights = [name for name in members if name.rpartition("/")[2] == NEMO_WEIGHTS]
    candidates = weights or [name for name in members if not name.endswith(CONFIG_SUFFIXES)]
    texts = _read_configs(archive, members)
    readable = []
    for name in candidates:
        try:
            readable.append((name, read_contents(_open_member(archive, name, members[name]))))
        except CheckpointError:
            if weights:
                raise
    if len(readable) != 1:
        found = ", ".join(name for name, _ in readable[:5]) or "none of its members"
        raise CheckpointError(
            "is a tar archive with no single checkpoint inside",
            where=source.where,
            expected="one member that is a checkpoint",
            found=found,
            hint="unpack it and give the checkpoint that is meant",
        )
    name, (inner_format, contents) = readable[0]
    own = {"archive member": name, **texts, **contents.metadata}
    return replace(contents, metadata=own, format=contents.format or inner_format)


def _has_tar_header(block: bytes) -> bool:
    return block[USTAR_OFFSET : USTAR_OFFSET + 5] == USTAR_MAGIC


def _inflate(source: Source) -> Source:
    inflater = zlib.decompressobj(31)
    try:
        content = inflater.decompress(source.bytes(0, source.size), MAX_INFLATED_BYTES)
    except zlib.error as error:
        raise CheckpointError(
            f"cannot be inflated: {error}", where=source.where, hint=TRUNCATED_HINT
        ) from error
    if inflater.unconsumed_tail:
        raise CheckpointError(
            "is a gzipped archive that is too large to be read in memory",
            where=source.where,
            expected=f"at most {MAX_INFLATED_BYTES} bytes when inflated",
            hint="gunzip it first",
        )
    return source.hold_inflated_member("tar", memoryview(content))


def _iter_members(archive: Source) -> Iterator[tuple[str, tuple[int, int]]]:
    """Plain files of the archive by name: where their bytes begin, and how many there are."""
    try:
        with tarfile.open(fileobj=SourceFile(archive), mode="r:") as entries:
            for count, entry in enumerate(entries):
                if count >= MAX_MEMBERS:
                    raise CheckpointError("has too many members", where=archive.where)
                if entry.isreg():
                    yield entry.name, (entry.offset_data, entry.size)
    except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:
        raise CheckpointError(
            f"is a damaged tar archive: {error}", where=archive.where, hint=TRUNCATED_HINT
        ) from error


def _open_member(archive: Source, name: str, place: tuple[int, int]) -> Source:
    return archive.open_stored_member(name, *place)


def _read_configs(archive: Source, members: dict[str, tuple[int, int]]) -> dict[str, str]:
    """Small text files beside the weights, as metadata."""
    texts = {}
    for name, (offset, size) in members.items():
        if name.endswith(CONFIG_SUFFIXES) and size <= MAX_CONFIG_BYTES:
            texts[name.rpartition("/")[2]] = archive.bytes(offset, size).decode("utf-8", "replace")
    return texts
