"""A small random model of Paddle for inference: parameters without names, and the program that has them."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

OPENED = "model.pdiparams"
TYPE_NUMBERS = {"float32": 5, "float16": 4, "int64": 3, "int8": 21}


def encode_varint(value: int) -> bytes:
    """A protocol-buffers varint."""
    result = bytearray()
    while value > 0x7F:
        result.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*result, value])


def encode_field(number: int, value: int | str | bytes) -> bytes:
    """A field: a varint, or a string or message with its length."""
    if isinstance(value, int):
        return encode_varint(number << 3) + encode_varint(value)
    content = value.encode() if isinstance(value, str) else value
    return encode_varint(number << 3 | 2) + encode_varint(len(content)) + content


def describe(array: Any) -> bytes:
    """TensorDesc: the element type and the sides."""
    sides = b"".join(encode_field(2, side) for side in array.shape)
    return encode_field(1, TYPE_NUMBERS[array.dtype.name]) + sides


def write_parameters(path: Path, arrays: dict[str, Any]) -> None:
    """The stream of tensors, in the order of their names."""
    stream = b""
    for name in sorted(arrays):
        description = describe(arrays[name])
        stream += struct.pack("<IQIi", 0, 0, 0, len(description)) + description
        stream += arrays[name].tobytes()
    path.write_bytes(stream)


def write_message_program(path: Path, arrays: dict[str, Any], operators: list[Any]) -> None:
    """A `.pdmodel`; an operator is (type, {slot: name of its input})."""
    block = encode_field(1, 0) + encode_field(2, 0)
    for name, array in arrays.items():
        tensor = encode_field(1, describe(array))
        kind = encode_field(1, 7) + encode_field(3, tensor)
        block += encode_field(3, encode_field(1, name) + encode_field(2, kind) + encode_field(3, 1))
    feed = encode_field(1, "feed") + encode_field(2, encode_field(1, 9)) + encode_field(3, 1)
    block += encode_field(3, feed)
    for number, (kind, slots) in enumerate(operators):
        inputs = b"".join(
            encode_field(1, encode_field(1, slot) + encode_field(2, name))
            for slot, name in slots.items()
        )
        output = encode_field(2, encode_field(1, "Out") + encode_field(2, f"value{number}"))
        block += encode_field(4, inputs + output + encode_field(3, kind))
    path.write_bytes(encode_field(1, block) + encode_field(4, encode_field(1, 0)))


def write_json_program(path: Path, arrays: dict[str, Any], operators: list[Any]) -> None:
    """A PIR `.json`; an operator is (type, names of its inputs)."""
    numbers = {name: index for index, name in enumerate(arrays, 1)}
    entries: list[Any] = []
    for name, array in arrays.items():
        kind = {"#": "0.t_dtensor", "D": [{"#": "0.t_f32"}, list(array.shape), "NCHW", [], 0]}
        output = {"%": numbers[name], "TT": kind}
        entries.append({"#": "p", "A": [0, 1, 1, name], "O": output, "OA": [1, 0, 1]})
    for index, (kind, names) in enumerate(operators):
        inputs = [{"%": numbers.get(name, 0)} for name in names]
        entries.append({"#": f"1.{kind}", "I": inputs, "O": [{"%": 100 + index}], "A": []})
    blocks = [{"#": "block_0", "args": [], "ops": entries}]
    program = {"regions": [{"#": "region_0", "blocks": blocks}]}
    path.write_text(json.dumps({"base_code": {"magic": "pir"}, "program": program}))


def draw(seed: int) -> dict[str, Any]:
    """A convolution and a Linear, in the order in which a program lists them."""
    rng = np.random.default_rng(seed)
    return {
        "linear_0.w_0": rng.normal(size=(4, 6)).astype(np.float32),
        "linear_0.b_0": rng.normal(size=6).astype(np.float32),
        "conv2d_0.w_0": rng.normal(size=(4, 3, 1, 5)).astype(np.float32),
    }


def make(folder: Path, seed: int) -> None:
    """Parameters, and a program of the older kind for even seeds, of PIR for odd ones."""
    arrays = draw(seed)
    write_parameters(folder / OPENED, arrays)
    if seed % 2:
        operators: list[Any] = [
            ("conv2d", ("x", "conv2d_0.w_0")),
            ("matmul", ("x", "linear_0.w_0")),
            ("add", ("x", "linear_0.b_0")),
        ]
        write_json_program(folder / "model.json", arrays, operators)
    else:
        operators = [
            ("conv2d", {"Input": "x", "Filter": "conv2d_0.w_0"}),
            ("matmul_v2", {"X": "x", "Y": "linear_0.w_0"}),
            ("elementwise_add", {"X": "x", "Y": "linear_0.b_0"}),
        ]
        write_message_program(folder / "model.pdmodel", arrays, operators)
