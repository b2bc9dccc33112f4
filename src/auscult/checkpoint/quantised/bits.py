"""Codes of a few bits, and the small float formats of which they are the codes."""

from __future__ import annotations

from auscult.late import numpy as np
from auscult.weights import Array

FP4_VALUES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""The magnitudes of float4 e2m1 by code; the fourth bit is the sign. Source: OCP Microscaling 1.0."""


def unpack_bits(rows: Array, bits: int) -> Array:
    """[rows, bytes or words] -> [rows, codes]: codes that follow one another from the lowest bit on."""
    as_bytes = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)
    if bits == 8:
        return as_bytes
    if bits in (2, 4):
        shifts = np.arange(0, 8, bits, dtype=np.uint8)
        codes = (as_bytes[..., None] >> shifts) & np.uint8((1 << bits) - 1)
        packed_codes: Array = codes.reshape(len(rows), -1)
        return packed_codes
    stream = np.unpackbits(as_bytes, axis=1, bitorder="little")
    whole = stream.shape[1] // bits * bits
    weights = (1 << np.arange(bits)).astype(np.uint8)
    codes = stream[:, :whole].reshape(len(rows), -1, bits) * weights
    sums: Array = codes.sum(axis=-1, dtype=np.uint8)
    return sums


def unpack_words(words: Array, bits: int) -> Array:
    """[..., words of int32] -> [..., words, codes per word], the lowest bits first."""
    shifts = np.arange(0, 32, bits, dtype=np.uint32)
    unsigned = np.ascontiguousarray(words).view(np.uint32)
    codes = (unsigned[..., None] >> shifts) & np.uint32((1 << bits) - 1)
    return codes.astype(np.int32)


def make_fp4_table() -> Array:
    """The 16 values of float4 e2m1 by code."""
    magnitudes = np.asarray(FP4_VALUES, np.float32)
    return np.concatenate((magnitudes, -magnitudes))


def make_table_bounds(table: Array) -> Array:
    """For each code of a table of values, the largest distance of a value that is rounded to it.

    It is half the wider gap to a neighbour. The largest and the smallest value also stand for what
    lies beyond them, and get the whole gap.
    """
    order = np.argsort(table, kind="stable")
    gaps = np.diff(table[order])
    below = np.concatenate(([2 * gaps[0]], gaps))
    above = np.concatenate((gaps, [2 * gaps[-1]]))
    bounds = np.empty_like(table)
    bounds[order] = np.maximum(below, above) / 2
    return bounds


def decode_powers(exponents: Array) -> Array:
    """Scales stored as float8 e8m0: 2 ** (byte - 127)."""
    return np.exp2(exponents.astype(np.float32) - 127)
