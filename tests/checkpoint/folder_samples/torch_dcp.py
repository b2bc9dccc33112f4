"""A small random folder of torch's distributed checkpoint, as two ranks write it, each a half of a matrix."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import torch
from torch.distributed.checkpoint import metadata as dcp
from torch.distributed.checkpoint.filesystem import _StorageInfo

BIAS = "model.conv.bias"
WEIGHT = "model.conv.weight"


def make(path: Path, seed: int) -> None:
    """Write `.metadata` and a file for each of two ranks; the halves are rows for even seeds, columns for odd ones."""
    write(path, draw(seed), axis=seed % 2)


def draw(seed: int) -> dict[str, torch.Tensor]:
    """The tensors of a sample, each whole."""
    generator = torch.Generator().manual_seed(seed)
    return {
        WEIGHT: torch.randn(4, 6, generator=generator),
        BIAS: torch.randn(4, generator=generator).bfloat16(),
    }


def write(path: Path, tensors: dict[str, torch.Tensor], *, axis: int) -> None:
    """Write matrices in two halves, vectors whole, and a count of steps."""
    files = [io.BytesIO(), io.BytesIO()]
    entries: dict[str, object] = {"step": dcp.BytesStorageMetadata()}
    storage: dict[dcp.MetadataIndex, _StorageInfo] = {}
    paths: dict[str, tuple[str, ...]] = {"step": ("step",)}
    storage[dcp.MetadataIndex("step")] = append(files[0], 0, 300)
    for name, tensor in tensors.items():
        paths[name] = ("model", name.removeprefix("model."))
        boxes = []
        pieces = tensor.chunk(2, axis) if tensor.ndim > 1 else (tensor,)
        for rank, piece in enumerate(pieces):
            offsets = [0] * tensor.ndim
            offsets[axis if tensor.ndim > 1 else 0] = rank * pieces[0].shape[axis] if rank else 0
            boxes.append(dcp.ChunkStorageMetadata(torch.Size(offsets), piece.shape))
            key = dcp.MetadataIndex(name, torch.Size(offsets), rank)
            storage[key] = append(files[rank], rank, piece.contiguous())
        properties = dcp.TensorProperties(dtype=tensor.dtype)
        entries[name] = dcp.TensorStorageMetadata(properties, tensor.shape, boxes)
    index = dcp.Metadata(entries, paths, storage)  # type: ignore[arg-type]
    (path / ".metadata").write_bytes(pickle.dumps(index))
    for rank, file in enumerate(files):
        (path / f"__{rank}_0.distcp").write_bytes(file.getvalue())


def append(file: io.BytesIO, rank: int, value: object) -> _StorageInfo:
    """Write a value behind what the file of a rank holds, and say where."""
    start = file.seek(0, io.SEEK_END)
    content = io.BytesIO()
    torch.save(value, content)
    file.write(content.getvalue())
    return _StorageInfo(f"__{rank}_0.distcp", start, len(content.getvalue()))
