"""A checkpoint in several files: a `*.index.json` with the weight map, or a folder of shards.

The shards are read by the reader of their own format. Of a folder, the index is taken where there is one, else the one
checkpoint file in it, else all `*.safetensors` files whose names number them (`model-00001-of-00003.safetensors`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auscult.checkpoint.beside import resolve_data_file
from auscult.checkpoint.bounded_json import parse_json
from auscult.checkpoint.contents import Contents
from auscult.checkpoint.formats import npz, safetensors, torch_legacy, torch_zip
from auscult.checkpoint.source import Source
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.weights import Hazard

FORMAT = "shards"
SHARD_READERS = (safetensors, torch_zip, torch_legacy, npz)
INDEX_SUFFIX = ".index.json"
NUMBERED_NAME = re.compile(r"(.+)-(\d+)-of-(\d+)(\.[a-z]+)")
SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".bin", ".npz")
MAX_SHARDS = 10_000


def sniff(path: Path, head: bytes) -> bool:
    """An index file, or a folder with an index or weight files."""
    if head:
        return path.name.endswith(INDEX_SUFFIX) and head.lstrip()[:1] == b"{"
    if path.suffix in (".mlpackage", ".mlmodelc"):
        return False
    try:
        return path.is_dir() and any(
            entry.name.endswith((INDEX_SUFFIX, *SUFFIXES)) for entry in path.iterdir()
        )
    except OSError:
        return False


def read(path: Path) -> Contents:
    """The tensors of all shards, as one checkpoint.

    Raises:
        CheckpointError: If a shard is missing, or the index and the shards disagree.
    """
    if path.is_dir():
        return _read_folder(path)
    shards = _read_weight_map(path)
    names: dict[str, set[str]] = {}
    for name, shard in shards.items():
        names.setdefault(shard, set()).add(name)
    if len(names) > MAX_SHARDS:
        raise CheckpointError(
            "names too many shards",
            where=str(path),
            expected=f"at most {MAX_SHARDS}",
            found=len(names),
        )
    files = {
        resolve_data_file(path.parent, shard, path): tensor_names
        for shard, tensor_names in sorted(names.items())
    }
    return _join_shards(path, files)


def _read_folder(path: Path) -> Contents:
    entries = sorted(entry for entry in path.iterdir() if entry.is_file())
    indexes = [entry for entry in entries if entry.name.endswith(INDEX_SUFFIX)]
    preferred = [entry for entry in indexes if "safetensors" in entry.name] or indexes
    if len(preferred) == 1:
        return read(preferred[0])
    files = [entry for entry in entries if entry.suffix == ".safetensors"] or [
        e for e in entries if e.suffix in SUFFIXES
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
        return _join_shards(path, dict.fromkeys(files))
    if len(files) == 1:
        return _find_reader(files[0]).read(files[0])  # type: ignore[no-any-return]
    shown = ", ".join(entry.name for entry in (preferred or files)[:5])
    raise CheckpointError(
        "is a folder with several checkpoints",
        where=str(path),
        found=shown[:300],
        hint="give one of the files",
    )


def _read_weight_map(path: Path) -> dict[str, str]:
    source = Source(path)
    try:
        index = parse_json(source, 0, source.size)
    except ValueError as error:
        raise CheckpointError(
            f"cannot be parsed: {str(error)[:200]}", where=str(path), hint="fetch the index again"
        ) from error
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(weight_map, dict) or not all(
        isinstance(shard, str) for shard in weight_map.values()
    ):
        raise CheckpointError(
            "has no weight_map",
            where=str(path),
            hint="give the weight file itself, or fetch the index again",
        )
    return weight_map


def _join_shards(path: Path, files: Mapping[Path, set[str] | None]) -> Contents:
    tree: dict[str, Any] = {}
    metadata: dict[str, str] = {}
    hazards: list[Hazard] = []
    skips: list[Skip] = []
    formats: list[str] = []
    for file, tensor_names in files.items():
        reader = _find_reader(file)
        contents = reader.read(file)
        formats.append(contents.format or reader.FORMAT)
        skipped = {skip.where for skip in contents.skips}
        missing_names = sorted((tensor_names or set()) - set(contents.tree) - skipped)
        if missing_names:
            raise CheckpointError(
                "lacks a tensor that the index promises",
                where=str(file),
                found=missing_names[0][:200],
            )
        for name, value in contents.tree.items():
            if tensor_names is not None and name not in tensor_names:
                skips.append(Skip(name, f"in {file.name}, which the index does not name for it"))
            elif name in tree:
                raise CheckpointError(
                    "two shards have a tensor of one name", where=str(path), found=name[:200]
                )
            else:
                tree[name] = value
        metadata.update(contents.metadata)
        hazards += contents.hazards
        skips += contents.skips
    return Contents(
        tree, metadata, tuple(hazards), tuple(skips), formats[0] if len(set(formats)) == 1 else None
    )


def _find_reader(path: Path) -> Any:
    with path.open("rb") as handle:
        head = handle.read(64)
    for reader in SHARD_READERS:
        if reader.sniff(path, head):
            return reader
    raise CheckpointError("is a shard of no known format", where=str(path), found=head[:8])
