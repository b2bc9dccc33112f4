from __future__ import annotations

from itertools import permutations
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from auscult.align.fingerprint import (
    BLOCK_SIZE,
    MAX_PLAIN_SUM,
    compute_fingerprint,
    compute_joined_fingerprints,
    to_native_order,
    view_as_bits,
)

DTYPES = [
    "float16",
    "float32",
    "float64",
    "int8",
    "int64",
    "uint8",
    "bool",
    "complex64",
    "complex128",
]


def oracle(array: NDArray[Any]) -> tuple[int, int, int]:
    """Sum, highest and lowest bit pattern, element by element in Python."""
    width = min(array.dtype.itemsize, 8)
    raw = np.ascontiguousarray(array).tobytes()
    patterns = [
        int.from_bytes(raw[start : start + width], "little") for start in range(0, len(raw), width)
    ]
    return sum(patterns) % 2**64, max(patterns), min(patterns)


@given(
    npst.arrays(st.sampled_from(DTYPES).map(np.dtype), npst.array_shapes(max_dims=4, max_side=6))
)
def test_agrees_with_element_by_element_arithmetic(array: NDArray[Any]) -> None:
    found = compute_fingerprint(array)
    assert (found.size, found.width) == (array.size, array.dtype.itemsize)
    assert (found.total, found.high, found.low) == oracle(array)


@given(npst.arrays(np.float32, npst.array_shapes(min_dims=2, max_dims=4, max_side=5)), st.data())
def test_no_order_of_axes_changes_it(array: NDArray[np.float32], data: st.DataObject) -> None:
    axes = data.draw(st.sampled_from(list(permutations(range(array.ndim)))))
    assert compute_fingerprint(array.transpose(axes)) == compute_fingerprint(array)
    assert compute_fingerprint(np.ascontiguousarray(array.transpose(axes))) == compute_fingerprint(
        array
    )


def test_parts_add_up_to_the_whole(rng: np.random.Generator) -> None:
    parts = [rng.standard_normal((8, 40)).astype(np.float32) for _ in range(3)]
    whole = compute_fingerprint(np.concatenate(parts))
    assert whole.total == sum(compute_fingerprint(part).total for part in parts) % 2**64
    assert whole.high == max(compute_fingerprint(part).high for part in parts)


@pytest.mark.parametrize(
    "size",
    [
        MAX_PLAIN_SUM,
        MAX_PLAIN_SUM + 1,
        BLOCK_SIZE - 1,
        BLOCK_SIZE,
        BLOCK_SIZE + 1,
        3 * BLOCK_SIZE + 7,
    ],
)
def test_blocks_do_not_show(size: int, rng: np.random.Generator) -> None:
    array = rng.standard_normal(size).astype(np.float32)
    assert (
        compute_fingerprint(array).total,
        compute_fingerprint(array).high,
        compute_fingerprint(array).low,
    ) == oracle(array)


@pytest.mark.parametrize(
    "dtype", [ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2]
)
def test_small_floats_have_patterns(dtype: Any, rng: np.random.Generator) -> None:
    array = rng.standard_normal((20, 30)).astype(dtype)
    assert compute_fingerprint(array).total == oracle(array)[0]


def test_a_view_with_gaps(rng: np.random.Generator) -> None:
    array = rng.standard_normal((100, 90)).astype(np.float32)[::3, 1::2]
    assert compute_fingerprint(array) == compute_fingerprint(array.copy())


def test_nan_and_signed_zero_count_by_their_bits() -> None:
    assert compute_fingerprint(np.array([np.nan, 1.0])) == compute_fingerprint(
        np.array([1.0, np.nan])
    )
    assert compute_fingerprint(np.array([0.0, 1.0])) != compute_fingerprint(np.array([-0.0, 1.0]))


def test_scalars_empties_and_constants() -> None:
    assert compute_fingerprint(np.array(7, np.int64)).constant
    assert compute_fingerprint(np.zeros((0, 3), np.float32)).size == 0
    assert compute_fingerprint(np.full(5, 0.25, np.float32)).constant
    assert not compute_fingerprint(np.array([1, 2], np.int32)).constant


def test_the_other_byte_order_is_brought_home(rng: np.random.Generator) -> None:
    array = rng.standard_normal((9, 9)).astype(np.float32)
    foreign = array.astype(">f4")
    assert compute_fingerprint(to_native_order(foreign)) == compute_fingerprint(array)
    assert bool((view_as_bits(to_native_order(foreign)) == view_as_bits(array)).all())
    assert to_native_order(array) is array


def test_many_at_once_are_as_one_by_one(rng: np.random.Generator) -> None:
    arrays: list[NDArray[Any]] = [
        rng.standard_normal(5).astype(np.float32),
        np.full(3, -1, np.int32),
        np.full(1, 2.5, np.float32),
    ]
    patterns = np.concatenate([view_as_bits(array) for array in arrays])
    expected = [compute_fingerprint(array) for array in arrays]
    assert compute_joined_fingerprints(patterns, [0, 5, 8]) == expected
