"""References that compute something else in float64: the fault beside them is found, and a right port is not accused."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from auscult.verbs.compare.compare import compare
from auscult.verdict import Report, Verdict

X = {"x": (1e-3 * np.random.default_rng(0).normal(size=(1, 20, 16))).astype(np.float32)}


class FormatNorm(nn.Module):
    """An rms norm whose eps is the number format's own, in code that no one can set."""

    def __init__(self, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        eps = torch.finfo(self.dtype or x.dtype).eps
        return x * (x.pow(2).mean(-1, keepdim=True) + eps).rsqrt()


class Net(nn.Module):
    """A norm between two linear layers."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.pre = nn.Linear(16, 16, bias=False)
        self.norm = norm
        self.post = nn.Linear(16, 16)
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.post(self.norm(self.pre(x)))
        return y


def without_bias(net: Net) -> Net:
    with torch.no_grad():
        net.state_dict()["post.bias"].mul_(0.9)
    return net


def run(reference: Net, candidate: Net) -> Report:
    return compare(reference, candidate, inputs=X)


def test_the_eps_that_torch_takes_from_the_format() -> None:
    assert run(Net(nn.RMSNorm(16)), Net(nn.RMSNorm(16))).verdict is Verdict.PASS
    faulty = run(Net(nn.RMSNorm(16)), without_bias(Net(nn.RMSNorm(16))))
    assert faulty.verdict is Verdict.DIVERGENT
    assert [finding.where for finding in faulty.findings] == [("post",)]


def test_an_eps_in_code_is_said_and_held() -> None:
    right = run(Net(FormatNorm()), Net(FormatNorm(torch.float32)))
    assert right.verdict is Verdict.PASS
    reasons = {skip.where: skip.reason for skip in right.skips}
    assert "computes something else in float64" in reasons["norm"]
    faulty = run(Net(FormatNorm()), without_bias(Net(FormatNorm(torch.float32))))
    assert faulty.verdict is Verdict.DIVERGENT
    assert [finding.where for finding in faulty.findings] == [("post",)]


def test_another_eps_beside_it_is_still_found() -> None:
    report = run(Net(FormatNorm()), Net(FormatNorm(torch.float16)))
    assert report.verdict is Verdict.DIVERGENT
    assert report.findings[0].where == ("norm",)
