"""Blocks of torch.nn on its defaults against the same of mlx.nn on its own."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from benchmarks.real_ports.block_building import BlockFault, build_block_pairs
from benchmarks.real_ports.weights import draw_normal, load_mlx, read_state

WIDTH = 16


class ConvStack(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(6, WIDTH, 5, padding=2)
        self.norm1 = nn.GroupNorm(4, WIDTH)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, 4, stride=2, padding=1)
        self.norm2 = nn.BatchNorm1d(WIDTH)
        self.drop = nn.Dropout(0.2)
        self.conv3 = nn.Conv1d(WIDTH, WIDTH, 3, padding=2, dilation=2, groups=4)
        self.norm3 = nn.InstanceNorm1d(WIDTH, affine=True)
        self.up = nn.Upsample(scale_factor=2, mode="linear")
        self.out = nn.Conv1d(WIDTH, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.leaky_relu(self.norm1(self.conv1(x)))
        x = self.drop(functional.elu(self.norm2(self.conv2(x))))
        x = functional.softplus(self.norm3(self.conv3(x)))
        return self.out(functional.gelu(self.up(x)))


def port_conv_stack(reference: Any, fault: str) -> Any:
    import mlx.core as mx
    from mlx import nn as mnn

    class Port(mnn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = mnn.Conv1d(6, WIDTH, 5, padding=2)
            self.norm1 = mnn.GroupNorm(4, WIDTH, pytorch_compatible="MLX's groups" not in fault)
            self.conv2 = mnn.Conv1d(WIDTH, WIDTH, 4, stride=2, padding=1)
            eps = 1e-3 if "Keras" in fault else 1e-5
            self.norm2 = mnn.BatchNorm(WIDTH, eps=eps)
            self.drop = mnn.Dropout(0.2)
            dilation = 1 if "no dilation" in fault else 2
            self.conv3 = mnn.Conv1d(WIDTH, WIDTH, 3, padding=dilation, dilation=dilation, groups=4)
            self.norm3 = mnn.InstanceNorm(WIDTH, affine=True)
            self.up = mnn.Upsample(2, mode="linear", align_corners="corners" in fault)
            self.out = mnn.Conv1d(WIDTH, 3, 1)

        def __call__(self, x: Any) -> Any:
            slope = 0.2 if "a slope of 0.2" in fault else 0.01
            x = mnn.leaky_relu(self.norm1(self.conv1(x)), slope)
            x = self.norm2(self.conv2(x))
            x = self.drop(mnn.celu(x, 0.5) if "CELU" in fault else mnn.elu(x))
            x = self.norm3(self.conv3(x))
            x = mnn.relu(x) if "ReLU for softplus" in fault else mnn.softplus(x)
            x = self.up(x)
            return self.out(mnn.gelu_approx(x) if "tanh form" in fault else mnn.gelu(x))

    state = read_state(reference, layout="mlx")
    if "statistics" in fault:
        state = {
            name: array * 0 + name.endswith("var") if "running" in name else array
            for name, array in state.items()
        }
    port = load_mlx(Port(), state, ignore=("num_batches_tracked",))
    mx.random.seed(0)
    if "dropout active" in fault:
        port.drop.train()
    return port


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(6, WIDTH, batch_first=True)
        self.lstm = nn.LSTM(WIDTH, WIDTH, batch_first=True)
        self.norm = nn.LayerNorm(WIDTH)
        self.gate = nn.Linear(WIDTH, 2 * WIDTH)
        self.out = nn.Linear(WIDTH, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x, _ = self.gru(x)
        x, _ = self.lstm(x)
        return self.out(functional.glu(self.gate(self.norm(x))))


def port_recurrent(reference: Any, fault: str) -> Any:
    import mlx.core as mx
    from mlx import nn as mnn

    class Port(mnn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru = mnn.GRU(6, WIDTH)
            self.lstm = mnn.LSTM(WIDTH, WIDTH)
            self.norm = mnn.LayerNorm(WIDTH, eps=1e-3 if "eps" in fault else 1e-5)
            self.gate = mnn.Linear(WIDTH, 2 * WIDTH)
            self.out = mnn.Linear(WIDTH, 3)

        def __call__(self, x: Any) -> Any:
            x = self.lstm(self.gru(x))[0]
            a, b = mx.split(self.gate(self.norm(x)), 2, axis=-1)
            if "halves exchanged" in fault:
                a, b = b, a
            return self.out(a * mx.sigmoid(b))

    state = read_state(reference)
    new = {n: a for n, a in state.items() if not n.startswith(("gru", "lstm"))}
    for cell in ("gru", "lstm"):
        new[f"{cell}.Wx"], new[f"{cell}.Wh"] = (
            state[f"{cell}.weight_{part}_l0"] for part in ("ih", "hh")
        )
        b_ih, b_hh = state[f"{cell}.bias_ih_l0"], state[f"{cell}.bias_hh_l0"]
        new["lstm.bias"] = b_ih + b_hh
        if cell == "gru":
            b = b_ih.copy()
            b[: 2 * WIDTH] += b_hh[: 2 * WIDTH]
            new["gru.b"], new["gru.bhn"] = b, b_hh[2 * WIDTH :]
            if "one bias for both" in fault:
                new["gru.b"], new["gru.bhn"] = b_ih + b_hh, b_hh[2 * WIDTH :] * 0
    return load_mlx(Port(), new)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(WIDTH, eps=1e-6)
        self.q_proj, self.k_proj = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.v_proj, self.out_proj = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.ff1, self.ff2 = nn.Linear(WIDTH, 40), nn.Linear(40, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(x)
        split = [
            f(y).unflatten(-1, (2, 8)).transpose(1, 2)
            for f in (self.q_proj, self.k_proj, self.v_proj)
        ]
        q, k = (self.rotate(each) for each in split[:2])
        z = functional.scaled_dot_product_attention(q, k, split[2])
        x = x + self.out_proj(z.transpose(1, 2).flatten(2))
        return x + self.ff2(functional.silu(self.ff1(x)))

    @staticmethod
    def rotate(x: torch.Tensor) -> torch.Tensor:
        angles = torch.arange(x.shape[2])[:, None] * 10000.0 ** (-torch.arange(0, 8, 2) / 8)
        a, b = x[..., :4], x[..., 4:]
        return torch.cat(
            [a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()], -1
        )


def port_attention(reference: Any, fault: str) -> Any:
    import mlx.core as mx
    from mlx import nn as mnn

    class Port(mnn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = mnn.RMSNorm(WIDTH, eps=1e-1 if "eps" in fault else 1e-6)
            self.q_proj, self.k_proj = mnn.Linear(WIDTH, WIDTH), mnn.Linear(WIDTH, WIDTH)
            self.v_proj, self.out_proj = mnn.Linear(WIDTH, WIDTH), mnn.Linear(WIDTH, WIDTH)
            self.ff1, self.ff2 = mnn.Linear(WIDTH, 40), mnn.Linear(40, WIDTH)
            base = 1000 if "base" in fault else 10000
            self.rope = mnn.RoPE(8, traditional="in pairs" in fault, base=base)

        def __call__(self, x: Any) -> Any:
            y = self.norm(x)
            q, k, v = (
                f(y).reshape(*y.shape[:2], 2, 8).transpose(0, 2, 1, 3)
                for f in (self.q_proj, self.k_proj, self.v_proj)
            )
            scale = 1.0 if "no scale" in fault else 8**-0.5
            offset = 1 if "counted from one" in fault else 0
            q, k = self.rope(q, offset=offset), self.rope(k)
            z = mx.fast.scaled_dot_product_attention(q, k, v, scale=scale)
            x = x + self.out_proj(z.transpose(0, 2, 1, 3).flatten(2))
            act = mnn.gelu if "GELU for SiLU" in fault else mnn.silu
            return x + self.ff2(act(self.ff1(x)))

    return load_mlx(Port(), read_state(reference))


def to_channels_last(arrays: Any) -> Any:
    return [array.transpose(0, 2, 1) for array in arrays]


ATTENTION = (r"out_proj",)
PAIRS = [
    *build_block_pairs(
        "Convolutions and norms: torch.nn against mlx.nn",
        ConvStack,
        port_conv_stack,
        lambda: [draw_normal(1, 6, 24)],
        [
            BlockFault("MLX's groups", (r"norm1",), ("group-norm-convention",)),
            BlockFault("Keras' eps", (r"norm2",), ("layer-norm-eps",)),
            BlockFault(
                "fresh statistics", (r"norm2",), ("batch-norm-statistics",), same_weights=False
            ),
            BlockFault("dropout active", (r"drop",), ("dropout-active",)),
            BlockFault("no dilation", (r"conv3",), ("dilation",)),
            BlockFault("aligned corners", (r"up",), ("upsample-mode",)),
            BlockFault("a slope of 0.2", (r"conv2",), ("leaky-slope",)),
            BlockFault("CELU for ELU", (r"drop",), ("activation-wrong",)),
            BlockFault("ReLU for softplus", (r"up",), ("activation-wrong",)),
            BlockFault("GELU's tanh form", (r"out",), ("gelu-variant",)),
        ],
        order=(0, 2, 1),
        port_inputs=to_channels_last,
    ),
    *build_block_pairs(
        "Recurrent layers: torch.nn against mlx.nn",
        Recurrent,
        port_recurrent,
        lambda: [draw_normal(1, 15, 6)],
        [
            BlockFault(
                "one bias for both of the GRU",
                (r"gru",),
                ("gru-reset", "bias-missing"),
                same_weights=False,
            ),
            BlockFault("another eps", (r"norm",), ("layer-norm-eps",)),
            BlockFault("halves exchanged", (r"out",), ("wiring", "skip-order", "activation-wrong")),
        ],
    ),
    *build_block_pairs(
        "Attention: torch against mlx.nn",
        Attention,
        port_attention,
        lambda: [draw_normal(1, 11, WIDTH)],
        [
            BlockFault("another eps", (r"norm",), ("layer-norm-eps",)),
            BlockFault("rotary positions in pairs", ATTENTION, ("rope-convention",)),
            BlockFault("another base", ATTENTION, ("rope-convention",)),
            BlockFault("no scale", ATTENTION, ("attention-scale",)),
            BlockFault(
                "queries counted from one", ATTENTION, ("position-offset", "rope-convention")
            ),
            BlockFault("GELU for SiLU", (r"ff2",), ("activation-wrong",)),
        ],
    ),
]
