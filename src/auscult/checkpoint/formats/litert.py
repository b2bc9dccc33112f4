"""LiteRT (TensorFlow Lite) models: the constant tensors of all subgraphs, with their quantisation and their operator.

Tensors without stored data are activations and not listed. A name that comes again gets `#index`, its number in the
subgraph. Convolution weights are stored as the runtime wants them, [out, height, width, in]. `Contents.modules` tells the
operator that consumes a tensor: stride, dilation, padding, which input it is, and `node`, subgraph/number of the operator;
DEQUANTIZE is looked through, and named in `through`.
Field numbers: https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from auscult.checkpoint.contents import Contents
from auscult.checkpoint.elements import check_count, check_shape, format_tensor_place, place_tensor
from auscult.checkpoint.flatbuffer import FlatbufferTable, ScalarCode
from auscult.checkpoint.litert_blocks import BLOCKWISE, find_block_parts, merge_blocks
from auscult.checkpoint.source import Source
from auscult.finding import Skip
from auscult.weights import ModuleInfo, Quantization, Shape, Tensor

FORMAT = "litert"
CHECKED_WITH = ("TensorFlow 2.21.0", "litert-torch 0.10.0", "ai-edge-quantizer 0.10.0")
IDENTIFIER = b"TFL3"
DTYPES = (
    *(
        "float32",
        "float16",
        "int32",
        "uint8",
        "int64",
        "",
        "bool",
        "int16",
        "complex64",
        "int8",
        "float64",
        "complex128",
    ),
    *(
        "uint64",
        "",
        "",
        "uint32",
        "uint16",
        "int4",
        "bfloat16",
        "int2",
        "uint4",
        "float8_e4m3fn",
        "float8_e5m2",
    ),
)
"""Element types by number; the empty ones are strings, resources and variants."""
OPERATORS = {
    0: "ADD",
    2: "CONCATENATION",
    3: "CONV_2D",
    4: "DEPTHWISE_CONV_2D",
    6: "DEQUANTIZE",
    7: "EMBEDDING_LOOKUP",
    9: "FULLY_CONNECTED",
    16: "LSTM",
    18: "MUL",
    22: "RESHAPE",
    24: "RNN",
    27: "SVDF",
    34: "PAD",
    35: "UNIDIRECTIONAL_SEQUENCE_RNN",
    36: "GATHER",
    39: "TRANSPOSE",
    40: "MEAN",
    41: "SUB",
    42: "DIV",
    44: "UNIDIRECTIONAL_SEQUENCE_LSTM",
    45: "STRIDED_SLICE",
    46: "BIDIRECTIONAL_SEQUENCE_RNN",
    52: "BIDIRECTIONAL_SEQUENCE_LSTM",
    53: "CAST",
    54: "PRELU",
    60: "PADV2",
    65: "SLICE",
    67: "TRANSPOSE_CONV",
    78: "POW",
    114: "QUANTIZE",
    126: "BATCH_MATMUL",
    132: "CONV_3D",
    141: "CONV_3D_TRANSPOSE",
}
CUSTOM_OPERATOR = 32
PADDING_NAMES = {0: "SAME", 1: "VALID"}
# operator: (attribute, field of its options, type, default)
OPERATOR_OPTIONS: dict[str, tuple[tuple[str, int, ScalarCode, int], ...]] = {
    "CONV_2D": (
        ("stride_w", 1, "i", 0),
        ("stride_h", 2, "i", 0),
        ("dilation_w", 4, "i", 1),
        ("dilation_h", 5, "i", 1),
    ),
    "DEPTHWISE_CONV_2D": (
        *(("stride_w", 1, "i", 0), ("stride_h", 2, "i", 0), ("depth_multiplier", 3, "i", 0)),
        *(("dilation_w", 5, "i", 1), ("dilation_h", 6, "i", 1)),
    ),
    "TRANSPOSE_CONV": (("stride_w", 1, "i", 0), ("stride_h", 2, "i", 0)),
    "FULLY_CONNECTED": (("weights_format", 1, "b", 0), ("keep_num_dims", 2, "?", 0)),
}
PADDED_OPERATORS = frozenset(("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"))


def sniff(source: Source, head: bytes) -> bool:  # noqa: ARG001 - the identifier is enough
    """The FlatBuffers file identifier is `TFL3`."""
    return head[4:8] == IDENTIFIER


def read(source: Source) -> Contents:
    """List what the model holds.

    Raises:
        CheckpointError: If the file is damaged.
    """
    model = FlatbufferTable.root(source)
    reader = _LiteRTReader(
        source,
        [_find_buffer_span(buffer) for buffer in model.tables(4)],
        _read_operator_names(model),
    )
    for subgraph in model.tables(2):
        reader.collect_subgraph(subgraph)
    metadata = {
        "schema": str(model.scalar(0, "I")),
        "description": model.text(3),
        "subgraphs": str(reader.subgraph_count),
    }
    skips = tuple(reader.skips)
    return Contents(
        reader.tensors,
        {key: value for key, value in metadata.items() if value},
        skips=skips,
        modules=reader.modules,
    )


def _find_buffer_span(buffer: FlatbufferTable) -> tuple[int, int]:
    """Where a buffer's bytes lie: in the flatbuffer, or for models over 2 GB behind it."""
    start, count = buffer.vector(0, 1) or (0, 0)
    if count:
        return start, start + count
    offset, size = int(buffer.scalar(1, "Q")), int(buffer.scalar(2, "Q"))
    if offset > 1 and size:  # 0 and 1 stand for "not outside"
        buffer.source.view(offset, size)
        return offset, offset + size
    return 0, 0


