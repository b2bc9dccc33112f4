from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.checkpoint.folder_fuzzing import (
    find_opened,
    folder_names,
    mutate_folder,
    sample_folder,
    write_folder,
)
from tests.checkpoint.fuzzing import check


@pytest.mark.parametrize("name", folder_names())
def test_sample_folders_are_read(name: str, tmp_path: Path) -> None:
    for seed in range(4):
        write_folder(tmp_path / "model", sample_folder(name, seed))
        outcome = check(find_opened(name, tmp_path / "model"))
        assert outcome.refused is None
        assert outcome.tensors > 0


@pytest.mark.parametrize("name", folder_names())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 3), st.integers(0, 2**32))
def test_mutated_folders_are_read_or_refused_in_one_line(
    name: str, tmp_path: Path, seed: int, mutation: int
) -> None:
    write_folder(
        tmp_path / "model", mutate_folder(sample_folder(name, seed), random.Random(mutation))
    )
    check(find_opened(name, tmp_path / "model"))
