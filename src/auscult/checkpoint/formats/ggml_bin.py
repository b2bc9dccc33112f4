"""whisper.cpp's ggml files (`ggml-tiny.bin`): hyper-parameters, mel filters, vocabulary, then tensors one by one.

A tensor is (number of sides, length of its name, type), its sides with the fastest first, the name, and the
elements. Layout: whisper.cpp, models/convert-pt-to-ggml.py.
"""

from __future__ import annotations

import struct
from math import prod

from auscult.checkpoint.contents import Contents
from auscult.checkpoint.elements import (
    MAX_TENSORS,
    check_shape,
    count_stored_bytes,
    format_tensor_place,
    place_tensor,
)
from auscult.checkpoint.ggml import (
    BLOCK_TYPES,
    PLAIN_TYPES,
    BlockArray,
    explain_unread_type,
)
from auscult.checkpoint.source import TRUNCATED_HINT, Source
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.weights import Tensor

FORMAT = "ggml"
MAGIC = b"lmgg"
HYPERPARAMETERS = (
    *("vocabulary", "audio_context", "audio_width", "audio_heads", "audio_layers"),
    *("text_context", "text_width", "text_heads", "text_layers", "mel_bins", "file_type"),
)
MAX_NAME_BYTES = 4096
MAX_SIDES = 4
MAX_WORDS = 1_000_000


def sniff(source: Source, head: bytes) -> bool:  # noqa: ARG001 - the magic is enough
    """The file starts with ggml's magic number."""
    return head[:4] == MAGIC


def read(source: Source) -> Contents:
    """List the tensors.

    Raises:
        CheckpointError: If the file is damaged, or another program's ggml file.
    """
    count = len(HYPERPARAMETERS)
    numbers = struct.unpack(f"<{count}i", source.view(4, 4 * count))
    metadata = {name: str(number) for name, number in zip(HYPERPARAMETERS, numbers, strict=True)}
    position = _skip_filters_and_words(source, 4 + 4 * count)
    tree: dict[str, Tensor] = {}
    skips: list[Skip] = []
    while position < source.size:
        if len(tree) + len(skips) >= MAX_TENSORS:
            raise _make_error(source, "has too many tensors")
        description, position = _read_tensor(source, position)
        if isinstance(description, Skip):
            skips.append(description)
        elif description.name in tree:
            raise _make_error(source, f"lists a tensor twice: {description.name[:200]}")
        else:
            tree[description.name] = description
    return Contents(tree, metadata, skips=tuple(skips))


def _skip_filters_and_words(source: Source, position: int) -> int:
    """Where the tensors begin: behind the mel filter bank and the vocabulary."""
    mel_bins, bands = struct.unpack("<2i", source.view(position, 8))
    if mel_bins < 0 or bands < 0:
        raise _make_error(source, "has a mel filter bank of impossible size")
    position += 8 + 4 * mel_bins * bands
    (words,) = struct.unpack("<i", source.view(position, 4))
    if not 0 <= words <= MAX_WORDS:
        raise _make_error(source, "has a vocabulary of impossible size")
    position += 4
    for _ in range(words):
        (length,) = struct.unpack("<I", source.view(position, 4))
        source.view(position + 4, length)
        position += 4 + length
    return position


def _read_tensor(source: Source, position: int) -> tuple[Tensor | Skip, int]:
    """The tensor at a place, and the place behind it."""
    side_count, name_length, kind = struct.unpack("<3i", source.view(position, 12))
    if not 0 <= side_count <= MAX_SIDES or not 0 <= name_length <= MAX_NAME_BYTES:
        raise _make_error(source, "has a tensor whose head makes no sense")
    position += 12
    sides = struct.unpack(f"<{side_count}i", source.view(position, 4 * side_count))
    position += 4 * side_count
    name = source.bytes(position, name_length).decode("utf-8", "replace")
    position += name_length
    where = format_tensor_place(source, name)
    if min(sides, default=0) < 0:
        raise _make_error(source, f"has a negative side in {name[:200]}")
    shape = check_shape(tuple(reversed(sides)), where)
    if kind in PLAIN_TYPES:
        dtype = PLAIN_TYPES[kind]
        end = position + count_stored_bytes(dtype, shape)
        return place_tensor(source, (position, end), name, dtype, shape), end
    block = BLOCK_TYPES.get(kind)
    if block is None or not shape or shape[-1] % block.elements:
        raise _make_error(source, f"has a tensor of an unknown type: {name[:200]}, type {kind}")
    nbytes = prod(shape) // block.elements * block.nbytes
    source.view(position, nbytes)
    reason = explain_unread_type(block.name, "<")
    if reason is not None:
        return Skip(name, f"{reason} (shape {list(shape)})", is_weight=True), position + nbytes
    data = BlockArray(source, position, block, shape)
    return Tensor(name, shape, block.name, data, nbytes), position + nbytes


def _make_error(source: Source, problem: str) -> CheckpointError:
    return CheckpointError(problem, where=source.where, hint=TRUNCATED_HINT)
