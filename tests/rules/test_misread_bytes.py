"""Bytes of one type read as another: by `diff` with the original and with the file, by `inspect` alone; right readings are no alarm."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from auscult.checkpoint.misread import find_better_reading
from auscult.verbs.diff.diff import diff
from auscult.verbs.inspect.inspect import inspect
from auscult.verdict import Verdict
from auscult.weights import Array, Checkpoint
from tests.rules.models import Arrays, filled

SHAPES = {
    f"layers.{layer}.{part}.weight": (64, 32) for layer in range(3) for part in ("up", "down")
}


def encode_float16(values: Array) -> bytes:
    return values.astype(np.float16).tobytes()


def encode_q8_0(values: Array) -> bytes:
    """ggml's q8_0: 32 values share a float16 scale."""
    rows = values.reshape(-1, 32)
    scales = (np.abs(rows).max(axis=1, keepdims=True) / 127).astype(np.float16)
    codes = np.rint(rows / scales.astype(np.float32)).clip(-127, 127).astype(np.int8)
    return np.concatenate([scales.view(np.uint8), codes.view(np.uint8)], axis=1).tobytes()


def decode_q8_0(data: bytes, shape: tuple[int, ...]) -> Array:
    blocks = np.frombuffer(data, np.uint8).reshape(-1, 34)
    scales = np.ascontiguousarray(blocks[:, :2]).view(np.float16).astype(np.float32)
    values: Array = (scales * blocks[:, 2:].view(np.int8)).reshape(shape)
    return values


def read_as_float32(arrays: Arrays, encode: object) -> Arrays:
    """Every tensor read as 32-bit floats at its place; what runs past it comes from the next one."""
    assert callable(encode)
    parts = [encode(array) for array in arrays.values()]
    data = b"".join(parts) + bytes(4 * 64 * 32)
    misread, offset = {}, 0
    for (name, array), part in zip(arrays.items(), parts, strict=True):
        misread[name] = np.frombuffer(data, np.float32, array.size, offset).reshape(array.shape)
        offset += len(part)
    return misread


@pytest.mark.parametrize("encode", [encode_float16, encode_q8_0])
@pytest.mark.parametrize("misread_side", ["candidate", "reference"])
def test_diff_with_the_original(encode: object, misread_side: str) -> None:
    good = filled(SHAPES)
    sides = [Checkpoint.of(good, "a"), Checkpoint.of(read_as_float32(good, encode), "b")]
    if misread_side == "reference":
        sides.reverse()
    report = diff(*sides)
    assert [finding.cause for finding in report.findings] == ["wrong-dtype"]
    assert set(report.findings[0].where) == set(SHAPES)
    assert report.verdict is Verdict.DIVERGENT


def test_diff_with_the_quantised_file() -> None:
    good = filled(SHAPES)
    file = {n: decode_q8_0(encode_q8_0(a), a.shape) for n, a in good.items()}
    report = diff(Checkpoint.of(file, "a"), Checkpoint.of(read_as_float32(good, encode_q8_0), "b"))
    assert [finding.cause for finding in report.findings] == ["wrong-dtype"]


def test_right_readings_are_equivalent() -> None:
    good = filled(SHAPES)
    for right in (
        {n: a.astype(np.float16) for n, a in good.items()},
        {n: decode_q8_0(encode_q8_0(a), a.shape) for n, a in good.items()},
    ):
        report = diff(Checkpoint.of(good, "a"), Checkpoint.of(right, "b"))
        assert report.verdict is Verdict.EQUIVALENT


def read_cut_bfloat16_as_float16(values: Array) -> Array:
    halves = (values.view(np.uint32) >> 16).astype(np.uint16).view(np.float16)
    return halves.astype(np.float32)


def test_bfloat16_that_was_cut_and_read_as_float16() -> None:
    good = filled(SHAPES)
    bad = {name: read_cut_bfloat16_as_float16(array) for name, array in good.items()}
    report = diff(Checkpoint.of(good, "a"), Checkpoint.of(bad, "b"))
    assert report.findings[0].cause == "wrong-dtype"
    assert report.findings[0].count == len(SHAPES)


def read_float16_as_bfloat16(values: Array) -> Array:
    return values.astype(np.float16).view(ml_dtypes.bfloat16)


@pytest.mark.parametrize("read", ["float32", "bfloat16", "big-endian"])
def test_inspect_alone(read: str) -> None:
    good = filled(SHAPES)
    bad = {
        "float32": read_as_float32(good, encode_float16),
        "bfloat16": {name: read_float16_as_bfloat16(array) for name, array in good.items()},
        "big-endian": {name: array.byteswap() for name, array in good.items()},
    }[read]
    report = inspect(Checkpoint.of(bad))
    assert "wrong-dtype" in [finding.cause for finding in report.findings]
    assert report.verdict is Verdict.DIVERGENT


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64"])
def test_no_false_alarm_on_trained_weights(dtype: str) -> None:
    kind = np.dtype(ml_dtypes.bfloat16) if dtype == "bfloat16" else np.dtype(dtype)
    rng = np.random.default_rng(0)
    for _ in range(200):
        values = rng.standard_t(1.5, 512) * np.exp(rng.normal(0, 2)) * 0.05
        values[rng.random(512) < rng.choice([0.0, 0.5, 0.9])] = 0
        as_stored = [float(value) for value in values.astype(kind)]
        assert find_better_reading(dtype, as_stored) is None


def test_weights_over_many_powers_of_two_are_no_misreading() -> None:
    values = 10 ** np.random.default_rng(0).uniform(-30, 0, 512)
    assert find_better_reading("float32", values.astype(np.float32).tolist()) is None
