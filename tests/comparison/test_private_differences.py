"""What agrees where it is used is no error; what reaches the output is one."""

from __future__ import annotations

from dataclasses import dataclass

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


def test_a_private_difference_is_told_once() -> None:
    report = run(Net(cuts=True), Net(cuts=False))
    told = [skip.where for skip in report.skips]
    assert len(told) == len(set(told))


class Shift(nn.Module):
    def __init__(self, amount: torch.Tensor) -> None:
        super().__init__()
        self.amount = amount

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.amount


class FoldedBias(nn.Module):
    """The bias of a layer is added by the layer, or by the next one; a second layer may lose its own."""

    def __init__(self, *, folded: bool, lost: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.pre, self.post = nn.Conv1d(4, 4, 3), nn.Conv1d(4, 2, 3)
        pre_bias, post_bias = self.pre.bias, self.post.bias
        assert pre_bias is not None
        assert post_bias is not None
        bias = pre_bias.detach()[:, None].clone()
        self.shift = Shift(1 + bias if folded else torch.ones(4, 1))
        with torch.no_grad():
            if folded:
                pre_bias.zero_()
            if lost:
                post_bias.zero_()
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.post(self.shift(self.pre(x)))
        return y


def test_a_bias_that_the_next_layer_adds_is_no_error_beside_a_true_one() -> None:
    report = compare(FoldedBias(folded=False), FoldedBias(folded=True), inputs=X)
    assert (report.verdict, report.findings) == (Verdict.EQUIVALENT, ())
    report = compare(FoldedBias(folded=False), FoldedBias(folded=True, lost=True), inputs=X)
    assert [(each.cause, each.where) for each in report.findings] == [("bias-missing", ("post",))]


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


@dataclass
class Result:
    """What a model gives, by name."""

    sound: torch.Tensor
    hidden: torch.Tensor


class Named(nn.Module):
    """Gives a dataclass or a tuple."""

    def __init__(self, *, named: bool, factor: float = 1.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.named, self.factor = named, factor
        self.pre, self.post = nn.Conv1d(4, 4, 3), nn.Conv1d(4, 2, 3)

    def forward(self, x: torch.Tensor) -> object:
        hidden = self.pre(x)
        sound = self.factor * self.post(hidden)
        return Result(sound, hidden) if self.named else (sound, hidden)


def test_a_dataclass_against_a_tuple() -> None:
    assert compare(Named(named=True), Named(named=False), inputs=X).verdict is Verdict.PASS
    for named in (True, False):
        faulty = compare(Named(named=named), Named(named=not named, factor=2.0), inputs=X)
        assert faulty.verdict is Verdict.DIVERGENT
        assert [finding.cause for finding in faulty.findings] == ["factor"]


class Rotation(nn.Module):
    """Gives rotary tables as cosines and sines, or as complex numbers."""

    def __init__(self, *, is_complex: bool) -> None:
        super().__init__()
        self.is_complex = is_complex

    def forward(self, x: torch.Tensor) -> object:
        angles = torch.arange(x.shape[-1])[:, None] / torch.tensor([1.0, 10.0])
        if self.is_complex:
            return torch.polar(torch.ones_like(angles), angles)
        return angles.cos(), angles.sin()


class Rotating(nn.Module):
    """Turns pairs of channels by such a table."""

    def __init__(self, *, is_complex: bool, offset: int = 0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.pre, self.post = nn.Conv1d(4, 4, 3, padding=1), nn.Conv1d(4, 2, 3)
        self.rotation, self.offset = Rotation(is_complex=is_complex), offset

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        table = self.rotation(x)
        cosines, sines = table if isinstance(table, tuple) else (table.real, table.imag)
        turn_by = (cosines.roll(self.offset, 0).T, sines.roll(self.offset, 0).T)
        a, b = self.pre(x).chunk(2, 1)
        turned = (a * turn_by[0] - b * turn_by[1], a * turn_by[1] + b * turn_by[0])
        y: torch.Tensor = self.post(torch.cat(turned, 1))
        return y


def test_tables_in_another_form_are_no_error_while_what_takes_them_agrees() -> None:
    right = compare(Rotating(is_complex=False), Rotating(is_complex=True), inputs=X)
    assert (right.verdict, right.findings) == (Verdict.EQUIVALENT, ())
    wrong = compare(Rotating(is_complex=False), Rotating(is_complex=True, offset=1), inputs=X)
    assert wrong.verdict is Verdict.DIVERGENT
    assert "post" in {place for finding in wrong.findings for place in finding.where}


class Choosing(nn.Module):
    """Adds a small vector of the better of two choices whose scores are nearly the same."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.pre, self.scores = nn.Linear(30, 16), nn.Linear(16, 8)
        self.units, self.post = nn.Embedding(8, 16), nn.Linear(16, 4)
        with torch.no_grad():
            self.scores.weight[1] = self.scores.weight[0] + 1e-5 * torch.linspace(-1, 1, 16)
            self.scores.bias[:2] = 9.0
            self.units.weight *= 0.05
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.pre(x)
        y: torch.Tensor = self.post(hidden + self.units(self.scores(hidden).argmax(-1)))
        return y


def test_a_choice_that_rounding_decided_is_said_where_the_output_agrees() -> None:
    report = compare(Choosing(), Choosing().half(), inputs=X)
    assert report.verdict is Verdict.EQUIVALENT
    assert [(f.cause, f.where) for f in report.findings] == [("chaotic", ("units",))]
    assert "units" not in {skip.where for skip in report.skips if "no error" in skip.reason}


class Scaled(nn.Embedding):
    """An embedding that scales what it gives."""

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return super().forward(ids) * 3.0


class Block(nn.Module):
    """A projection under a mask, which is handed over as -inf or as a large number."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.proj = nn.LayerNorm(8), nn.Linear(8, 8)

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = torch.softmax(x @ x.transpose(1, 2) + mask, -1) @ self.proj(self.norm(x))
        return y


class Decoder(nn.Module):
    """Scales its embedding within it, or behind it; an optional fault is a slope that lies behind both."""

    def __init__(self, *, scales: bool, factor: float = 3.0, slope: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed = Scaled(9, 8) if scales else nn.Embedding(9, 8)
        self.block, self.out = Block(), nn.Linear(8, 5)
        self.factor, self.slope = factor if not scales else 1.0, slope
        self.low = -torch.inf if scales else -1e9

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        mask = torch.full((ids.shape[1], ids.shape[1]), self.low).triu(1)
        hidden = self.block(self.embed(ids) * self.factor, mask)
        y: torch.Tensor = self.out(nn.functional.leaky_relu(hidden, self.slope))
        return y


IDS = {"ids": np.array([[1, 4, 2, 7, 5]])}


def test_a_scale_within_an_embedding_or_behind_it_and_a_mask_in_another_form() -> None:
    report = compare(Decoder(scales=True), Decoder(scales=False), inputs=IDS)
    assert (report.verdict, report.findings) == (Verdict.EQUIVALENT, ())


def test_the_fault_beside_such_a_scale_is_named_alone() -> None:
    report = compare(Decoder(scales=True), Decoder(scales=False, slope=0.2), inputs=IDS)
    assert report.verdict is Verdict.DIVERGENT
    assert [finding.cause for finding in report.findings] == ["leaky-slope"]


def test_a_scale_that_is_lost_is_an_error() -> None:
    report = compare(Decoder(scales=True), Decoder(scales=False, factor=1.0), inputs=IDS)
    assert report.verdict is Verdict.DIVERGENT
    assert [finding.cause for finding in report.findings] == ["factor"]
