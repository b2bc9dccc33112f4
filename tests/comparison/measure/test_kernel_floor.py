"""Norms whose kernels round more than their formula: no eps is blamed for it, and a true one still is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from auscult.verbs.compare.compare import compare
from auscult.verdict import Report, Verdict

mx = pytest.importorskip("mlx.core")
mlx_nn = pytest.importorskip("mlx.nn")

X = {"x": np.random.default_rng(0).normal(0.5, 1, (1, 16, 24000)).astype(np.float32)}


class Net(nn.Module):
    """A group norm and a convolution."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.norm = nn.GroupNorm(4, 16)
        self.post = nn.Conv1d(16, 4, 3)
        nn.init.uniform_(self.norm.weight, 0.5, 1.5)
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.post(self.norm(x))
        return y


class Port(mlx_nn.Module):  # type: ignore[name-defined]
    """The same in MLX."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.norm = mlx_nn.GroupNorm(4, 16, eps=eps, pytorch_compatible=True)
        self.post = mlx_nn.Conv1d(16, 4, 3)

    def __call__(self, x: Any) -> Any:
        return mx.swapaxes(self.post(self.norm(mx.swapaxes(x, 1, 2))), 1, 2)


def run(eps: float) -> Report:
    port = Port(eps)
    port.load_weights(
        [
            (name, mx.array((w.permute(0, 2, 1) if w.ndim == 3 else w).numpy()))
            for name, w in Net().state_dict().items()
        ]
    )
    return compare(Net(), port, inputs=X)


def test_the_rounding_of_a_group_norm_over_many_frames() -> None:
    report = run(1e-5)
    assert (report.verdict, report.findings) == (Verdict.EQUIVALENT, ())


def test_another_eps_beside_it() -> None:
    report = run(1e-3)
    assert report.verdict is Verdict.DIVERGENT
    assert report.findings[0].where == ("norm",)
