"""Encoders: position sinusoids, norms before and behind, both directions of a GRU, statistics, pooling."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks.real_ports.block_building import BlockFault, build_block_pairs, copy_into
from benchmarks.real_ports.weights import draw_normal

WIDTH = 16


class SinusoidPositions(nn.Module):
    """Sines and cosines in turn, as in the tutorials."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.fault = fault

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        half = WIDTH // 2
        steps = half - 1 if "exponent" in self.fault else half
        rates = torch.exp(torch.arange(half) * (-math.log(10000.0) / steps))
        angles = torch.arange(x.shape[1])[:, None] * rates
        if "in halves" in self.fault:
            return x + torch.cat([angles.sin(), angles.cos()], 1)
        return x + torch.stack([angles.sin(), angles.cos()], -1).flatten(1)


class HandLayer(nn.Module):
    """`nn.TransformerEncoderLayer(norm_first=True)` by hand, with its names."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(WIDTH, 2, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(WIDTH, 32), nn.Linear(32, WIDTH)
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.fault = fault

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if "behind" in self.fault:
            x = self.norm1(x + self.self_attn(x, x, x, need_weights=False)[0])
            return self.norm2(x + self.feed(x))
        y = self.norm1(x)
        x = x + self.self_attn(y, y, y, need_weights=False)[0]
        return x + self.feed(self.norm2(x))

    def feed(self, x: torch.Tensor) -> torch.Tensor:
        form = "tanh" if "tanh form" in self.fault else "none"
        return self.linear2(functional.gelu(self.linear1(x), approximate=form))


class Encoder(nn.Module):
    def __init__(self, positions: nn.Module, layers: list[nn.Module]) -> None:
        super().__init__()
        self.embed = nn.Linear(6, WIDTH)
        self.positions = positions
        self.layers = nn.ModuleList(layers)
        self.head = nn.Linear(WIDTH, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.positions(self.embed(x))
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


def make_encoder() -> nn.Module:
    def layer() -> nn.Module:
        return nn.TransformerEncoderLayer(
            WIDTH, 2, 32, activation="gelu", batch_first=True, norm_first=True
        )

    torch.backends.mha.set_fastpath_enabled(False)
    return Encoder(SinusoidPositions(), [layer(), layer()])


def port_encoder(reference: Any, fault: str) -> Any:
    layers: list[nn.Module] = [HandLayer(fault), HandLayer(fault)]
    return copy_into(Encoder(SinusoidPositions(fault), layers), reference)


class PooledEmbedding(nn.Module):
    """Mean and standard deviation over time, by `torch.std` as it is by default."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.conv = nn.Conv1d(6, WIDTH, 3, padding=1)
        self.bn = nn.BatchNorm1d(WIDTH)
        self.gru = nn.GRU(WIDTH, 8, batch_first=True, bidirectional=True)
        self.mix = nn.Conv1d(WIDTH, WIDTH, 3)
        self.fc = nn.Linear(32, 5)
        self.fault = fault

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, _ = self.gru(functional.relu(self.bn(self.conv(x))).transpose(1, 2))
        y = self.mix(y.transpose(1, 2)).transpose(1, 2)
        return self.fc(torch.cat([y.mean(1), y.std(1)], 1))


