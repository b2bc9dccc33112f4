"""What was not read is never equal, and never missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from auscult.verbs.diff.diff import diff
from auscult.verdict import Verdict
from tests.checkpoint.samples import gguf


@pytest.fixture(autouse=True)
def without_gguf(monkeypatch: pytest.MonkeyPatch) -> None:
    def raise_missing() -> None:
        raise ModuleNotFoundError("No module named 'gguf'")

    monkeypatch.setattr("auscult.checkpoint.ggml.load_gguf_quants", raise_missing)


def test_files_whose_blocks_no_one_read_are_inconclusive(tmp_path: Path) -> None:
    """Two files with a weight in a block type that is not read: they may differ in it."""
    gguf.make(tmp_path / "a.gguf", 1)
    gguf.make(tmp_path / "b.gguf", 1)
    report = diff(tmp_path / "a.gguf", tmp_path / "b.gguf")
    assert report.verdict is Verdict.INCONCLUSIVE
    assert [skip.where for skip in report.skips] == ["block.Q4_K"]
    assert report.coverage is not None
    assert report.coverage.buckets["skipped"] == 1


def test_a_weight_that_was_not_read_is_not_missing(tmp_path: Path) -> None:
    """Meta tensors have names and no values."""
    state = {"a.weight": torch.ones(3, 2), "b.weight": torch.full((4, 2), 0.5)}
    torch.save({**state, "b.weight": torch.empty(4, 2, device="meta")}, tmp_path / "meta.pth")
    save_file(
        {name: tensor.numpy() for name, tensor in state.items()}, tmp_path / "whole.safetensors"
    )
    report = diff(tmp_path / "whole.safetensors", tmp_path / "meta.pth")
    assert report.verdict is Verdict.INCONCLUSIVE
    assert not report.findings or "tensor-missing" not in {item.cause for item in report.findings}


def test_what_is_known_to_differ_still_diverges(tmp_path: Path) -> None:
    state = {"a.weight": torch.ones(3, 2), "b.weight": torch.empty(4, 2, device="meta")}
    torch.save(state, tmp_path / "meta.pth")
    other = {
        "a.weight": np.arange(6, dtype=np.float32).reshape(3, 2),
        "b.weight": np.ones((4, 2), np.float32),
    }
    save_file(other, tmp_path / "other.safetensors")
    assert diff(tmp_path / "other.safetensors", tmp_path / "meta.pth").verdict is Verdict.DIVERGENT
