"""What holds whatever was done to a checkpoint: every tensor in one place, exact means exact, the same answer every time."""

from __future__ import annotations

from collections.abc import Callable

import ml_dtypes
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auscult.align import align
from auscult.verdict import Equality
from auscult.weights import Checkpoint
from tests.align.pairs import Arrays, aligned, check_places

Edit = Callable[[Arrays, str, np.random.Generator], None]


def model(rng: np.random.Generator, blocks: int) -> Arrays:
    arrays: Arrays = {}
    for index in range(blocks):
        arrays[f"b.{index}.conv.weight"] = rng.standard_normal((6, 6, 3)).astype(np.float32)
        arrays[f"b.{index}.conv.bias"] = np.zeros(6, np.float32)
        arrays[f"b.{index}.norm.weight"] = np.ones(6, np.float32)
        arrays[f"b.{index}.attn.to_q.weight"] = rng.standard_normal((6, 6)).astype(np.float32)
        arrays[f"b.{index}.bn.num_batches_tracked"] = np.array(9, np.int64)
        arrays[f"b.{index}.filter"] = np.linspace(0, 1, 12, dtype=np.float32).reshape(1, 1, 12)
    return arrays


def drop(arrays: Arrays, name: str, rng: np.random.Generator) -> None:
    del arrays[name]


def add(arrays: Arrays, name: str, rng: np.random.Generator) -> None:
    arrays[f"{name}.more"] = rng.standard_normal((3, 2))


def rename(arrays: Arrays, name: str, rng: np.random.Generator) -> None:
    arrays[name.replace("to_q", "query") + "_"] = arrays.pop(name)


def transpose(arrays: Arrays, name: str, rng: np.random.Generator) -> None:
    arrays[name] = np.ascontiguousarray(arrays[name].T)


def halve(arrays: Arrays, name: str, rng: np.random.Generator) -> None:
    arrays[name] = arrays[name].astype((np.float16, ml_dtypes.bfloat16)[int(rng.integers(2))])


def damage(arrays: Arrays, name: str, rng: np.random.Generator) -> None:
    damaged = arrays[name].astype(np.float32)
    damaged.reshape(-1)[int(rng.integers(damaged.size)) :] = (np.nan, 0, 1e30)[int(rng.integers(3))]
    arrays[name] = damaged


def retrain(arrays: Arrays, name: str, rng: np.random.Generator) -> None:
    arrays[name] = rng.standard_normal(arrays[name].shape)


def exchange(arrays: Arrays, name: str, rng: np.random.Generator) -> None:
    other = list(arrays)[int(rng.integers(len(arrays)))]
    arrays[name], arrays[other] = arrays[other], arrays[name]


def duplicate(arrays: Arrays, name: str, rng: np.random.Generator) -> None:
    arrays[f"copy.of.{name}"] = arrays[name].copy()


def swap_bytes(arrays: Arrays, name: str, rng: np.random.Generator) -> None:
    arrays[name] = arrays[name].byteswap()


def join(arrays: Arrays, name: str, rng: np.random.Generator) -> None:
    arrays[f"{name}.joined"] = np.concatenate([arrays[name].reshape(-1), arrays[name].reshape(-1)])


EDITS: list[Edit] = [
    drop,
    add,
    rename,
    transpose,
    halve,
    damage,
    retrain,
    exchange,
    duplicate,
    swap_bytes,
    join,
]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(0, 2**16),
    st.integers(1, 4),
    st.lists(st.tuples(st.sampled_from(EDITS), st.integers(0, 99)), max_size=12),
    st.booleans(),
)
def test_any_edits(seed: int, blocks: int, edits: list[tuple[Edit, int]], prefix: bool) -> None:
    rng = np.random.default_rng(seed)
    a = model(rng, blocks)
    b = {f"model.{name}" if prefix else name: array for name, array in a.items()}
    touched = False
    for edit, place in edits:
        if b:
            edit(b, list(b)[place % len(b)], rng)
            touched = True
    result = aligned(a, b)
    again = align(Checkpoint.of(a), Checkpoint.of(dict(b)))
    assert again == result
    backwards = align(Checkpoint.of(b), Checkpoint.of(a))
    check_places(backwards, list(b), list(a))
    if not touched:
        assert {match.equality for match in result.matches} <= {Equality.EXACT}
        assert all(match.a[0] == match.b[0].removeprefix("model.") for match in result.matches)
