"""What was not read is never equal, and never missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from auscult.verbs.diff.diff import diff
from auscult.verdict import Verdict
from auscult.weights import Checkpoint
from tests.checkpoint.samples import gguf
from tests.checkpoint.samples.executorch import write_tensors


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


def test_weights_that_a_file_hides_without_names_are_not_missing(tmp_path: Path) -> None:
    """ExecuTorch keeps what it compiled for a backend under a hash; which weights they are, nobody knows."""
    rng = np.random.default_rng(0)
    weight, other = (rng.normal(size=(16, 8)).astype(np.float32) for _ in range(2))
    write_tensors(tmp_path / "m.ptd", {"a.weight": weight}, {"f79c248f": b"\0" * 99})
    truth = Checkpoint.of({"a.weight": weight, "b.weight": other})
    report = diff(str(tmp_path / "m.ptd"), truth)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert not {finding.cause for finding in report.findings} & {"tensor-missing", "tensor-extra"}


def test_without_hidden_weights_one_too_many_is_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weight, other = (rng.normal(size=(16, 8)).astype(np.float32) for _ in range(2))
    write_tensors(tmp_path / "m.ptd", {"a.weight": weight}, {})
    truth = Checkpoint.of({"a.weight": weight, "b.weight": other})
    report = diff(str(tmp_path / "m.ptd"), truth)
    assert report.verdict is Verdict.DIVERGENT
    assert "tensor-extra" in {finding.cause for finding in report.findings}
