"""Small networks and ports of them, right and wrong, for the comparison of traces."""

from __future__ import annotations

import copy
from dataclasses import replace

import mlx.nn as mnn
import numpy as np
import torch
from torch import nn

from auscult.comparison.compare_runs import RunComparison, compare_runs
from auscult.comparison.locate.aligned_sides import ComparedRuns
from auscult.families._torch import WeightNormForm
from auscult.families.hifigan import mlx as hifigan_mlx
from auscult.families.hifigan import torch as hifigan_torch
from auscult.families.hifigan.config import Config
from auscult.runtime.runner import make_runner
from auscult.weights import Array

SMALL = Config(
    mel_bins=8,
    channels=(24, 12, 6),
    upsample_rates=(4, 2),
    upsample_kernel_sizes=(8, 4),
    resblock_kernel_sizes=(3, 5),
    dilations=((1, 3), (1, 3)),
)
MEL = np.random.default_rng(0).standard_normal((1, 8, 24)).astype(np.float32)


def hifigan(config: Config = SMALL, form: WeightNormForm = "weight-norm-old") -> nn.Module:
    """A generator whose signals neither vanish nor saturate."""
    torch.manual_seed(0)
    model = hifigan_torch.build(config, "fused")
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
                module.weight.mul_(0.5 / module.weight.std() / module.weight[0].numel() ** 0.5)
    wanted = hifigan_torch.build(config, form)
    hifigan_torch.load(wanted, model.state_dict())
    return wanted.eval()


def in_mlx(model: nn.Module, **changes: object) -> mnn.Module:
    config = replace(SMALL, **changes)  # type: ignore[arg-type]
    port = hifigan_mlx.build(config)
    hifigan_mlx.load(
        port, {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()}
    )
    return port


def channels_last(array: Array) -> Array:
    return np.ascontiguousarray(array.transpose(0, 2, 1))


class Block(nn.Module):
    """Convolution, norm, activation; the shortcut is the block's own code."""

    def __init__(self, width: int, kernel: int, *, shortcut: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, width, kernel, padding=kernel // 2)
        self.norm = nn.BatchNorm1d(width)
        self.act = nn.LeakyReLU(0.1)
        self.shortcut = shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.act(self.norm(self.conv(x)))
        return x + y if self.shortcut else y


class Net(nn.Module):
    """`encoder`, `decoder`, `head` with code of its own between them."""

    def __init__(
        self,
        width: int = 8,
        *,
        shortcuts: tuple[bool, ...] = (True, True),
        scale: float = 0.5,
        tanh: bool = True,
    ) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.encoder = Block(width, 3, shortcut=shortcuts[0])
        self.decoder = Block(width, 5, shortcut=shortcuts[1])
        self.head = nn.Conv1d(width, 2, 1)
        for block in (self.encoder, self.decoder):
            block.norm.running_mean.normal_(0, 0.2)  # type: ignore[union-attr]
            block.norm.running_var.uniform_(0.5, 2.0)  # type: ignore[union-attr]
            nn.init.uniform_(block.norm.weight, 0.5, 1.5)
        self.scale, self.tanh = scale, tanh
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.head(self.decoder(self.scale * self.encoder(x)))
        return torch.tanh(y) if self.tanh else y


class Folded(nn.Module):
    """A block in which the norm is folded into the convolution, the activation a function, and the names others."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        gain = block.norm.weight / torch.sqrt(block.norm.running_var + block.norm.eps)  # type: ignore[operator, arg-type]
        self.layer = copy.deepcopy(block.conv)
        with torch.no_grad():
            self.layer.weight.copy_(block.conv.weight * gain[:, None, None])
            bias = block.conv.bias - block.norm.running_mean  # type: ignore[operator]
            self.layer.bias.copy_(bias * gain + block.norm.bias)  # type: ignore[union-attr]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + nn.functional.leaky_relu(self.layer(x), 0.1)


class FoldedNet(nn.Module):
    """A right port of `Net` in another granularity."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.first, self.second, self.out = (
            Folded(net.encoder),
            Folded(net.decoder),
            copy.deepcopy(net.head),
        )
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.out(self.second(0.5 * self.first(x))))


class Attention(nn.Module):
    """Three projections of one input, or one that holds all three."""

    def __init__(self, *, fused: bool) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.out = nn.Linear(8, 8)
        layers = {name: nn.Linear(8, 8) for name in ("q", "k", "v")}
        self.fused = fused
        if fused:
            self.qkv = nn.Linear(8, 24)
            with torch.no_grad():
                self.qkv.weight.copy_(torch.cat([layer.weight for layer in layers.values()]))
                self.qkv.bias.copy_(torch.cat([layer.bias for layer in layers.values()]))
        else:
            self.q, self.k, self.v = layers.values()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).chunk(3, -1) if self.fused else (self.q(x), self.k(x), self.v(x))
        return self.out(torch.softmax(q @ k.transpose(-1, -2) / 8**0.5, -1) @ v)


SIGNAL = np.random.default_rng(3).standard_normal((2, 8, 20)).astype(np.float32)


def compared(
    ref: object,
    cand: object,
    inputs: Array = SIGNAL,
    inputs_cand: Array | None = None,
    **options: object,
) -> RunComparison:
    """Run both live and compare."""
    return compare_runs(runs_of(ref, cand, inputs, inputs_cand), **options)  # type: ignore[arg-type]


def runs_of(
    ref: object,
    cand: object,
    inputs: Array = SIGNAL,
    inputs_cand: Array | None = None,
    *,
    live: str = "both",
) -> ComparedRuns:
    """Both runs; `live` says behind which the models stay: `both`, `ref`, `none`."""
    one, two = make_runner(ref), make_runner(cand)
    given, theirs = {"input": inputs}, {"input": inputs if inputs_cand is None else inputs_cand}
    first = one.run(given)
    second = two.run(theirs, replay=first)
    return ComparedRuns(
        first,
        second,
        one if live != "none" else None,
        two if live == "both" else None,
        given if live != "none" else None,
        theirs if live == "both" else None,
    )


def born(found: RunComparison) -> list[tuple[str, str]]:
    """Where errors are born: reference path and role."""
    return [
        (result.path_ref, result.case.role if result.case else "")
        for result in found.results
        if result.born
    ]