class HandPooledEmbedding(nn.Module):
    """The same with two GRUs, one of which runs on reversed frames."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.conv = nn.Conv1d(6, WIDTH, 3, padding=1)
        self.bn = nn.BatchNorm1d(WIDTH)
        self.forwards = nn.GRU(WIDTH, 8, batch_first=True)
        self.backwards = nn.GRU(WIDTH, 8, batch_first=True)
        self.mix = nn.Conv1d(WIDTH, WIDTH, 3)
        self.fc = nn.Linear(32, 5)
        self.fault = fault

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = functional.relu(self.bn(self.conv(x))).transpose(1, 2)
        a, b = self.forwards(z)[0], self.backwards(z.flip(1))[0]
        if "not turned back" not in self.fault:
            b = b.flip(1)
        y = self.mix(torch.cat([a, b], 2).transpose(1, 2)).transpose(1, 2)
        if "last frame" in self.fault:
            y = y[:, :-1]
        mean = y.mean(1)
        count = y.shape[1] if "biased" in self.fault else y.shape[1] - 1
        variance = (y - mean[:, None]).square().sum(1) / count
        if "added" in self.fault:
            return self.fc(torch.cat([mean, (variance + 1e-3).sqrt()], 1))
        return self.fc(torch.cat([mean, variance.sqrt()], 1))


def port_embedding(reference: Any, fault: str) -> Any:
    port = HandPooledEmbedding(fault)
    state = {}
    for name, tensor in reference.state_dict().items():
        path = "backwards." if name.endswith("_reverse") else "forwards."
        state[name.replace("gru.", path).removesuffix("_reverse")] = tensor.clone()
    port.load_state_dict(state)
    if "fresh statistics" in fault:
        port.bn.reset_running_stats()
    return port.eval()


class SegmentGate(nn.Module):
    """Context by segments, as CAM++ has it: a last segment that is shorter is averaged over what there is."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(WIDTH, WIDTH, 3, padding=1)
        self.linear1 = nn.Conv1d(WIDTH, 8, 1)
        self.linear2 = nn.Conv1d(8, WIDTH, 1)
        self.fault = fault

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = self.pool(x, 10).repeat_interleave(10, -1)[..., : x.shape[-1]]
        context = x.mean(-1, keepdim=True) + pooled
        gate = torch.sigmoid(self.linear2(functional.relu(self.linear1(context))))
        return self.linear_local(x) * gate

    def pool(self, x: torch.Tensor, length: int) -> torch.Tensor:
        return functional.avg_pool1d(x, length, length, ceil_mode=True)


class HandSegmentGate(SegmentGate):
    def pool(self, x: torch.Tensor, length: int) -> torch.Tensor:
        missing = -x.shape[-1] % length
        sums = functional.pad(x, (0, missing)).unflatten(-1, (-1, length)).sum(-1)
        counts = torch.full((sums.shape[-1],), float(length))
        if "full length" not in self.fault:
            counts[-1] = length - missing
        return sums / counts


class Gated(nn.Module):
    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.conv = nn.Conv1d(6, WIDTH, 5, padding=2)
        self.norm = nn.GroupNorm(4, WIDTH)
        self.gate = gate
        self.out = nn.Conv1d(WIDTH, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.gate(functional.relu(self.norm(self.conv(x)))))


LAYER = r"layers\.\d"
POSITIONS = (r"positions",)
NORMS_BEHIND = (rf"{LAYER}(\.self_attn|\.norm\d|\.linear\d)?",)
FC = (r"fc",)
PAIRS = [
    *build_block_pairs(
        "Transformer encoder: torch's layer against one by hand",
        make_encoder,
        port_encoder,
        lambda: [draw_normal(1, 13, 6)],
        [
            BlockFault("norms behind", NORMS_BEHIND, ("norm-order",)),
            BlockFault("sinusoids in halves", POSITIONS, ("position-sinusoids",)),
            BlockFault("another exponent", POSITIONS, ("position-sinusoids",)),
            BlockFault("GELU's tanh form", (rf"{LAYER}\.linear2",), ("gelu-variant",)),
        ],
    ),
    *build_block_pairs(
        "Speaker embedding: a bidirectional GRU and torch.std against two GRUs and sums",
        PooledEmbedding,
        port_embedding,
        lambda: [draw_normal(1, 6, 30)],
        [
            BlockFault("a direction that is not turned back", (r"gru|mix",), ("time-reversed",)),
            BlockFault("a biased variance", FC, ("statistics-pooling",)),
            BlockFault("an added eps", FC, ("statistics-pooling",)),
            BlockFault("the last frame left out", FC, ("statistics-pooling",)),
            BlockFault(
                "fresh statistics", (r"bn",), ("batch-norm-statistics",), same_weights=False
            ),
        ],
    ),
    *build_block_pairs(
        "Context by segments: avg_pool1d against sums by hand",
        lambda: Gated(SegmentGate()),
        lambda reference, fault: copy_into(Gated(HandSegmentGate(fault)), reference),
        lambda: [draw_normal(1, 6, 47)],
        [
            BlockFault(
                "the full length for the last segment", (r"gate(\.linear1)?",), ("pooled-segment",)
            )
        ],
    ),
]
