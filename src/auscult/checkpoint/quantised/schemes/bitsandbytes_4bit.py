"""bitsandbytes' nf4 and fp4: codes of 4 bits that stand for values of a table, scaled block by block.

`x.weight` (bytes, 1) in uint8 holds two codes a byte, the first in the high half. Beside it lie
`x.weight.absmax`, `x.weight.quant_map` (the table) and `x.weight.quant_state.bitsandbytes__nf4`, a
JSON text in uint8 with shape and block size. With double quantisation the scales are bytes too:
scale = nested_quant_map[absmax] * nested_absmax + nested_offset. Source: bitsandbytes.functional,
QuantState.as_dict.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

from auscult.checkpoint.quantised import MergedWeight, SchemeContext
from auscult.checkpoint.quantised.bits import make_table_bounds
from auscult.checkpoint.quantised.coded import CodedWeight, DecodedRows
from auscult.errors import CheckpointError
from auscult.late import numpy as np
from auscult.weights import Array, Tensor

NAME = "bitsandbytes 4-bit"
CHECKED_WITH = ("bitsandbytes 0.50.2",)
STATE_KEYS = (".quant_state.bitsandbytes__nf4", ".quant_state.bitsandbytes__fp4")
MAX_STATE_BYTES = 4096
NESTED_STEP = 2.0**-6
"""Largest error of a scale that is quantised itself, as a share of the largest in its block: half
the widest gap of bitsandbytes' dynamic 8-bit table. Follows from create_dynamic_map."""


@dataclass(frozen=True)
class BlockState:
    """What the JSON text says."""

    kind: str
    shape: tuple[int, ...]
    block: int
    nested_block: int
    nested_offset: float


def find_weights(parts: Mapping[str, Tensor], context: SchemeContext) -> Iterator[MergedWeight]:  # noqa: ARG001
    """Weights that have a state beside them."""
    for state_name in list(parts):
        suffix = next((key for key in STATE_KEYS if state_name.endswith(key)), None)
        name = state_name.removesuffix(suffix or "")
        if suffix is None or name not in parts:
            continue
        state = _read_state(parts[state_name], suffix.rpartition("_")[2])
        own = [
            key
            for key in ("absmax", "quant_map", "nested_absmax", "nested_quant_map")
            if f"{name}.{key}" in parts
        ]
        if state is None or not {"absmax", "quant_map"} <= set(own):
            continue
        if ("nested_absmax" in own) is not ("nested_quant_map" in own):
            continue
        tensors = {key: parts[f"{name}.{key}"] for key in own}
        data = _describe_weight(parts[name], tensors, state)
        part_names = (name, *(f"{name}.{key}" for key in own), state_name)
        yield MergedWeight(name, data, part_names)


def _read_state(tensor: Tensor, kind: str) -> BlockState | None:
    """The state's numbers; None where the text is not what bitsandbytes writes."""
    if tensor.nbytes > MAX_STATE_BYTES:
        return None
    try:
        content = json.loads(tensor.numpy().tobytes())
        shape = tuple(int(side) for side in content["shape"])
        if not shape or min(shape) < 1:
            return None
        return BlockState(
            kind,
            shape,
            int(content["blocksize"]),
            int(content.get("nested_blocksize", 0)),
            float(content.get("nested_offset", 0.0)),
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


def _describe_weight(
    codes: Tensor, tensors: Mapping[str, Tensor], state: BlockState
) -> CodedWeight:
    size = prod(state.shape)
    if size <= 0 or codes.nbytes * 2 < size or state.block <= 0:
        raise CheckpointError(
            "has fewer 4-bit codes than its state says",
            where=codes.name,
            expected=f"{size} codes for shape {list(state.shape)}",
            found=codes.nbytes * 2,
        )
    _require_numbers(tensors["quant_map"], 16)
    _require_numbers(tensors["absmax"], -(-size // state.block))
    if "nested_absmax" in tensors:
        _require_numbers(tensors["nested_quant_map"], 256)
        blocks = -(-size // state.block)
        _require_numbers(tensors["nested_absmax"], -(-blocks // max(state.nested_block, 1)))
    table = tensors["quant_map"].numpy().astype(np.float32).reshape(-1)
    bounds = make_table_bounds(table)
    row_length = state.shape[-1]

    def decode(first: int, last: int) -> DecodedRows:
        start, stop = first * row_length, last * row_length
        places = _read_codes(codes, start, stop)
        scale, scale_error = _read_scales(tensors, state, start, stop)
        shape = (last - first, row_length)
        values = table[places] * scale
        allowed = bounds[places] * scale + (bounds + np.abs(table))[places] * scale_error
        return DecodedRows(values.reshape(shape), allowed.reshape(shape))

    words = f"bitsandbytes {state.kind}"
    return CodedWeight(state.shape, f"bnb_{state.kind}", words, 4, state.block, decode)


def _require_numbers(part: Tensor, count: int) -> None:
    if part.size < count:
        raise CheckpointError(
            "has fewer numbers than the state of its weight says",
            where=part.name,
            expected=count,
            found=part.size,
        )


def _read_codes(codes: Tensor, start: int, stop: int) -> Array:
    """Codes `start:stop`; the high half of a byte comes first. The bytes may lie in a wider type
    (bitsandbytes' `quant_storage`).
    """
    per_element = codes.nbytes // codes.size * 2
    first, last = start // per_element, -(-stop // per_element)
    packed = np.ascontiguousarray(codes.flat(first, last)).view(np.uint8)
    halves = np.stack((packed >> 4, packed & 15), axis=-1).reshape(-1)
    offset = first * per_element
    return halves[start - offset : stop - offset]


def _read_scales(
    tensors: Mapping[str, Tensor], state: BlockState, start: int, stop: int
) -> tuple[Array, Array]:
    """Per value its block's scale, and the largest error of that scale."""
    first, last = start // state.block, -(-stop // state.block)
    absmax = tensors["absmax"].flat(first, last)
    error = np.zeros(len(absmax), np.float32)
    if "nested_absmax" in tensors:
        nested_map = tensors["nested_quant_map"].numpy().astype(np.float32)
        nested = tensors["nested_absmax"].numpy().astype(np.float32)
        of_block = nested[np.arange(first, last) // max(state.nested_block, 1)]
        scale = nested_map[absmax] * of_block + state.nested_offset
        error = NESTED_STEP * of_block
    else:
        scale = absmax.astype(np.float32)
    offset = first * state.block
    span = slice(start - offset, stop - offset)
    return np.repeat(scale, state.block)[span], np.repeat(error, state.block)[span]
