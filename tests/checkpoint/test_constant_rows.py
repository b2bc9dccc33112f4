"""Rows of one value each, in the bytes of a file and in memory."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from auscult.checkpoint import open_checkpoint
from auscult.checkpoint.constant_rows import RowRun, find_constant_rows
from auscult.weights import Array, Tensor
from tests.rules.models import filled


def table(dtype: str = "float32") -> Array:
    values = filled({"t": (40, 6)})["t"]
    values[[3, 4, 5, 39]] = 0
    values[20] = 1.5
    return values.astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)


EXPECTED = (RowRun(3, 6), RowRun(20, 21), RowRun(39, 40))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64"])
def test_runs_in_memory(dtype: str) -> None:
    assert find_constant_rows(Tensor.of("t", table(dtype))) == EXPECTED


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_runs_in_the_bytes_of_a_file(tmp_path: Path, dtype: str) -> None:
    np.savez(tmp_path / "t.npz", t=table(dtype))
    assert find_constant_rows(open_checkpoint(str(tmp_path / "t.npz"))["t"]) == EXPECTED


def test_rows_of_a_few_values_say_nothing() -> None:
    assert find_constant_rows(Tensor.of("t", np.zeros((8, 3), np.float32))) == ()
    assert find_constant_rows(Tensor.of("t", np.zeros(8, np.float32))) == ()