def _read_operator_names(model: FlatbufferTable) -> list[str]:
    names = []
    for code in model.tables(1):
        # the first field is the old, one-byte code: the newer one counts where it is larger
        number = max(int(code.scalar(0, "b")), int(code.scalar(3, "i")))
        names.append(
            code.text(1)
            if number == CUSTOM_OPERATOR
            else OPERATORS.get(number, f"BUILTIN_{number}")
        )
    return names


@dataclass
class _LiteRTReader:
    """Collects the constant tensors of all subgraphs.

    Attributes:
        dequantised: Tensors that an operator of their own turns into real numbers, whose consumer has not been met yet.
    """

    source: Source
    buffers: list[tuple[int, int]]
    operators: list[str]
    tensors: dict[str, Tensor] = field(default_factory=dict)
    skips: list[Skip] = field(default_factory=list)
    modules: dict[str, ModuleInfo] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    dequantised: set[str] = field(default_factory=set)
    subgraph_count: int = 0

    def collect_subgraph(self, subgraph: FlatbufferTable) -> None:
        names: dict[int, str] = {}
        block_parts: dict[int, tuple[int, int, int]] = {}
        for index, entry in enumerate(subgraph.tables(0)):
            buffer = int(entry.scalar(2, "I"))
            external = int(entry.scalar(10, "I"))
            if buffer >= len(self.buffers):
                raise entry.error(
                    "names a buffer that is not there",
                    expected=f"below {len(self.buffers)}",
                    actual=buffer,
                )
            span = self.buffers[buffer]
            if span[0] == span[1] and not external:
                continue
            check_count(self.source, len(self.taken))
            name = self.unique(entry.text(3), index)
            description = self.tensor(entry, name, span, external=bool(external))
            if isinstance(description, Skip):
                self.skips.append(description)
            else:
                self.tensors[name] = description
                names[index] = name
                parts = find_block_parts(entry.table(4))
                if parts is not None:
                    block_parts[index] = parts
        self.join_blocks(block_parts, names)
        for number, operator in enumerate(subgraph.tables(3)):
            self.collect_operator(operator, number, names)
        self.subgraph_count += 1

    def join_blocks(
        self, block_parts: Mapping[int, tuple[int, int, int]], names: dict[int, str]
    ) -> None:
        """Put each blockwise weight in the place of its codes, and take its scales off the list."""
        tensors = {index: self.tensors[name] for index, name in names.items()}
        for index, parts in block_parts.items():
            weight = merge_blocks(tensors[index], parts, tensors)
            if isinstance(weight, str):
                self.skips.append(Skip(names[index], weight, is_weight=True))
                del self.tensors[names.pop(index)]
            else:
                self.tensors[names[index]] = weight
        for scale, zero_point, _ in block_parts.values():
            for part in (scale, zero_point):
                if part in names and part not in block_parts:
                    del self.tensors[names.pop(part)]

    def unique(self, name: str, index: int) -> str:
        unique_name = name or f"tensor#{index}"
        while unique_name in self.taken:
            unique_name = f"{unique_name}#{index}"
        self.taken.add(unique_name)
        return unique_name

    def tensor(
        self, entry: FlatbufferTable, name: str, span: tuple[int, int], *, external: bool
    ) -> Tensor | Skip:
        number = int(entry.scalar(1, "b"))
        dtype = DTYPES[number] if 0 <= number < len(DTYPES) else ""
        if external:
            return Skip(name, "kept in an external buffer group, outside the file", is_weight=True)
        if not dtype:
            return Skip(
                name,
                f"LiteRT element type {number} is not a number that auscult reads",
                is_weight=True,
            )
        if entry.table(6) is not None:
            return Skip(name, "sparse tensors are not read", is_weight=True)
        shape = check_shape(
            [int(side) for side in entry.numbers(0, "i")[:64]],
            format_tensor_place(self.source, name),
        )
        quantization = _read_quantization(entry.table(4), shape)
        if isinstance(quantization, str):
            return Skip(name, quantization, is_weight=True)
        return place_tensor(self.source, span, name, dtype, shape, quantization=quantization)

    def collect_operator(
        self, operator: FlatbufferTable, number: int, names: dict[int, str]
    ) -> None:
        """Note which tensors an operator takes; those that are dequantised first, in the place of their real numbers."""
        code = int(operator.scalar(0, "I"))
        op = self.operators[code] if code < len(self.operators) else f"OPERATOR_{code}"
        attributes: dict[str, Any] | None = None
        for position, index in enumerate(operator.numbers(1, "i").tolist()):
            name = names.get(index)
            if name is None or (name in self.modules and name not in self.dequantised):
                continue
            if attributes is None:
                attributes = _read_attributes(operator, op)
                attributes["node"] = f"{self.subgraph_count}/{number}"
            extra: dict[str, Any] = {"input": position}
            if name in self.dequantised:
                extra["through"] = ("DEQUANTIZE",)
                self.dequantised.discard(name)
            self.modules[name] = ModuleInfo(name, op, {**attributes, **extra})
            if op == "DEQUANTIZE" and "through" not in extra:
                self.dequantised.add(name)
                names.update(dict.fromkeys(operator.numbers(2, "i").tolist(), name))


