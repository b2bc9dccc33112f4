"""The bytes of float16 or block-quantised weights read as 32-bit floats at the tensor's place in the file.

A reader that takes each tensor for float32 reads as many numbers as the shape says. They hold the bytes of the real tensor, and
behind these the bytes of what follows in the file. Only the beginning can be decoded, and it is all of the tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod

import numpy as np

from auscult.align.derived import HypothesisView, Proposal
from auscult.align.formats import NumberFormat, get_float_format, make_block_format
from auscult.checkpoint.ggml import BLOCK_TYPES, BlockType, decode_blocks, explain_unread_type
from auscult.checkpoint.misread import MIN_SCATTERED_SPREAD, are_scattered
from auscult.weights import Array, Shape

PRIORITY = 41
BOTH_WAYS = True
MIN_SIZE = 256
"""Values of a tensor; a smaller one may fit by chance. Chosen, not measured."""
SAMPLE_VALUES = 512
"""Values that are decoded at first: two of the largest blocks."""
MIN_CORRELATION = 0.8
"""Correlation of the decoded sample with the other side from which all of it is compared: 2-bit types leave 0.9 of normal
values, a wrong type nothing. Chosen, not measured."""

Decode = Callable[[Array, int], Array]
"""Bytes and a number of values to these values in float32."""


def propose(view: HypothesisView) -> Iterator[Proposal]:
    for source in view.x.list_remaining():
        if view.x.kinds[source] != "float32" or view.x.size(source) < MIN_SIZE:
            continue
        values = view.x.array(source)
        first_values = values.reshape(-1)[:SAMPLE_VALUES]
        if not (_may_be_scattered(first_values) and are_scattered(first_values.tolist())):
            continue
        for target in view.expected(source):
            if view.y.shapes[target] == values.shape:
                yield from _propose_types(view, source, target, values)
            break


def _may_be_scattered(values: Array) -> bool:
    """Whether `are_scattered` needs a look: the same measure on whole powers of two, which are at most half of one further."""
    _, exponents = np.frexp(values[np.isfinite(values) & (values != 0)])
    return exponents.size > 0 and float(exponents.std()) >= MIN_SCATTERED_SPREAD - 0.5


def _propose_types(
    view: HypothesisView, source: str, target: str, values: Array
) -> Iterator[Proposal]:
    data = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    sample = view.y.array(target).reshape(-1)[:SAMPLE_VALUES].astype(np.float64)
    for name, decode in _list_types(values.shape):
        decoded = decode(data, len(sample)).astype(np.float64)
        if _correlate(decoded, sample) >= MIN_CORRELATION:
            yield Proposal(
                (source,),
                (target,),
                (),
                "wrong-dtype",
                fault=True,
                compute=_make_decoding(decode),
                result_format=_make_format(name),
                evidence={"read_as": "float32", "really": name},
            )


def _list_types(shape: Shape) -> list[tuple[str, Decode]]:
    """The types that the bytes may be of; blocks have to fill the last axis."""
    types: list[tuple[str, Decode]] = [("float16", _decode_float16)]
    types += [
        (block.name, _make_block_decoder(block))
        for block in BLOCK_TYPES.values()
        if explain_unread_type(block.name, "<") is None and shape[-1] % block.elements == 0
    ]
    return types


def _decode_float16(data: Array, count: int) -> Array:
    return data[: 2 * count].view(np.float16).astype(np.float32)


def _make_block_decoder(block: BlockType) -> Decode:
    def decode(data: Array, count: int) -> Array:
        blocks = -(-count // block.elements)
        with np.errstate(all="ignore"):  # of another type, a scale may be anything
            values = decode_blocks(
                block.name, data[: blocks * block.nbytes].reshape(-1, block.nbytes)
            )
        return values.reshape(-1)[:count]

    return decode


def _make_decoding(decode: Decode) -> Callable[[Sequence[Array]], list[Array]]:
    def decode_arrays(arrays: Sequence[Array]) -> list[Array]:
        (wide,) = arrays
        data = np.ascontiguousarray(wide).reshape(-1).view(np.uint8)
        return [decode(data, prod(wide.shape)).reshape(wide.shape)]

    return decode_arrays


def _make_format(name: str) -> Callable[[Array], NumberFormat]:
    def make(values: Array) -> NumberFormat:
        if name == "float16":
            return get_float_format(name)
        return make_block_format(name, values)

    return make


def _correlate(x: Array, y: Array) -> float:
    if not (np.isfinite(x).all() and np.isfinite(y).all()) or not x.std() or not y.std():
        return 0.0
    return float(np.corrcoef(x, y)[0, 1])
