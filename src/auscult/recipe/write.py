"""A recipe's targets written to a file: proven piece by piece on the way, and put in place only when all of it held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from auscult.checkpoint import open_checkpoint
from auscult.checkpoint.writers import FormatWriter, OutgoingTensor, TensorPiece, find_writer
from auscult.checkpoint.writers._sharded import ShardPlan, plan_shards
from auscult.errors import CheckpointError, UsageError
from auscult.facts.atomic import open_atomic_files, reserve_space
from auscult.facts.progress import Progress
from auscult.recipe.blocks import has_same_bits
from auscult.recipe.lazy import apply_recipe
from auscult.recipe.proof import Proof
from auscult.recipe.recipe import Recipe
from auscult.recipe.stream import RecipeStream
from auscult.weights import Checkpoint


@dataclass(frozen=True)
class WriteOutcome:
    """What was written (or, without a destination, proven only).

    Attributes:
        read_back: How many tensors were read from the new files again and found to be what they should be.
    """

    proof: Proof
    format: str | None
    files: tuple[Path, ...]
    tensors: tuple[OutgoingTensor, ...]
    read_back: int = 0


def write_recipe(
    recipe: Recipe,
    source: Checkpoint,
    destination: Path | None,
    *,
    metadata: Mapping[str, str] | None = None,
    force: bool = False,
    shard_bytes: int | None = None,
    read_back: bool = False,
    progress: Progress | None = None,
) -> WriteOutcome:
    """Apply a recipe to a checkpoint and write the result in the format of the destination's suffix.

    Memory stays below three times the largest tensor and 100 MB. On any error or interrupt nothing is left behind.

    Args:
        destination: None to prove without writing.
        read_back: Read the new files before they get their names, and compare every tensor with what was computed.
        shard_bytes: Write several safetensors files of at most so many bytes, with an index, where one is not enough.

    Raises:
        RecipeError: If the recipe does not fit, does not survive its round trip, or the format lacks a dtype.
        UsageError: If the destination is there already and `force` is not given, or its suffix is unknown.
        CheckpointError: If the disk refuses, or the new file does not hold what was written.
    """
    recipe = recipe.bind(source)
    stream = RecipeStream(recipe, source, progress)
    if destination is None:
        for _ in stream.pieces():
            pass
        return WriteOutcome(stream.proof(), None, (), tuple(stream.tensors))
    writer = find_writer(destination)
    writer.check(stream.tensors)
    shards = _plan_shards(writer, destination, stream, shard_bytes)
    if shards is None:
        files: tuple[Path, ...] = (destination,)
    else:
        files = (*shards.paths, shards.index)
    with open_atomic_files(files, force=force) as outs:
        if shards is None:
            _write_tensors(writer, outs[0], stream.tensors, stream.pieces(), metadata)
        else:
            _write_shards(writer, outs, shards, stream, metadata)
        proof = stream.proof()
        read_count = 0
        if read_back:
            weight_files = outs if shards is None else outs[:-1]
            read_count = _compare_written(weight_files, apply_recipe(recipe, source))
    return WriteOutcome(proof, writer.FORMAT, files, tuple(stream.tensors), read_count)


def _compare_written(outs: Sequence[BinaryIO], expected: Checkpoint) -> int:
    """Read what was written, one tensor at a time; how many there are.

    Raises:
        CheckpointError: If a tensor is missing, or is not the expected one bit for bit.
    """
    missing_names = set(expected)
    for out in outs:
        out.flush()
        written = open_checkpoint(out.name, "")
        for name in written.keys() & missing_names:
            if not has_same_bits(written[name].numpy(), expected[name].numpy()):
                raise CheckpointError(
                    "was read back with other numbers than were written",
                    where=f"{out.name}: {name}",
                )
            missing_names.remove(name)
    if missing_names:
        raise CheckpointError(
            "lacks a tensor that was written", where=outs[0].name, found=min(missing_names)
        )
    return len(expected)


def _plan_shards(
    writer: FormatWriter, destination: Path, stream: RecipeStream, shard_bytes: int | None
) -> ShardPlan | None:
    """The shards; None where one file is enough.

    Raises:
        UsageError: If the format of the destination has no shards.
    """
    if not shard_bytes:
        return None
    shards = plan_shards(destination, stream.tensors, shard_bytes)
    if shards is not None and writer.FORMAT != "safetensors":
        raise UsageError(
            "only safetensors can be written in shards",
            where=str(destination),
            hint="name it *.safetensors",
        )
    return shards


def _write_tensors(
    writer: FormatWriter,
    out: BinaryIO,
    tensors: Sequence[OutgoingTensor],
    pieces: Iterator[TensorPiece],
    metadata: Mapping[str, str] | None,
) -> None:
    reserve_space(out, sum(tensor.nbytes for tensor in tensors))
    writer.write(out, tensors, pieces, metadata or {})
    out.truncate()


def _write_shards(
    writer: FormatWriter,
    outs: Sequence[BinaryIO],
    shards: ShardPlan,
    stream: RecipeStream,
    metadata: Mapping[str, str] | None,
) -> None:
    """Write each shard's tensors, and the index to the last file."""
    pieces: Iterator[TensorPiece] = stream.pieces()
    for out, (start, stop) in zip(outs, shards.spans, strict=False):
        part, pieces = _split_pieces(pieces, start, stop)
        _write_tensors(writer, out, stream.tensors[start:stop], part, metadata)
    for _ in pieces:
        pass  # entries without targets come after the last tensor: their proofs count too
    outs[-1].write(shards.build_index_json(stream.tensors))


def _split_pieces(
    pieces: Iterator[TensorPiece], start: int, stop: int
) -> tuple[Iterator[TensorPiece], Iterator[TensorPiece]]:
    """The pieces of the tensors before `stop`, counted from `start`; and what follows, once these are consumed."""
    ahead: list[TensorPiece] = []

    def iter_before() -> Iterator[TensorPiece]:
        for index, piece in pieces:
            if index >= stop:
                ahead.append((index, piece))
                return
            yield index - start, piece

    def iter_after() -> Iterator[TensorPiece]:
        yield from chain(ahead, pieces)

    return iter_before(), iter_after()
