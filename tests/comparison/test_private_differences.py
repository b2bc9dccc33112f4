"""What agrees where it is used is no error; what reaches the output is one."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from auscult.verbs.compare.compare import compare
from auscult.verdict import Report, Verdict

X = {"x": np.random.default_rng(0).normal(size=(1, 4, 30)).astype(np.float32)}


class Up(nn.Module):
    """An upsampling that gives some values too many at the end, which are cut here or by the caller."""

    def __init__(self, *, cuts: bool) -> None:
        super().__init__()
        self.cuts = cuts
        self.conv = nn.ConvTranspose1d(4, 4, 4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.conv(x)
        if self.cuts:
            return y[..., : 2 * x.shape[-1]]
        return y


class Net(nn.Module):
    """An upsampling, a mask that one side hands over as a number, and a convolution."""

    def __init__(self, *, cuts: bool, shift: int = 0, bias: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.up, self.post = Up(cuts=cuts), nn.Conv1d(4, 2, 3)
        self.shift, self.bias = shift, bias
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        frames = 2 * x.shape[-1]
        y: torch.Tensor = self.post(self.up(x)[..., self.shift : self.shift + frames])
        return y + self.bias


def run(reference: Net, candidate: Net) -> Report:
    return compare(reference, candidate, inputs=X)


def test_values_that_the_caller_cuts_are_no_error() -> None:
    for cuts in (True, False):
        report = run(Net(cuts=cuts), Net(cuts=not cuts))
        assert (report.verdict, report.findings) == (Verdict.EQUIVALENT, ())
        assert "up" in {skip.where for skip in report.skips}


def test_a_cut_one_frame_late_is_an_error() -> None:
    report = run(Net(cuts=False), Net(cuts=False, shift=1))
    assert report.verdict is Verdict.DIVERGENT
    assert report.findings[0].where == ("post",)


def test_a_true_error_beside_such_a_cut() -> None:
    report = run(Net(cuts=False), Net(cuts=True, bias=0.1))
    assert report.verdict is Verdict.DIVERGENT
    assert report.findings != ()


class TwoOutputs(nn.Module):
    """Gives the sound and what it was made of."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.frames = frames
        self.pre, self.post = nn.Conv1d(4, 4, 3), nn.Conv1d(4, 2, 3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = self.pre(x)
        return self.post(hidden), hidden[..., : self.frames]


def test_a_second_output_of_another_length_is_an_error() -> None:
    assert compare(TwoOutputs(28), TwoOutputs(28), inputs=X).verdict is Verdict.PASS
    report = compare(TwoOutputs(28), TwoOutputs(27), inputs=X)
    assert report.verdict is Verdict.DIVERGENT
    assert report.findings != ()
