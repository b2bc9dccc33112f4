"""Open any checkpoint: safely, lazily, within bounds, and without the framework that wrote it."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from auscult import plugins
from auscult.checkpoint.adapter import read_adapter_config
from auscult.checkpoint.containers import ContainerChoice, choose_container
from auscult.checkpoint.contents import HEAD_BYTES, Contents
from auscult.checkpoint.groups import BufferLeaf, walk_tree
from auscult.checkpoint.loading_code import write_loading_code
from auscult.checkpoint.source import Source
from auscult.checkpoint.unknown import explain_unknown_file, explain_unknown_folder
from auscult.collector import pause_collector
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.weights import Checkpoint, Tensor

CODE_DTYPES = frozenset(
    (
        *("uint8", "int8", "uint32", "int32", "int4", "uint4"),
        *("float8_e4m3fn", "float8_e5m2", "float4_e2m1fn"),
    )
)
"""Element types in which quantisers store codes."""
FORMATS_PACKAGE = "auscult.checkpoint.formats"
READER_BY_SUFFIX = {
    **dict.fromkeys((".pth", ".pt", ".ckpt", ".bin"), "torch_zip"),
    **{
        ".safetensors": "safetensors",
        ".npz": "npz",
        ".npy": "npy",
        ".gguf": "gguf",
        ".onnx": "onnx",
        ".tflite": "litert",
        ".xml": "openvino",
    },
}
"""Readers by suffix, only to save the import of the others; a reader that is not named here is found all the same."""


def open_checkpoint(
    path: str | os.PathLike[str] | Source, container: str | None = None
) -> Checkpoint:
    """Describe the tensors of a checkpoint; their elements stay in the file until they are asked for.

    Args:
        path: A file, a `*.index.json` of shards, or a folder of shards; or a source, such as a member of an archive.
        container: Which group of tensors to take, such as `model_state_dict.generator`, where the choice that auscult makes
            (see `auscult.checkpoint.containers`) is not the one wanted; the empty string takes all.

    Raises:
        CheckpointError: If the file is of no known format, damaged, hostile, or has no such container.
    """
    source = path if isinstance(path, Source) else Source(Path(path))
    with pause_collector():
        format_name, contents = read_contents(source)
        tree_walk = walk_tree(contents.tree, source.where)
        choice = choose_container(tree_walk.root, source.where, container)
        tensors, skips = _describe_tensors(choice)
        metadata = {**choice.scalars, **contents.metadata}
        metadata |= read_adapter_config(source, tensors)
        tensors, assumption_skips = _merge_quantised(tensors, source, metadata)
    return Checkpoint(
        path=source.where if isinstance(path, Source) else str(path),
        format=contents.format or format_name,
        tensors=tensors,
        container=choice.path,
        containers=choice.containers,
        metadata=metadata,
        hazards=contents.hazards,
        skips=(*contents.skips, *tree_walk.skips, *skips, *assumption_skips),
        modules=contents.modules,
        ties=find_ties(tensors.values()),
        loading_code=write_loading_code(contents.tree, choice.path, contents.format or format_name),
    )


def find_ties(tensors: Iterable[Tensor]) -> tuple[tuple[str, ...], ...]:
    """Groups of names that lie on the very same elements: one storage, offset, shape and strides."""
    stored_tensors = [
        (tensor, tensor.storage)
        for tensor in tensors
        if tensor.storage is not None and tensor.nbytes
    ]
    if len({storage.key for _, storage in stored_tensors}) == len(stored_tensors):
        return ()
    groups: dict[object, list[str]] = {}
    for tensor, storage in stored_tensors:
        # the fields of a storage, not itself: the hash of a record is computed in Python
        location = (storage.key, storage.offset, storage.strides, tensor.shape, tensor.dtype)
        groups.setdefault(location, []).append(tensor.name)
    return tuple(tuple(names) for names in groups.values() if len(names) > 1)


def read_contents(source: Source) -> tuple[str, Contents]:
    """The name of the format that a file or member has, and what its reader says of it.

    Raises:
        CheckpointError: If no reader knows it, or it is damaged.
    """
    if source.member:
        head = source.bytes(0, min(source.size, HEAD_BYTES))
    else:
        head = _read_head(source.path)
    likely_reader = READER_BY_SUFFIX.get(source.suffix)
    for name in sorted(
        plugins.list_module_names(FORMATS_PACKAGE), key=lambda name: name != likely_reader
    ):
        module = importlib.import_module(f"{FORMATS_PACKAGE}.{name}")
        if module.sniff(source, head):
            return str(module.FORMAT), module.read(source)
    if source.is_folder:
        raise explain_unknown_folder(source.path)
    raise explain_unknown_file(source, head)


def _read_head(path: Path) -> bytes:
    """The first bytes of a file; none for a folder.

    Raises:
        CheckpointError: If the path is neither.
    """
    try:
        if path.is_dir():
            return b""
        if not path.is_file():
            if not path.exists():
                hint = "check the path"
            else:
                hint = "give a plain file or a folder"
            raise CheckpointError("is no file or folder", where=str(path), hint=hint)
        with path.open("rb") as handle:
            return handle.read(HEAD_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CheckpointError(
            f"cannot be opened: {reason}",
            where=str(path),
            hint="check the path and its permissions",
        ) from error


def _describe_tensors(choice: ContainerChoice) -> tuple[dict[str, Tensor], list[Skip]]:
    tensors: dict[str, Tensor] = {}
    skips: list[Skip] = []
    for name, item in choice.leaves:
        leaf = item.leaf if isinstance(item, BufferLeaf) else item
        description = leaf if isinstance(leaf, Tensor) else leaf.describe(name)
        if name in tensors:
            description = Skip(name, "a second tensor of this name")
        if isinstance(description, Skip):
            skips.append(description)
        else:
            trainable = False if isinstance(item, BufferLeaf) else description.trainable
            is_unchanged = description.name == name and description.trainable == trainable
            if is_unchanged:
                tensors[name] = description
            else:
                tensors[name] = replace(description, name=name, trainable=trainable)
    return tensors, skips


def has_codes(tensors: Iterable[Tensor]) -> bool:
    """Whether any tensor may hold a quantiser's codes."""
    return any(tensor.dtype in CODE_DTYPES and tensor.shape for tensor in tensors)


def _merge_quantised(
    tensors: dict[str, Tensor], source: Source, metadata: Mapping[str, str]
) -> tuple[dict[str, Tensor], tuple[Skip, ...]]:
    """What quantisers stored as codes with scales, as the weights that it stands for."""
    if not has_codes(tensors.values()):
        return tensors, ()
    from auscult.checkpoint.quantised import SchemeContext, merge_quantised_weights

    return merge_quantised_weights(tensors, SchemeContext(source, metadata))
