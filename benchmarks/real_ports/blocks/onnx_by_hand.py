"""Blocks of torch.nn against ONNX graphs written by hand, where an operator's own defaults are not torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.real_ports.block_building import BlockFault, build_block_pairs
from benchmarks.real_ports.onnx_building import GraphBuilder
from benchmarks.real_ports.weights import draw_normal

WIDTH = 8


def read_arrays(model: Any) -> dict[str, Any]:
    return {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()}


class SqueezeStack(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(4, WIDTH, 5, padding=2, padding_mode="reflect")
        self.bn = nn.BatchNorm1d(WIDTH)
        self.act = nn.LeakyReLU(0.1)
        self.pool = nn.AvgPool1d(3, 2, padding=1)
        self.conv2 = nn.utils.parametrizations.weight_norm(nn.Conv1d(WIDTH, WIDTH, 3, padding=1))
        self.norm = nn.InstanceNorm1d(WIDTH, affine=True)
        self.gate = nn.Hardsigmoid()
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.out = nn.ConvTranspose1d(WIDTH, 2, 4, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.act(self.bn(self.conv1(x))))
        x = self.norm(self.conv2(x))
        return self.out(self.up(x * self.gate(x)))


def write_squeeze(model: Any, fault: str, *, named: bool = True) -> GraphBuilder:
    arrays = read_arrays(model)
    g = GraphBuilder({"x": (1, 4, 21)}, named=named)
    weight = {name: g.add_weight(name, array) for name, array in arrays.items() if array.ndim}
    mode = "constant" if "zeros" in fault else "reflect"
    x = g.apply("Pad", "x", g.add_constant(np.array([0, 0, 2, 0, 0, 2])), scope="conv1", mode=mode)
    x = g.apply("Conv", x, weight["conv1.weight"], weight["conv1.bias"], scope="conv1")
    names = [weight[f"bn.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]
    if "fresh statistics" in fault:
        names[2:] = [
            g.add_constant(arrays["bn.running_mean"] * 0),
            g.add_constant(arrays["bn.running_var"] * 0 + 1),
        ]
    eps = 1e-3 if "Keras" in fault else 1e-5
    x = g.apply("BatchNormalization", x, *names, scope="bn", epsilon=eps)
    slope: dict[str, Any] = {} if fault == "ONNX's slope" else {"alpha": 0.1}
    x = g.apply("LeakyRelu", x, scope="act", **slope)
    counted = {} if "without the padding" in fault else {"count_include_pad": 1}
    x = g.apply(
        "AveragePool", x, scope="pool", kernel_shape=[3], strides=[2], pads=[1, 1], **counted
    )
    direction = "conv2.parametrizations.weight.original1"
    kernel = weight[direction]
    if "not folded" not in fault:
        axes = g.add_constant(np.array([1, 2]))
        size = g.apply("ReduceL2", kernel, axes, scope="conv2", keepdims=1)
        gain = weight["conv2.parametrizations.weight.original0"]
        kernel = g.apply("Mul", g.apply("Div", kernel, size, scope="conv2"), gain, scope="conv2")
    pads = [2, 0] if "causal" in fault else [1, 1]
    x = g.apply("Conv", x, kernel, weight["conv2.bias"], scope="conv2", pads=pads)
    x = g.apply(
        "InstanceNormalization", x, weight["norm.weight"], weight["norm.bias"], scope="norm"
    )
    usual: dict[str, Any] = {} if "ONNX's slope of the gate" in fault else {"alpha": 1 / 6}
    x = g.apply("Mul", x, g.apply("HardSigmoid", x, scope="gate", **usual))
    empty, scales = "", g.add_constant(np.array([1, 1, 2], np.float32))
    x = g.apply(
        "Resize",
        x,
        empty,
        scales,
        scope="up",
        mode="linear" if "linear" in fault else "nearest",
        coordinate_transformation_mode="half_pixel" if "half" in fault else "asymmetric",
        nearest_mode="ceil" if "ceil" in fault else "floor",
    )
    x = g.apply(
        "ConvTranspose",
        x,
        weight["out.weight"],
        weight["out.bias"],
        scope="out",
        strides=[2],
        pads=[1, 1],
    )
    return g.give(x, 3)


class ReadStack(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(5, WIDTH, batch_first=True)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-3)
        self.fc1 = nn.Linear(WIDTH, 12)
        self.act = nn.GELU(approximate="tanh")
        self.fc2 = nn.Linear(12, WIDTH)
        self.query, self.key = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.value, self.merge = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.gru(x)[0])
        x = x + self.fc2(self.act(self.fc1(x)))
        q, k, v = (
            f(x).unflatten(-1, (2, 4)).transpose(1, 2) for f in (self.query, self.key, self.value)
        )
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.merge(y.transpose(1, 2).flatten(2))


def write_reader(model: Any, fault: str, *, named: bool = True) -> GraphBuilder:
    arrays = read_arrays(model)
    g = GraphBuilder({"x": (1, 9, 5)}, named=named)

    def linear(x: str, path: str) -> str:
        kernel = g.add_weight(f"{path}.weight", arrays[f"{path}.weight"].T)
        bias = g.add_weight(f"{path}.bias", arrays[f"{path}.bias"])
        return str(g.apply("Add", g.apply("MatMul", x, kernel, scope=path), bias, scope=path))

    def gates(array: Any) -> Any:
        r, z, n = np.split(array, 3)
        order = [r, z, n] if "torch's gates" in fault else [z, r, n]
        return np.concatenate(order)[None]

    w, u = (g.add_constant(gates(arrays[f"gru.weight_{part}_l0"])) for part in ("ih", "hh"))
    both = [gates(arrays[f"gru.bias_{part}_l0"]) for part in ("ih", "hh")]
    b = g.add_constant(np.concatenate(both, 1))
    reset = 0 if "ONNX's reset" in fault else 1
    x = g.apply("Transpose", "x", perm=[1, 0, 2])
    x = g.apply(
        "GRU", x, w, u, b, scope="gru", hidden_size=WIDTH, linear_before_reset=reset, count=2
    )[0]
    x = g.apply("Transpose", g.apply("Squeeze", x, g.add_constant(np.array([1]))), perm=[1, 0, 2])
    eps: dict[str, Any] = {} if "ONNX's eps" in fault else {"epsilon": 1e-3}
    gain, shift = (
        g.add_weight(f"norm.{part}", arrays[f"norm.{part}"]) for part in ("weight", "bias")
    )
    x = g.apply("LayerNormalization", x, gain, shift, scope="norm", **eps)
    form = "none" if "exact" in fault else "tanh"
    y = g.apply("Gelu", linear(x, "fc1"), scope="act", approximate=form)
    x = g.apply("Add", x, linear(y, "fc2"))
    heads = []
    for path in ("query", "key", "value"):
        parts = g.apply("Reshape", linear(x, path), g.add_constant(np.array([1, 9, 2, 4])))
        heads.append(g.apply("Transpose", parts, perm=[0, 2, 1, 3]))
    turned = g.apply("Transpose", heads[1], perm=[0, 1, 3, 2])
    scale = g.add_constant(np.float32(0.25 if "another scale" in fault else 0.5))
    scores = g.apply("Mul", g.apply("MatMul", heads[0], turned), scale)
    mask = np.where(np.tri(9, dtype=bool), 0, -1e9).astype(np.float32)
    if "no mask" not in fault:
        scores = g.apply("Add", scores, g.add_constant(mask))
    axis = 2 if "queries" in fault else -1
    y = g.apply("MatMul", g.apply("Softmax", scores, axis=axis), heads[2])
    y = g.apply("Transpose", y, perm=[0, 2, 1, 3])
    return g.give(
        linear(g.apply("Reshape", y, g.add_constant(np.array([1, 9, WIDTH]))), "merge"), 3
    )


class Pictures(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding=1)
        self.up = nn.Upsample(scale_factor=(1.5, 2.0), mode="bilinear")
        self.norm = nn.GroupNorm(2, 4)
        self.pool = nn.AvgPool2d(2, ceil_mode=True)
        self.conv2 = nn.Conv2d(4, 1, (3, 1), padding=(1, 0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv2(self.pool(functional.silu(self.norm(self.up(self.conv1(x))))))


def write_pictures(model: Any, fault: str) -> GraphBuilder:
    arrays = read_arrays(model)
    g = GraphBuilder({"x": (1, 1, 10, 7)})
    weight = {name: g.add_weight(name, array) for name, array in arrays.items()}
    x = g.apply(
        "Conv", "x", weight["conv1.weight"], weight["conv1.bias"], scope="conv1", pads=[1, 1, 1, 1]
    )
    mode = (
        "asymmetric"
        if "asymmetric" in fault
        else "align_corners"
        if "corners" in fault
        else "half_pixel"
    )
    x = g.apply(
        "Resize",
        x,
        "",
        g.add_constant(np.array([1, 1, 1.5, 2], np.float32)),
        scope="up",
        mode="cubic" if "cubic" in fault else "linear",
        coordinate_transformation_mode=mode,
    )
    groups = 4 if "a group for each channel" in fault else 2
    x = g.apply(
        "GroupNormalization",
        x,
        weight["norm.weight"],
        weight["norm.bias"],
        scope="norm",
        num_groups=groups,
    )
    x = g.apply("Mul", x, g.apply("Sigmoid", x))
    ceil = 0 if "cut" in fault else 1
    x = g.apply("AveragePool", x, scope="pool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=ceil)
    return g.give(
        g.apply(
            "Conv",
            x,
            weight["conv2.weight"],
            weight["conv2.bias"],
            scope="conv2",
            pads=[1, 0, 1, 0],
        ),
        4,
    )


SQUEEZE_FAULTS = [
    BlockFault("zeros at the borders", (r"conv1",), ("padding-mode",)),
    BlockFault("fresh statistics", (r"bn",), ("batch-norm-statistics",)),
    BlockFault("Keras' eps", (r"bn",), ("layer-norm-eps",)),
    BlockFault("ONNX's slope", (r"act|pool",), ("leaky-slope",)),
    BlockFault("means without the padding", (r"pool|conv2",), ("pooled-segment", "padding-mode")),
    BlockFault(
        "a weight norm that is not folded", (r"conv2",), ("weight-norm-missing", "other-weights")
    ),
    BlockFault("a causal padding", (r"conv2|norm",), ("stride-padding",)),
    BlockFault("ONNX's slope of the gate", (r"gate|up",), ("activation-wrong",)),
    BlockFault("linear frames", (r"up|out",), ("upsample-mode",)),
    BlockFault("nearest by ceil", (r"up|out",), ("upsample-mode",)),
]
READ_FAULTS = [
    BlockFault("torch's gates", (r"gru|norm",), ("gate-order",)),
    BlockFault("ONNX's reset", (r"gru|norm",), ("gru-reset",)),
    BlockFault("ONNX's eps", (r"norm",), ("layer-norm-eps",)),
    BlockFault("the exact GELU", (r"act|fc2",), ("gelu-variant",)),
    BlockFault("another scale", (r"merge",), ("attention-scale",)),
    BlockFault("no mask", (r"merge",), ("attention-mask",)),
    BlockFault("softmax over queries", (r"merge",), ("attention-axis",)),
]
PAIRS = [
    *build_block_pairs(
        "Squeeze stack: torch.nn against ONNX by hand",
        SqueezeStack,
        write_squeeze,
        lambda: [draw_normal(1, 4, 21)],
        SQUEEZE_FAULTS,
    ),
    *build_block_pairs(
        "Squeeze stack: torch.nn against ONNX by hand without scopes",
        SqueezeStack,
        lambda model, fault: write_squeeze(model, fault, named=False),
        lambda: [draw_normal(1, 4, 21)],
        SQUEEZE_FAULTS,
    ),
    *build_block_pairs(
        "Reader: torch.nn against ONNX by hand",
        ReadStack,
        write_reader,
        lambda: [draw_normal(1, 9, 5)],
        READ_FAULTS,
    ),
    *build_block_pairs(
        "Reader: torch.nn against ONNX by hand without scopes",
        ReadStack,
        lambda model, fault: write_reader(model, fault, named=False),
        lambda: [draw_normal(1, 9, 5)],
        READ_FAULTS,
    ),
    *build_block_pairs(
        "Pictures: torch.nn against ONNX by hand",
        Pictures,
        write_pictures,
        lambda: [draw_normal(1, 1, 10, 7)],
        [
            BlockFault("asymmetric coordinates", (r"up|norm",), ("upsample-mode",)),
            BlockFault("aligned corners", (r"up|norm",), ("upsample-mode",)),
            BlockFault("cubic interpolation", (r"up|norm",), ("upsample-mode",)),
            BlockFault("a group for each channel", (r"norm",), ("group-norm-convention",)),
            BlockFault(
                "the last segment cut", (r"pool|conv2",), ("pooled-segment", "stride-padding")
            ),
        ],
    ),
]
