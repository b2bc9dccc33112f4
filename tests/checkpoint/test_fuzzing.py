from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.checkpoint.fuzzing import check, mutate, sample, sample_names, suffix_of


@pytest.mark.parametrize("name", sample_names())
def test_samples_are_read(name: str, tmp_path: Path) -> None:
    for seed in range(8):
        path = tmp_path / f"{seed}{suffix_of(name)}"
        path.write_bytes(sample(name, seed))
        outcome = check(path)
        assert outcome.refused is None
        assert outcome.tensors > 0


@pytest.mark.parametrize("name", sample_names())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 7), st.integers(0, 2**32))
def test_mutated_files_are_read_or_refused_in_one_line(
    name: str, tmp_path: Path, seed: int, mutation: int
) -> None:
    path = tmp_path / f"mutated{suffix_of(name)}"
    path.write_bytes(mutate(sample(name, seed), random.Random(mutation)))
    check(path)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"PK\x03\x04", b"\x80\x02", b"\x93NUMPY\x01\x00", b"GGUF", b"\x08\x07"]),
)
def test_random_files_are_refused_in_one_line(tmp_path: Path, content: bytes, head: bytes) -> None:
    path = tmp_path / "random.bin"
    path.write_bytes(head + content)
    check(path)


@pytest.mark.parametrize("name", sample_names())
def test_truncated_files_are_refused_or_read(name: str, tmp_path: Path) -> None:
    content = sample(name, 0)
    path = tmp_path / f"cut{suffix_of(name)}"
    for length in sorted(
        {0, 1, 7, 8, 9, 63, 64, len(content) // 2, len(content) - 1}
        | set(range(0, len(content), len(content) // 40 + 1))
    ):
        path.write_bytes(content[:length])
        check(path)
