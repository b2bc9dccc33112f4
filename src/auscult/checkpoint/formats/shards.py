"""A checkpoint in several files: a `*.index.json` with the weight map, or a folder of shards.

The shards are read by the reader of their own format. Of a folder, the index is taken where there is one, else the one
checkpoint file in it, else all `*.safetensors` files whose names number them (`model-00001-of-00003.safetensors`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from auscult.checkpoint.beside import open_data_file
from auscult.checkpoint.bounded_json import parse_json
from auscult.checkpoint.contents import HEAD_BYTES, Contents
from auscult.checkpoint.formats import npz, safetensors, torch_legacy, torch_zip
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.facts.shard_names import NUMBERED_NAME, SHARD_SUFFIXES
from auscult.finding import Skip
from auscult.weights import Hazard

FORMAT = "shards"
CHECKED_WITH = ("safetensors 0.8.0", "torch 2.13.0")
SHARD_READERS = (safetensors, torch_zip, torch_legacy, npz)
INDEX_SUFFIX = ".index.json"
VARIANT_INDEX_NAME = re.compile(r".+\.index\.[A-Za-z0-9_-]+\.json")
"""Of another number format beside the plain one, as diffusers writes it: `model.safetensors.index.fp16.json`."""
MAX_SHARDS = 10_000


def sniff(source: Source, head: bytes) -> bool:
    """An index file, or a folder with an index or weight files."""
    if head:
        return _is_index_name(source.name) and head.lstrip()[:1] == b"{"
    if source.suffix in (".mlpackage", ".mlmodelc"):
        return False
    try:
        return source.is_folder and any(
            _is_index_name(entry.name) or entry.name.endswith(SHARD_SUFFIXES)
            for entry in source.path.iterdir()
        )
    except OSError:
        return False


def _is_index_name(name: str) -> bool:
    return name.endswith(INDEX_SUFFIX) or VARIANT_INDEX_NAME.fullmatch(name) is not None


def read(source: Source) -> Contents:
    """The tensors of all shards, as one checkpoint.

    Raises:
        CheckpointError: If a shard is missing, or the index and the shards disagree, or the index lies in an archive.
    """
    if source.is_folder:
        return _read_folder(source.path)
    names: dict[str, set[str]] = {}
    for name, shard in _read_weight_map(source).items():
        names.setdefault(shard, set()).add(name)
    if len(names) > MAX_SHARDS:
        raise CheckpointError(
            "names too many shards",
            where=source.where,
            expected=f"at most {MAX_SHARDS}",
            found=len(names),
        )
    shards = {
        open_data_file(source, shard): tensor_names for shard, tensor_names in sorted(names.items())
    }
    return join_shards(source.where, shards)


def _read_folder(path: Path) -> Contents:
    entries = sorted(entry for entry in path.iterdir() if entry.is_file())
    indexes = [entry for entry in entries if entry.name.endswith(INDEX_SUFFIX)] or [
        entry for entry in entries if _is_index_name(entry.name)
    ]
    preferred = [entry for entry in indexes if "safetensors" in entry.name] or indexes
    if len(preferred) == 1:
        return read(Source(preferred[0]))
    files = [entry for entry in entries if entry.suffix == ".safetensors"] or [
        e for e in entries if e.suffix in SHARD_SUFFIXES
    ]
    name_matches = [NUMBERED_NAME.fullmatch(entry.name) for entry in files]
    families = {(match[1], match[3], match[4]) for match in name_matches if match}
    if len(files) > 1 and all(name_matches) and len(families) == 1:
        (_, total, _) = next(iter(families))
        if len(files) != int(total):
            raise CheckpointError(
                "has some shards missing",
                where=str(path),
                expected=f"{int(total)} files",
                found=len(files),
            )
        return join_shards(str(path), dict.fromkeys(map(Source, files)))
    if len(files) == 1:
        source = Source(files[0])
        return _find_reader(source).read(source)  # type: ignore[no-any-return]
    shown = ", ".join(entry.name for entry in (preferred or files)[:5])
    raise CheckpointError(
        "is a folder with several checkpoints",
        where=str(path),
        found=shown[:300],
        hint="give one of the files",
    )


def _read_weight_map(source: Source) -> dict[str, str]:
    try:
        index = parse_json(source, 0, source.size)
    except ValueError as error:
        raise CheckpointError(
            f"cannot be parsed: {str(error)[:200]}",
            where=source.where,
            hint="fetch the index again",
        ) from error
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(weight_map, dict) or not all(
        isinstance(shard, str) for shard in weight_map.values()
    ):
        raise CheckpointError(
            "has no weight_map",
            where=source.where,
            hint="give the weight file itself, or fetch the index again",
        )
    return weight_map


def are_all_shards(names: Sequence[str]) -> bool:
    """Whether these are the files of one checkpoint, all of them, by the numbers in their names."""
    matches = [NUMBERED_NAME.fullmatch(name) for name in names]
    families = {(match[1], match[3], match[4]) for match in matches if match}
    if not all(matches) or len(families) != 1:
        return False
    return len(names) == int(next(iter(families))[1])


def join_shards(where: str, shards: Mapping[Source, set[str] | None]) -> Contents:
    """The tensors of several files as one checkpoint.

    Args:
        shards: Of each file the names that the index has for it; None where there is no index.

    Raises:
        CheckpointError: If a file is of no known format or lacks what it should have, or two have a tensor of one name.
    """
    tree: dict[str, Any] = {}
    metadata: dict[str, str] = {}
    hazards: list[Hazard] = []
    skips: list[Skip] = []
    formats: list[str] = []
    for shard, tensor_names in shards.items():
        reader = _find_reader(shard)
        contents = reader.read(shard)
        formats.append(contents.format or reader.FORMAT)
        skipped = {skip.where for skip in contents.skips}
        missing_names = sorted((tensor_names or set()) - set(contents.tree) - skipped)
        if missing_names:
            raise CheckpointError(
                "lacks a tensor that the index promises",
                where=shard.where,
                found=missing_names[0][:200],
            )
        for name, value in contents.tree.items():
            if tensor_names is not None and name not in tensor_names:
                skips.append(Skip(name, f"in {shard.name}, which the index does not name for it"))
            elif name in tree:
                raise CheckpointError(
                    "two shards have a tensor of one name", where=where, found=name[:200]
                )
            else:
                tree[name] = value
        metadata.update(contents.metadata)
        hazards += contents.hazards
        skips += contents.skips
    return Contents(
        tree, metadata, tuple(hazards), tuple(skips), formats[0] if len(set(formats)) == 1 else None
    )


def _find_reader(source: Source) -> Any:
    head = source.bytes(0, min(source.size, HEAD_BYTES))
    for reader in SHARD_READERS:
        if reader.sniff(source, head):
            return reader
    raise CheckpointError("is a shard of no known format", where=source.where, found=head[:8])
