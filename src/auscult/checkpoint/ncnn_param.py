"""ncnn's `.param`: a line for each layer, and the weights of the `.bin` in the order of the layers.

A line is `type name inputs outputs blobs... key=value...`. Numbers of the `.bin` have a flag in front that says how they
are stored, or none where the layer loads them as they are. Sources: src/paramdict.cpp, src/modelbin.cpp of
https://github.com/Tencent/ncnn.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod

from auscult.checkpoint.elements import DecodedData
from auscult.checkpoint.file_array import FileArray
from auscult.checkpoint.quantised.coded import CodedWeight, DecodedRows
from auscult.checkpoint.source import Source, dtype_of
from auscult.errors import CheckpointError
from auscult.late import numpy as np
from auscult.weights import Array, Shape, Tensor, TensorData

MAGIC = b"7767517"
MAX_BYTES = 1 << 28
HALF_FLAG, INTEGER_FLAG, RAW_FLAG = 0x01306B47, 0x000D4B38, 0x0002C056
TABLE_ENTRIES = 256
ALIGNMENT = 4
HALF_ERROR = 1.01 * 2.0**-11
"""Largest relative error of a weight in float16: half a unit in the last place, and the rounding of the bound."""
HALF_TINY = 2.0**-14
"""Below this magnitude ncnn's converters store zero, although float16 reaches further down."""


@dataclass
class NcnnLayer:
    """A line.

    Attributes:
        words: `key=value` with their texts, for a pnnx graph as well.
    """

    type: str
    name: str
    words: dict[str, str] = field(default_factory=dict)

    def get_integer(self, key: int, default: int = 0) -> int:
        """The value under a number."""
        text = self.words.get(str(key), "")
        try:
            return int(text)
        except ValueError:
            return default


def parse_layers(source: Source) -> list[NcnnLayer]:
    """The layers of a `.param`, of ncnn or of pnnx.

    Raises:
        CheckpointError: If it is cut off or no such text.
    """
    if source.size > MAX_BYTES:
        raise CheckpointError("is too long for a graph", where=source.where)
    lines = source.bytes(0, source.size).decode("utf-8", "replace").splitlines()
    counts = lines[1].split() if len(lines) > 1 else []
    if len(counts) != 2 or not counts[0].isdigit():
        raise CheckpointError("has no line with the number of its layers", where=source.where)
    layers = []
    for line in lines[2:]:
        words = line.split()
        if len(words) >= 4 and words[2].isdigit() and words[3].isdigit():
            first = 4 + int(words[2][:6]) + int(words[3][:6])
            pairs = (word.partition("=") for word in words[first:])
            layers.append(NcnnLayer(words[0], words[1], {key: value for key, _, value in pairs}))
    if len(layers) != int(counts[0][:9]):
        raise CheckpointError(
            "is cut off or damaged",
            where=source.where,
            expected=f"{counts[0][:9]} layers",
            found=len(layers),
            hint="fetch it again",
        )
    return layers


@dataclass
class NcnnStream:
    """The `.bin`, read from front to end."""

    source: Source
    position: int = 0

    def load(self, name: str, shape: Shape, *, flagged: bool) -> Tensor:
        """The next numbers as a tensor of that shape; `flagged` if a flag stands before them.

        Raises:
            CheckpointError: If they are not all there.
        """
        count, flag = prod(shape), 0
        if flagged:
            flag = int.from_bytes(self.source.view(self.position, 4), "little")
            self.position += 4
        if flag == HALF_FLAG:
            return _widen_halves(self._place(name, shape, "float16"))
        if flag == INTEGER_FLAG:
            return self._place(name, shape, "int8")
        if flag in (0, RAW_FLAG):
            return self._place(name, shape, "float32")
        table = np.frombuffer(self.source.view(self.position, 4 * TABLE_ENTRIES), "<f4")
        start = self.position + 4 * TABLE_ENTRIES
        indices = FileArray(self.source, start, "uint8", shape)
        self.source.view(start, count)
        self._advance(4 * TABLE_ENTRIES + count)

        def look_up() -> Array:
            return np.asarray(table[indices.array()])

        return Tensor(name, shape, "float32", DecodedData(look_up), count)

    def _place(self, name: str, shape: Shape, dtype: str) -> Tensor:
        nbytes = prod(shape) * dtype_of(dtype).itemsize
        data: TensorData = FileArray(self.source, self.position, dtype, shape)
        self.source.view(self.position, nbytes)
        self._advance(nbytes)
        return Tensor(name, shape, dtype, data, nbytes)

    def _advance(self, nbytes: int) -> None:
        self.position += -(-nbytes // ALIGNMENT) * ALIGNMENT


def _widen_halves(stored: Tensor) -> Tensor:
    """Weights in float16 whose smallest values became zero: rounding alone does not explain these."""
    row_length = stored.shape[-1] if stored.shape else 1

    def decode(first: int, last: int) -> DecodedRows:
        flat = stored.flat(first * row_length, last * row_length).astype(np.float32)
        values = flat.reshape(last - first, row_length)
        return DecodedRows(values, HALF_ERROR * np.abs(values) + np.float32(HALF_TINY))

    data = CodedWeight(stored.shape, "ncnn_float16", "ncnn, float16", 16, None, decode)
    return Tensor(stored.name, stored.shape, data.dtype, data, stored.nbytes)
