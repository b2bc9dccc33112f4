"""A file of names and shapes alone: never the same, never healthy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from auscult.verbs.diff.diff import diff
from auscult.verbs.inspect.inspect import inspect
from auscult.verdict import Verdict


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / "whole.safetensors"
    save_file({"a.weight": np.ones((3, 2), np.float32), "b.bias": np.ones(4, np.float32)}, path)
    return path


def write_meta(path: Path, *, with_values: tuple[str, ...] = ()) -> Path:
    state = {"a.weight": torch.ones(3, 2), "b.bias": torch.ones(4)}
    torch.save({n: t if n in with_values else t.to("meta") for n, t in state.items()}, path)
    return path


def test_a_side_without_values_diverges(tmp_path: Path, whole: Path) -> None:
    meta = write_meta(tmp_path / "meta.pth")
    for sides, noun in (((meta, whole), "reference"), ((whole, meta), "candidate")):
        report = diff(*sides)
        assert report.verdict is Verdict.DIVERGENT
        assert [finding.cause for finding in report.findings] == ["no-values"]
        assert report.findings[0].where == ("a.weight", "b.bias")
        assert f"the {noun} holds no values" in report.findings[0].message


def test_some_values_leave_it_open(tmp_path: Path, whole: Path) -> None:
    report = diff(whole, write_meta(tmp_path / "part.pth", with_values=("a.weight",)))
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "no-values" not in {finding.cause for finding in report.findings}


def test_inspect_says_it(tmp_path: Path, whole: Path) -> None:
    report = inspect(write_meta(tmp_path / "meta.pth"))
    assert report.verdict is Verdict.DIVERGENT
    assert [finding.cause for finding in report.findings] == ["no-values"]
    assert inspect(whole).verdict is Verdict.PASS
    part = inspect(write_meta(tmp_path / "part.pth", with_values=("b.bias",)))
    assert (part.verdict, part.findings) == (Verdict.INCONCLUSIVE, ())


def test_placeholders_of_size_zero_are_no_values(tmp_path: Path) -> None:
    path = tmp_path / "mp_rank_00_model_states.pt"
    torch.save({"module": {"a.weight": torch.empty(0), "b.bias": torch.empty(0)}}, path)
    assert [finding.cause for finding in inspect(path).findings][:1] == ["no-values"]


def test_inspect_does_not_pass_what_it_could_not_read(tmp_path: Path) -> None:
    """A weight of a kind without plain elements: there are values, and nobody looked at them."""
    path = tmp_path / "sparse.pth"
    torch.save({"a.weight": torch.eye(3).to_sparse()}, path)
    report = inspect(path)
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "no-values" not in {finding.cause for finding in report.findings}


def test_some_placeholders_beside_weights_leave_it_open(tmp_path: Path) -> None:
    """ZeRO-3 keeps small parameters whole in every file."""
    values = np.random.default_rng(0).standard_t(4, (64, 32)).astype(np.float32)
    empty = np.empty(0, np.float32)
    save_file({"a.weight": empty, "b.weight": values, "cache": empty}, tmp_path / "a.safetensors")
    report = inspect(tmp_path / "a.safetensors")
    assert report.verdict is Verdict.INCONCLUSIVE
    [finding] = report.findings
    assert (finding.cause, finding.where) == ("no-values", ("a.weight",))
    assert finding.message.startswith("1 of 3 tensors are of size zero")
    save_file({"b.weight": values, "cache": empty}, tmp_path / "b.safetensors")
    assert inspect(tmp_path / "b.safetensors").verdict is Verdict.PASS


def test_a_model_of_zeros_does_not_pass(tmp_path: Path) -> None:
    weights = {"a.weight": np.zeros((32, 32), np.float32), "a.bias": np.zeros(32, np.float32)}
    save_file(weights, tmp_path / "zeros.safetensors")
    report = inspect(tmp_path / "zeros.safetensors")
    assert report.verdict is Verdict.DIVERGENT
    assert [finding.cause for finding in report.findings] == ["untrained"]
    weights["b.bias"] = np.ones(32, np.float32)
    save_file(weights, tmp_path / "other.safetensors")
    assert inspect(tmp_path / "other.safetensors").verdict is Verdict.PASS
