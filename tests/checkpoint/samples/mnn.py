"""A small random MNN model: a convolution, one in codes, one in two groups, a layer norm, and a constant."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from tests.checkpoint.flatbuffer_writer import Fields, Scalar, pack


def make_operator(  # noqa: PLR0917 - the fields of an Op
    kind: int, parameters: int, fields: Fields, name: str, inputs: list[int], outputs: list[int]
) -> Fields:
    """An `Op`: its type, the kind of its parameters, and these."""
    return {
        0: np.asarray(inputs, np.int32),
        1: Scalar("B", parameters),
        2: fields,
        3: name,
        4: np.asarray(outputs, np.int32),
        5: Scalar("i", kind),
    }


def make_convolution(weight: Any, bias: Any, **quantised: Any) -> Fields:
    """Parameters of a convolution; `quantised` are fields of an IDSTQuan by `field_N`, whose weight gives the shape only."""
    out, inner, height, width = weight.shape
    common = {
        2: Scalar("i", width),
        3: Scalar("i", height),
        10: Scalar("i", out),
        11: Scalar("i", inner),
    }
    fields: Fields = {0: common, 2: bias}
    if quantised:
        fields[3] = {int(key.removeprefix("field_")): value for key, value in quantised.items()}
    else:
        fields[1] = weight.reshape(-1)
    return fields


def make_constant(array: Any) -> Fields:
    """Parameters of a Const in float32."""
    return {0: np.asarray(array.shape, np.int32), 7: array.reshape(-1)}


def encode_codes(codes: Any, samples: Any) -> Any:
    """MNN's IDST coding: `codes` are numbers of entries of `samples`, which are sorted."""
    bits = max((len(samples) - 1).bit_length(), 1)
    flat = codes.reshape(-1).astype(np.uint16)
    stream = (flat[:, None] >> np.arange(bits - 1, -1, -1)) & 1
    header = struct.pack(f"<B{codes.ndim}HB", codes.ndim, *codes.shape, len(samples) % 256)
    body = header + samples.astype(np.int8).tobytes()
    packed = np.packbits(stream.reshape(-1).astype(np.uint8)).tobytes()
    return np.frombuffer(body + packed, np.int8)


def write_model(path: Path, operators: list[Fields], names: list[str]) -> None:
    """Write a `Net`."""
    path.write_bytes(pack({0: "sample", 3: operators, 7: names}))


def make(path: Path, seed: int) -> None:
    """Write a random model to `path`."""
    rng = np.random.default_rng(seed)
    weight = rng.normal(size=(4, 3, 1, 5)).astype(np.float32)
    bias = rng.normal(size=4).astype(np.float32)
    bits = 4 if seed % 2 else 3
    samples = np.arange(1 << bits) - (1 << bits - 1)
    coded = encode_codes(rng.integers(0, 1 << bits, weight.shape), samples)
    quantised: dict[str, Any] = {
        "field_0": coded,
        "field_1": rng.random(4).astype(np.float32),
        "field_2": Scalar("i", 1),
        "field_4": Scalar("f", 1.0),
    }
    norm = {2: rng.random(4).astype(np.float32), 3: rng.random(4).astype(np.float32)}
    half = {0: weight[:2], 1: weight[2:]}
    operators = [
        make_operator(34, 21, {}, "x", [], [0]),
        make_operator(12, 9, make_convolution(weight, bias), "conv", [0], [1]),
        make_operator(12, 9, make_convolution(weight, bias, **quantised), "coded", [1], [2]),
        make_operator(603, 88, norm, "norm", [2], [3]),
        make_operator(11, 7, make_constant(weight), "constant", [], [4]),
        make_operator(7, 6, {0: Scalar("i", 2)}, "product", [3, 4], [5]),
        *(
            make_operator(
                12, 9, make_convolution(part, bias[:2]), f"g__group__{index}", [5], [6 + index]
            )
            for index, part in half.items()
        ),
    ]
    write_model(path, operators, ["x", "conv", "coded", "norm", "constant", "product", "a", "b"])
