"""What is done to a torch network to plant a mistake that no choice of its configuration makes."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

Mutation = Callable[[nn.Module], None]


def set_attributes(path: str, **attributes: Any) -> Mutation:
    """Set attributes of a submodule."""

    def mutate(model: nn.Module) -> None:
        for name, value in attributes.items():
            setattr(model.get_submodule(path), name, value)

    return mutate


def set_training(path: str) -> Mutation:
    def mutate(model: nn.Module) -> None:
        model.get_submodule(path).train()

    return mutate


def replace_forward(path: str, forward: Callable[[Any, Tensor], Any]) -> Mutation:
    """Compute something else in a submodule."""

    def mutate(model: nn.Module) -> None:
        module = model.get_submodule(path)
        module.forward = types.MethodType(forward, module)

    return mutate


def pad_conv(
    left: int, right: int, mode: str = "constant", dilation: int = 1
) -> Callable[[Any, Tensor], Tensor]:
    def forward(conv: Any, x: Tensor) -> Tensor:
        return functional.conv1d(
            functional.pad(x, (left, right), mode=mode),
            conv.weight,
            conv.bias,
            1,
            0,
            dilation,
            conv.groups,
        )

    return forward


def cut_transposed_conv(left: int, right: int) -> Callable[[Any, Tensor], Tensor]:
    """A transposed convolution with other samples cut off."""

    def forward(conv: Any, x: Tensor) -> Tensor:
        y = functional.conv_transpose1d(x, conv.weight, conv.bias, conv.stride)
        return y[..., left : y.shape[-1] - right]

    return forward


def normalize_strided_groups(norm: Any, x: Tensor) -> Tensor:
    """As MLX does unless told to be compatible."""
    batch, channels, time = x.shape
    grouped = x.reshape(batch, channels // norm.num_groups, norm.num_groups, time)
    y = (grouped - grouped.mean((1, 3), keepdim=True)) * torch.rsqrt(
        grouped.var((1, 3), keepdim=True, unbiased=False) + norm.eps
    )
    return y.reshape(x.shape) * norm.weight[:, None] + norm.bias[:, None]


def add_eps_outside_root(norm: Any, x: Tensor) -> Tensor:
    """eps beside the root."""
    y = (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, unbiased=False).sqrt() + 1e-3)
    return y * norm.weight + norm.bias


def normalize_by_rms(norm: Any, x: Tensor) -> Tensor:
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + norm.eps) * norm.weight + norm.bias


def exchange_weight_axes(conv: Any, x: Tensor) -> Tensor:
    return functional.conv1d(
        x, conv.weight.transpose(0, 1), conv.bias, 1, conv.padding, conv.dilation
    )


def transpose_linear(path: str) -> Mutation:
    def forward(linear: Any, x: Tensor) -> Tensor:
        return functional.linear(x, linear.weight.T, linear.bias)

    return replace_forward(path, forward)


@torch.no_grad()
def make_twin_units(model: nn.Module) -> None:
    """Two units whose scores are nearly the same, above all others."""
    scores = model.get_submodule("scores")
    weight, bias = scores.get_parameter("weight"), scores.get_parameter("bias")
    weight[1] = weight[0] + 1e-5 * torch.linspace(-1, 1, weight.shape[1])
    bias[:2] = 3.0


def halve_precision(model: nn.Module) -> None:
    model.half()


def reset_before_hidden(gru: Any, x: Tensor) -> tuple[Tensor, None]:
    """The reset gate applied to the state, before the hidden weights (ONNX's linear_before_reset=0)."""
    return _unroll_gru(gru, x, "before")


def exchange_gates(gru: Any, x: Tensor) -> tuple[Tensor, None]:
    """Reset and update gate exchanged: weights in ONNX's order (z, r, n) taken as they are."""
    return _unroll_gru(gru, x, "after", "zrn")


def drop_hidden_bias(gru: Any, x: Tensor) -> tuple[Tensor, None]:
    return _unroll_gru(gru, x, "after", hidden_bias=0.0)


def _unroll_gru(
    gru: Any, x: Tensor, reset: str, order: str = "rzn", hidden_bias: float = 1.0
) -> tuple[Tensor, None]:
    state, rows = x.new_zeros(x.shape[0], gru.hidden_size), []
    biases = dict(zip(order, (hidden_bias * gru.bias_hh_l0).chunk(3), strict=True))
    hidden = dict(zip(order, gru.weight_hh_l0.chunk(3), strict=True))
    for frame in functional.linear(x, gru.weight_ih_l0, gru.bias_ih_l0).unbind(1):
        gate_inputs = dict(zip(order, frame.chunk(3, -1), strict=True))
        r, z = (
            torch.sigmoid(gate_inputs[gate] + state @ hidden[gate].T + biases[gate])
            for gate in "rz"
        )
        product = (
            r * (state @ hidden["n"].T + biases["n"])
            if reset == "after"
            else (r * state) @ hidden["n"].T + biases["n"]
        )
        state = (1 - z) * torch.tanh(gate_inputs["n"] + product) + z * state
        rows.append(state)
    return torch.stack(rows, 1), None


def apply_onnx_gate_order(lstm: Any, x: Tensor) -> tuple[Tensor, None]:
    """Weights taken as i, o, f, c, which are i, f, c, o."""
    state = memory = x.new_zeros(x.shape[0], lstm.hidden_size)
    rows = []
    for frame in functional.linear(x, lstm.weight_ih_l0, lstm.bias_ih_l0 + lstm.bias_hh_l0).unbind(
        1
    ):
        i, o, f, c = (frame + state @ lstm.weight_hh_l0.T).chunk(4, -1)
        memory = torch.sigmoid(f) * memory + torch.sigmoid(i) * torch.tanh(c)
        state = torch.sigmoid(o) * torch.tanh(memory)
        rows.append(state)
    return torch.stack(rows, 1), None


def drop_last_blocks(generator: Any, x: Tensor) -> Tensor:
    """A HiFi-GAN that adds all but the last residual block of each stage, and divides by the number of all."""
    config, branches = generator.config, len(generator.config.resblock_kernel_sizes)
    x = generator.conv_pre(x)
    for stage, up in enumerate(generator.ups):
        x = up(functional.leaky_relu(x, config.slope))
        blocks = generator.resblocks[stage * branches : (stage + 1) * branches]
        x = sum(block(x) for block in blocks[:-1]) / branches
    return torch.tanh(generator.conv_post(functional.leaky_relu(x, config.final_slope)))
