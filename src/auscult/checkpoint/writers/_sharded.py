"""safetensors in several files of a limited size, with the index that names the file of each tensor."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from auscult.checkpoint.writers import OutgoingTensor


@dataclass(frozen=True)
class ShardPlan:
    """Where each tensor goes.

    Attributes:
        spans: For each file, the indices `start, stop` of its tensors.
        index: Path of the `*.safetensors.index.json`.
    """

    paths: tuple[Path, ...]
    spans: tuple[tuple[int, int], ...]
    index: Path

    def build_index_json(self, tensors: Sequence[OutgoingTensor]) -> bytes:
        """The index as Hugging Face's libraries read it."""
        shard_names = {
            tensor.name: path.name
            for path, (start, stop) in zip(self.paths, self.spans, strict=True)
            for tensor in tensors[start:stop]
        }
        total = sum(tensor.nbytes for tensor in tensors)
        return json.dumps(
            {"metadata": {"total_size": total}, "weight_map": shard_names}, indent=2
        ).encode()


def plan_shards(
    destination: Path, tensors: Sequence[OutgoingTensor], limit: int
) -> ShardPlan | None:
    """Files of at most `limit` bytes of tensors (one tensor at least); None if one file is enough."""
    starts, shard_bytes = [0], 0
    for index, tensor in enumerate(tensors):
        if shard_bytes and shard_bytes + tensor.nbytes > limit:
            starts.append(index)
            shard_bytes = 0
        shard_bytes += tensor.nbytes
    if len(starts) == 1:
        return None
    count, stem = len(starts), destination.name.removesuffix(".safetensors")
    paths = tuple(
        destination.with_name(f"{stem}-{i + 1:05d}-of-{count:05d}.safetensors")
        for i in range(count)
    )
    spans = tuple(zip(starts, [*starts[1:], len(tensors)], strict=True))
    return ShardPlan(paths, spans, destination.with_name(f"{destination.name}.index.json"))
