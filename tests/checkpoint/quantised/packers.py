"""Quantise a float weight (out, in) as the documents of each quantiser say, in plain NumPy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Tensors = dict[str, NDArray[np.generic]]
AWQ_COLUMNS = (0, 2, 4, 6, 1, 3, 5, 7)
NF4 = (
    *(-1.0, -0.6961928, -0.5250731, -0.3949175, -0.2844414, -0.1847734, -0.0910500, 0.0),
    *(0.0795803, 0.1609302, 0.2461123, 0.3379152, 0.4407098, 0.5626170, 0.7229568, 1.0),
)
"""The table of nf4 (Dettmers et al. 2023, appendix E), rounded to seven digits."""


def pack_bits(codes: NDArray[np.int64], bits: int) -> NDArray[np.int32]:
    """[rows, codes] -> [rows, words]: one after the other from the lowest bit on."""
    stream = ((codes[..., None] >> np.arange(bits)) & 1).reshape(len(codes), -1).astype(np.uint8)
    return np.packbits(stream, axis=1, bitorder="little").view(np.int32)


def round_affine(
    weight: Floats, bits: int, group: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """Codes (out, in), zero points and scales (out, groups), from the range of each group."""
    grouped = weight.reshape(len(weight), -1, group)
    low, high = np.minimum(grouped.min(-1), 0), np.maximum(grouped.max(-1), 0)
    scale = ((high - low) / (2**bits - 1)).astype(np.float32)
    zero = np.rint(-low / scale).astype(np.int64)
    codes = np.rint(grouped / scale[..., None]).astype(np.int64) + zero[..., None]
    return np.clip(codes, 0, 2**bits - 1).reshape(weight.shape), zero, scale


def pack_hqq(weight: Floats) -> Tensors:
    """4 bits in groups of 64, the zero point a real number; no optimisation of it."""
    grouped = weight.reshape(-1, 64)
    low, high = grouped.min(1, keepdims=True), grouped.max(1, keepdims=True)
    scale = ((high - low) / 15).astype(np.float32)
    zero = (-low / scale).astype(np.float32)
    codes = np.clip(np.rint(grouped / scale + zero), 0, 15).astype(np.uint8)
    half = len(codes) // 2
    return {
        "layer.W_q": codes[:half] << 4 | codes[half:],
        "layer.scale": scale,
        "layer.zero": zero,
        "layer.nbits": np.int32(4),
        "layer.group_size": np.int32(64),
        "layer.shape": np.asarray(weight.shape, np.int64),
        "layer.axis": np.int32(1),
        "layer.packing": np.frombuffer(b"4bit_u8", np.uint8),
        "layer.view_as_float": np.uint8(0),
        "layer.quant_scale": np.uint8(0),
        "layer.quant_zero": np.uint8(0),
    }


def pack_bnb_int8(weight: Floats) -> Tensors:
    peaks = np.abs(weight).max(1)
    codes = np.rint(weight * (127 / peaks[:, None])).astype(np.int8)
    return {"layer.weight": codes, "layer.SCB": peaks, "layer.weight_format": np.uint8(0)}


def pack_bnb_nf4(weight: Floats) -> Tensors:
    blocks = weight.reshape(-1, 64)
    peaks = np.abs(blocks).max(1)
    table = np.asarray(NF4, np.float32)
    codes = np.abs(blocks[..., None] / peaks[:, None, None] - table).argmin(-1).reshape(-1, 2)
    packed = (codes[:, 0] << 4 | codes[:, 1]).astype(np.uint8)
    state = {"quant_type": "nf4", "blocksize": 64, "dtype": "float32", "shape": list(weight.shape)}
    text = np.frombuffer(json.dumps(state).encode(), np.uint8)
    return {
        "layer.weight": packed[:, None],
        "layer.weight.absmax": peaks,
        "layer.weight.quant_map": table,
        "layer.weight.quant_state.bitsandbytes__nf4": text,
    }


def pack_scaled_fp8(weight: Floats) -> Tensors:
    scale = np.float32(np.abs(weight).max() / 448)
    return {
        "layer.weight": (weight / scale).astype(ml_dtypes.float8_e4m3fn),
        "layer.scale_weight": np.asarray(scale),
    }


def pack_blocks_fp8(weight: Floats) -> Tensors:
    rows, columns = weight.shape[0] // 32, weight.shape[1] // 128
    blocks = weight.reshape(rows, 32, columns, 128)
    scale = (np.abs(blocks).max((1, 3)) / 448).astype(np.float32)
    codes = (blocks / scale[:, None, :, None]).astype(ml_dtypes.float8_e4m3fn)
    return {"layer.weight": codes.reshape(weight.shape), "layer.weight_scale_inv": scale}


def pack_quanto(weight: Floats, bits: int = 4) -> Tensors:
    groups = weight.reshape(-1, 128)
    low, high = groups.min(1, keepdims=True), groups.max(1, keepdims=True)
    scale = (high - low) / (2**bits - 1)
    codes = np.rint((groups - low) / scale).astype(np.uint8)
    per_byte = 8 // bits
    layers = np.split(codes, per_byte)
    packed = sum((layer << (bits * index) for index, layer in enumerate(layers)), np.uint8(0))
    return {
        "layer.weight._data._data": packed.astype(np.uint8),
        "layer.weight._scale": scale,
        "layer.weight._shift": -low,
        "layer.bias": np.ones(len(weight), np.float32),
    }


def pack_gptq(weight: Floats, bits: int = 4, group: int = 64) -> Tensors:
    codes, zero, scale = round_affine(weight, bits, group)
    zero = np.maximum(zero, 1)  # stored less 1
    return {
        "layer.qweight": np.ascontiguousarray(pack_bits(codes, bits).T),
        "layer.qzeros": pack_bits(zero.T - 1, bits),
        "layer.scales": np.ascontiguousarray(scale.T).astype(np.float16),
        "layer.g_idx": (np.arange(weight.shape[1]) // group).astype(np.int32),
    }


def pack_awq(weight: Floats, group: int = 64) -> Tensors:
    codes, zero, scale = round_affine(weight, 4, group)

    def pack_columns(values: NDArray[np.int64]) -> NDArray[np.int32]:
        ordered = values.reshape(len(values), -1, 8)[..., AWQ_COLUMNS]
        return pack_bits(ordered.reshape(len(values), -1), 4)

    return {
        "layer.qweight": pack_columns(codes.T),
        "layer.qzeros": pack_columns(zero.T),
        "layer.scales": np.ascontiguousarray(scale.T).astype(np.float16),
    }


def pack_compressed(weight: Floats, bits: int = 4, group: int = 64) -> Tensors:
    grouped = weight.reshape(len(weight), -1, group)
    scale = (np.abs(grouped).max(-1) / (2 ** (bits - 1) - 1)).astype(np.float32)
    codes = np.rint(grouped / scale[..., None]).astype(np.int64) + 2 ** (bits - 1)
    return {
        "layer.weight_packed": pack_bits(codes.reshape(weight.shape), bits),
        "layer.weight_scale": scale,
        "layer.weight_shape": np.asarray(weight.shape, np.int64),
    }


PACKERS: Mapping[str, Callable[[Floats], Tensors]] = {
    "bnb_int8": pack_bnb_int8,
    "bnb_nf4": pack_bnb_nf4,
    "hqq_int4": pack_hqq,
    "scaled_fp8": pack_scaled_fp8,
    "blocks_fp8": pack_blocks_fp8,
    "quanto_int4": pack_quanto,
    "quanto_int2": lambda weight: pack_quanto(weight, 2),
    "gptq_int4": pack_gptq,
    "gptq_int3": lambda weight: pack_gptq(weight, 3),
    "gptq_int8": lambda weight: pack_gptq(weight, 8),
    "awq_int4": pack_awq,
    "compressed_int4": pack_compressed,
    "compressed_int8": lambda weight: pack_compressed(weight, 8),
}
