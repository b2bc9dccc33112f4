"""LiteRT's blockwise quantisation: the codes of a weight, with the scales of its blocks in a tensor of their own.

ai-edge-quantizer writes int4 and int8 weights [out, in] so, with scales [out, in / block] as float16, and no zero points.
Fields of `BlockwiseQuantization`: https://github.com/google-ai-edge/LiteRT/blob/main/tflite/converter/schema/schema.fbs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from auscult.checkpoint.elements import SUB_BYTE_BITS
from auscult.checkpoint.flatbuffer import FlatbufferTable
from auscult.checkpoint.quantised.blocks import BlockCodes, describe_block_codes
from auscult.checkpoint.quantised.coded import are_scales
from auscult.checkpoint.source import item_bytes
from auscult.weights import Tensor

BLOCKWISE = 2
"""Number of `BlockwiseQuantization` among the kinds of details that a tensor's quantisation may have."""
SCHEME = "LiteRT blockwise"


def find_block_parts(quantization: FlatbufferTable | None) -> tuple[int, int, int] | None:
    """The numbers of the tensors with scales and zero points (-1 for none) and the length of a block, if it is blockwise."""
    if quantization is None or int(quantization.scalar(4, "B")) != BLOCKWISE:
        return None
    details = quantization.table(5)
    if details is None:
        return None
    return (
        int(details.scalar(0, "i")),
        int(details.scalar(1, "i")),
        int(details.scalar(2, "i")),
    )


def merge_blocks(
    codes: Tensor, parts: tuple[int, int, int], tensors: Mapping[int, Tensor]
) -> Tensor | str:
    """The weight that codes and scales stand for, or why they do not fit.

    Args:
        parts: See `find_block_parts`.
        tensors: The tensors of the subgraph, by number.
    """
    scale_index, zero_index, block = parts
    scale, zero_point = tensors.get(scale_index), tensors.get(zero_index)
    row = codes.shape[-1] if codes.shape else 0
    if scale is None or not are_scales(scale) or block < 1 or row % block:
        return f"quantised in blocks of {block}, for which the file has no scales that fit"
    rows = (*codes.shape[:-1], row // block)
    if scale.size != codes.size // block or (zero_point and zero_point.size != scale.size):
        return f"quantised in blocks of {block}: {scale.size} scales do not fit shape {list(codes.shape)}"
    block_codes = BlockCodes(
        replace(codes, shape=(*rows, block)),
        replace(scale, shape=(*rows, 1)),
        replace(zero_point, shape=(*rows, 1)) if zero_point else None,
    )
    bits = SUB_BYTE_BITS.get(codes.dtype) or 8 * item_bytes(codes.dtype)
    weight = describe_block_codes(block_codes, codes.shape, f"litert_q{bits}", SCHEME, bits)
    nbytes = codes.nbytes + scale.nbytes + (zero_point.nbytes if zero_point else 0)
    return replace(codes, dtype=weight.dtype, data=weight, nbytes=nbytes, storage=None)