def _read_attributes(operator: FlatbufferTable, op: str) -> dict[str, Any]:
    options = operator.table(4) if op in OPERATOR_OPTIONS else None
    if options is None:
        return {}
    attributes = {
        name: options.scalar(number, code, default)
        for name, number, code, default in OPERATOR_OPTIONS[op]
    }
    if op in PADDED_OPERATORS:
        padding = int(options.scalar(0, "b"))
        attributes["padding"] = PADDING_NAMES.get(padding, str(padding))
    return attributes


def _read_quantization(entry: FlatbufferTable | None, shape: Shape) -> Quantization | str | None:
    """The tensor's scales, None if it has none, or why they cannot be used."""
    if entry is None:
        return None
    details = int(entry.scalar(4, "B"))
    if details > BLOCKWISE:
        return "quantised along several axes, which is not read"
    if details == BLOCKWISE:
        return None  # the scales are a tensor of their own
    scale, zero = entry.numbers(2, "f"), entry.numbers(3, "q")
    if not scale.size:
        return None
    axis = int(entry.scalar(6, "i"))
    if scale.size > 1 and not (0 <= axis < len(shape) and shape[axis] == scale.size):
        return f"{scale.size} scales along axis {axis} do not fit shape {list(shape)}"
    if zero.size not in (0, 1, scale.size):
        return f"{zero.size} zero points for {scale.size} scales"
    return Quantization(
        scale, zero if zero.size else np.zeros(1, np.int64), axis if scale.size > 1 else None
    )
