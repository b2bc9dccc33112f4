"""A checkpoint whose tensors are computed by a recipe when they are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from threading import Lock

from auscult.checkpoint.ggml import BlockArray
from auscult.checkpoint.quantised.coded import CodedWeight
from auscult.checkpoint.source import dtype_of
from auscult.errors import RecipeError
from auscult.recipe.entry import Entry
from auscult.recipe.recipe import Recipe
from auscult.weights import Array, Checkpoint, Tensor, TensorData


@dataclass(eq=False)
class _SplitCache:
    """The targets of the entry with several targets that was computed last, so that q, k and v are split once."""

    lock: Lock = field(default_factory=Lock)
    entry: Entry | None = None
    targets: list[Array] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class ComputedData:
    """Data of one target of an entry."""

    entry: Entry
    sources: tuple[Tensor, ...]
    index: int
    slot: _SplitCache

    def array(self) -> Array:
        if len(self.entry.targets) == 1:
            return self._compute_targets()[0]
        with self.slot.lock:
            if self.slot.entry is not self.entry:
                self.slot.entry, self.slot.targets = None, []
                self.slot.targets = self._compute_targets()
                self.slot.entry = self.entry
            return self.slot.targets[self.index]

    def flat(self, start: int, stop: int) -> Array:
        return self.array().reshape(-1)[start:stop]

    def _compute_targets(self) -> list[Array]:
        return self.entry.apply([tensor.numpy() for tensor in self.sources])


def apply_recipe(recipe: Recipe, checkpoint: Checkpoint) -> Checkpoint:
    """The target checkpoint of a recipe that is bound to `checkpoint`."""
    split_cache = _SplitCache()
    tensors: dict[str, Tensor] = {}
    for entry in recipe.entries:
        sources = tuple(checkpoint[name] for name in entry.sources)
        shapes = entry.target_shapes([tensor.shape for tensor in sources])
        dtypes = entry.target_dtypes([get_element_type(tensor) for tensor in sources])
        for index, (name, shape, dtype) in enumerate(
            zip(entry.targets, shapes, dtypes, strict=True)
        ):
            if not entry.ops and len(sources) == 1:
                tensors[name] = _rename_tensor(sources[0], name)
                continue
            data: TensorData = ComputedData(entry, sources, index, split_cache)
            trainable = sources[0].trainable if sources else None
            nbytes = prod(shape) * dtype_of(dtype).itemsize
            tensors[name] = Tensor(name, shape, dtype, data, nbytes, trainable=trainable)
    return Checkpoint(
        checkpoint.path,
        checkpoint.format,
        tensors,
        checkpoint.container,
        metadata=dict(checkpoint.metadata),
    )


def get_element_type(tensor: Tensor) -> str:
    """The dtype of `tensor.numpy()`: GGUF's blocks and weights with codes and scales come as float32.

    Raises:
        RecipeError: If the tensor has no numbers numpy can hold.
    """
    if isinstance(tensor.data, CodedWeight | BlockArray):
        return "float32"
    try:
        return dtype_of(tensor.dtype).name
    except TypeError:
        raise RecipeError(
            "has a dtype that cannot be converted", where=tensor.name, found=tensor.dtype
        ) from None


def _rename_tensor(tensor: Tensor, name: str) -> Tensor:
    return Tensor(
        name,
        tensor.shape,
        tensor.dtype,
        tensor.data,
        tensor.nbytes,
        tensor.storage,
        tensor.quantization,
        tensor.trainable,
    )
