"""Small tensors many at a time give what each gives by itself."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from auscult.align.compare import find_exact_move
from auscult.align.fingerprint import compute_fingerprint
from auscult.align.small_tensors import SmallTensors, find_small_exact_moves
from auscult.checkpoint import open_checkpoint
from auscult.weights import Checkpoint

Arrays = dict[str, NDArray[np.generic]]


def _read(path: Path, arrays: Arrays) -> SmallTensors:
    save_file(arrays, path)
    small = SmallTensors()
    small.read(open_checkpoint(path))
    return small


@pytest.fixture
def arrays(rng: np.random.Generator) -> Arrays:
    return {
        "weight": rng.standard_normal((4, 3)).astype(np.float32),
        "cube": rng.standard_normal((2, 2, 2)).astype(np.float32),
        "scalar": np.full((), 2.5, np.float32),
        "half": rng.standard_normal(5).astype(np.float16),
        "brain": rng.standard_normal(6).astype(ml_dtypes.bfloat16),
        "count": np.full(3, -1, np.int64),
        "flag": np.array([True, False]),
        "large": np.zeros(300, np.float32),
        "empty": np.zeros((0, 2), np.float32),
    }


def test_fingerprints_are_those_of_each_by_itself(tmp_path: Path, arrays: Arrays) -> None:
    small = _read(tmp_path / "a.safetensors", arrays)
    assert small.fingerprints == {
        name: compute_fingerprint(array) for name, array in arrays.items() if 0 < array.size <= 128
    }


def test_moves_are_those_of_each_by_itself(tmp_path: Path, arrays: Arrays) -> None:
    others = arrays | {
        "weight": np.ascontiguousarray(np.asarray(arrays["weight"]).T),
        "cube": np.ascontiguousarray(np.asarray(arrays["cube"]).transpose(2, 0, 1)),
        "half": np.asarray(arrays["half"])[::-1].copy(),
    }
    a, b = _read(tmp_path / "a.safetensors", arrays), _read(tmp_path / "b.safetensors", others)
    pairs = [(name, name) for name in a.fingerprints]
    outcomes = find_small_exact_moves(a, b, pairs, {"scalar", "count"})
    assert outcomes == {
        (name, name): find_exact_move(
            arrays[name], others[name], alternatives=name not in {"scalar", "count"}
        )
        for name in a.fingerprints
    }
    assert outcomes["half", "half"] is None
    weight = outcomes["weight", "weight"]
    assert weight is not None
    assert weight.move.axes == (1, 0)


def test_what_is_not_in_a_file_is_left_to_others(arrays: Arrays) -> None:
    small = SmallTensors()
    small.read(Checkpoint.of(arrays))
    assert not small.fingerprints
    assert find_small_exact_moves(small, small, [("weight", "weight")], ()) == {}
