"""Every mistake of computation, planted: in which network, by which change, and at which place it must be found.

The place is the first in the order of execution: the module's output where the module itself is wrong, what reaches a module
where the code between modules is.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Mutation = Callable[[nn.Module], None]


@dataclass(frozen=True)
class Plant:
    """A mistake in one network.

    Attributes:
        changes: Other choices of the network's configuration.
        mutate: What is done to the candidate's module instead.
        prepare: What is done to both sides before.
        mlx: What is done to an MLX candidate and its module of that path, where the torch mutation has an MLX counterpart.
    """

    cause: str
    network: str
    path: str
    role: str = "output"
    changes: Mapping[str, Any] = field(default_factory=dict)
    mutate: Mutation | None = None
    call: int = 0
    prepare: Mutation | None = None
    mlx: Callable[[Any, str], None] | None = None

    @property
    def label(self) -> str:
        what = "-".join(f"{key}={value}" for key, value in self.changes.items())
        return f"{self.cause}/{self.network}/{what or self.path}"


def setting(path: str, **attributes: Any) -> Mutation:
    """Set attributes of a submodule."""

    def mutate(model: nn.Module) -> None:
        for name, value in attributes.items():
            setattr(model.get_submodule(path), name, value)

    return mutate


def training(path: str) -> Mutation:
    def mutate(model: nn.Module) -> None:
        model.get_submodule(path).train()

    return mutate


def computing(path: str, forward: Callable[[Any, Tensor], Tensor]) -> Mutation:
    """Compute something else in a submodule."""

    def mutate(model: nn.Module) -> None:
        module = model.get_submodule(path)
        module.forward = types.MethodType(forward, module)

    return mutate


def padded(left: int, right: int, mode: str = "constant", dilation: int = 1) -> Callable[[Any, Tensor], Tensor]:
    def forward(conv: Any, x: Tensor) -> Tensor:
        return functional.conv1d(functional.pad(x, (left, right), mode=mode), conv.weight, conv.bias, 1, 0, dilation, conv.groups)

    return forward


def cut(left: int, right: int) -> Callable[[Any, Tensor], Tensor]:
    """A transposed convolution with other samples cut off."""

    def forward(conv: Any, x: Tensor) -> Tensor:
        y = functional.conv_transpose1d(x, conv.weight, conv.bias, conv.stride)
        return y[..., left : y.shape[-1] - right]

    return forward


def strided_groups(norm: Any, x: Tensor) -> Tensor:
    """As MLX does unless told to be compatible."""
    batch, channels, time = x.shape
    cut_ = x.reshape(batch, channels // norm.num_groups, norm.num_groups, time)
    y = (cut_ - cut_.mean((1, 3), keepdim=True)) * torch.rsqrt(cut_.var((1, 3), keepdim=True, unbiased=False) + norm.eps)
    return y.reshape(x.shape) * norm.weight[:, None] + norm.bias[:, None]


def outside(norm: Any, x: Tensor) -> Tensor:
    """eps beside the root."""
    y = (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, unbiased=False).sqrt() + 1e-3)
    return y * norm.weight + norm.bias


def root_mean_square(norm: Any, x: Tensor) -> Tensor:
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + norm.eps) * norm.weight + norm.bias


def exchanged(conv: Any, x: Tensor) -> Tensor:
    return functional.conv1d(x, conv.weight.transpose(0, 1), conv.bias, 1, conv.padding, conv.dilation)


def as_linear(path: str) -> Mutation:
    def forward(linear: Any, x: Tensor) -> Tensor:
        return functional.linear(x, linear.weight.T, linear.bias)

    return computing(path, forward)


@torch.no_grad()
def twin_units(model: nn.Module) -> None:
    """Two units whose scores are nearly the same, above all others."""
    scores = model.get_submodule("scores")
    weight, bias = scores.get_parameter("weight"), scores.get_parameter("bias")
    weight[1] = weight[0] + 1e-5 * torch.linspace(-1, 1, weight.shape[1])
    bias[:2] = 3.0


def halved(model: nn.Module) -> None:
    model.half()


def mlx_module(model: Any, path: str) -> Any:
    return dict(model.named_modules())[path]


def mlx_setting(**attributes: Any) -> Callable[[Any, str], None]:
    """Set attributes of an MLX module."""

    def mutate(model: Any, path: str) -> None:
        for name, value in attributes.items():
            setattr(mlx_module(model, path), name, value)

    return mutate


def mlx_training(model: Any, path: str) -> None:
    mlx_module(model, path).train()


def mlx_padded(left: int, right: int, mode: Literal["constant", "edge"] = "constant") -> Callable[[Any, str], None]:
    """Another border of an MLX convolution: its class computes it."""

    def mutate(model: Any, path: str) -> None:
        import mlx.core as mx
        from mlx import nn as mnn

        class Conv1d(mnn.Conv1d):
            def __call__(self, x: Any) -> Any:
                wide = mx.pad(x, [(0, 0), (left, right), (0, 0)], mode=mode)
                return mx.conv1d(wide, self["weight"], self.stride, 0, self.dilation, self.groups) + self["bias"]

        mlx_module(model, path).__class__ = Conv1d

    return mutate


T, F, R, V, H, S = "transformer", "flow", "recurrent", "istft-vocoder", "hifigan", "streamspeech-modified"
ATTENTION = "blocks.0.attn.to_out"
PLANTS: tuple[Plant, ...] = (
    Plant("bos-missing", T, "embed", "input", {"start": False}),
    Plant("position-offset", T, "positions", "input", {"first_position": 1}),
    Plant("mask-not-applied", T, "blocks.0", "input", {"zero_pads": False}),
    Plant("factor", T, "blocks.0", "input", {"embedding_factor": 24**0.5}),
    Plant("norm-order", T, "blocks.0.attn", "input", {"pre_norm": False}),
    Plant("residual-missing", T, "blocks.0.norm2", "input", {"residual": False}),
    Plant("attention-scale", T, ATTENTION, "input", {"scale": "one"}),
    Plant("attention-scale", T, ATTENTION, "input", {"scale": "model"}),
    Plant("attention-mask", T, ATTENTION, "input", {"mask": "drop"}),
    Plant("attention-mask", T, ATTENTION, "input", {"mask": "causal"}),
    Plant("attention-mask", T, ATTENTION, "input", {"mask": "add"}),
    Plant("rope-convention", T, ATTENTION, "input", {"rope": "interleaved"}),
    Plant("rope-convention", T, "blocks.0.attn.q_norm", "input", {"rope_first": True}),
    Plant("gelu-variant", T, "blocks.0.dropout", "input", {"gelu": "tanh"}),
    Plant("activation-missing", T, "blocks.0.dropout", "input", {"gelu": "none"}),
    Plant("activation-missing", T, "blocks.0.pointwise", "input", {"conv_activation": False}),
    Plant("layer-norm-eps", T, "blocks.0.norm1", mutate=setting("blocks.0.norm1", eps=1e-6), mlx=mlx_setting(eps=1e-6)),
    Plant("layer-norm-eps", T, "blocks.0.norm1", mutate=setting("blocks.0.norm1", eps=1e-12), mlx=mlx_setting(eps=1e-12)),
    Plant("layer-norm-eps", T, "blocks.0.norm1", mutate=computing("blocks.0.norm1", outside)),
    Plant("norm-convention", T, "blocks.1.norm2", mutate=computing("blocks.1.norm2", root_mean_square)),
    Plant("dropout-active", T, "blocks.0.dropout", mutate=training("blocks.0.dropout"), mlx=mlx_training),
    Plant("batch-norm-train-mode", T, "blocks.0.batch_norm", mutate=training("blocks.0.batch_norm"), mlx=mlx_training),
    Plant("padding-mode", T, "blocks.0.depthwise", mutate=computing("blocks.0.depthwise", padded(2, 2, "reflect"))),
    Plant("padding-mode", T, "blocks.1.depthwise", mutate=computing("blocks.1.depthwise", padded(4, 0)), mlx=mlx_padded(4, 0)),
    Plant("stride-padding", T, "blocks.0.depthwise", mutate=computing("blocks.0.depthwise", padded(3, 1)), mlx=mlx_padded(3, 1)),
    Plant(
        "dilation",
        T,
        "blocks.0.depthwise",
        mutate=computing("blocks.0.depthwise", padded(4, 4, dilation=2)),
        mlx=mlx_setting(padding=4, dilation=2),
    ),
    Plant("layout-linear", T, "blocks.1.attn.to_v", mutate=as_linear("blocks.1.attn.to_v")),
    Plant("time-embedding-scale", F, "estimator.time_embedding", changes={"time_scale": 1.0}, call=1),
    Plant("time-embedding-order", F, "estimator.time_embedding", changes={"time_order": "cos-sin"}),
    Plant("number-embedding", F, "number", changes={"number_scale": 1.0}),
    Plant("number-embedding", F, "number", changes={"number_order": "cos-sin-x"}),
    Plant("number-embedding", F, "number", changes={"number_order": "cos-sin-x", "number_scale": 1.0}),
    Plant("skip-order", F, "estimator.conv1", "input", {"concat": (1, 0, 2)}),
    Plant("skip-order", F, "estimator.mix", "input", {"skip": (1, 0)}),
    Plant("upsample-mode", F, "up", "input", {"upsample": "linear"}),
    Plant("upsample-mode", F, "up", "input", {"upsample": "zeros"}),
    Plant("padding-mode", F, "estimator.conv1", "input", {"causal": False}),
    Plant("padding-mode", F, "estimator.conv1", "input", {"causal_mode": "replicate"}),
    Plant(
        "dilation",
        F,
        "estimator.conv2",
        mutate=computing("estimator.conv2", padded(1, 1)),
        mlx=mlx_setting(padding=1, dilation=1),
    ),
    Plant(
        "group-norm-convention",
        F,
        "estimator.norm1",
        mutate=computing("estimator.norm1", strided_groups),
        mlx=mlx_setting(pytorch_compatible=False),
    ),
    Plant("cfg-formula", F, "estimator", "input", {"cfg": "w"}, call=1),
    Plant("sampler-mismatch", F, "estimator", "input", {"method": "midpoint"}, call=1),
    Plant("sigma-schedule", F, "estimator", "input", {"schedule": "linear"}, call=1),
    Plant("velocity-zero", F, "estimator", "output", {"velocity": 0.0}),
    Plant("noise-differs", F, "estimator", "input", {"seed": 3}),
    Plant("transform-invented", F, "", "output", {"transform": True}),
    Plant("channels-reversed", F, "", "output", {"reversed": True}),
    Plant("activation-missing", R, "lstm", "input", {"conv_activation": False}),
    Plant("residual-missing", R, "norm", "input", {"residual": False}),
    Plant("time-reversed", R, "lstm", "input", {"backwards": True}),
    Plant("activation-missing", R, "", "output", {"final": "none"}),
    Plant("activation-extra", R, "", "output", {"final": "clamp"}),
    Plant("dropout-active", R, "dropout", mutate=training("dropout"), mlx=mlx_training),
    Plant("layer-norm-eps", R, "norm", mutate=setting("norm", eps=1e-2), mlx=mlx_setting(eps=1e-2)),
    Plant("chaotic", R, "units", "input", mutate=halved, prepare=twin_units),
    Plant("istft-normalisation", V, "istft", changes={"window_sum": "none"}),
    Plant("istft-trim", V, "istft", changes={"trim": "none"}),
    Plant("istft-window", V, "istft", changes={"window": "hamming"}),
    Plant("branch-sum-mean", V, "post", "input", {"branch_mean": False}),
    Plant("leaky-slope", V, "post", "input", {"slope": 0.01}),
    Plant("precision-drift", V, "phase", changes={"phase_dtype": "float16"}),
    Plant("precision-drift", V, "phase", changes={"phase_dtype": "bfloat16"}),
    Plant("precision-overflow", V, "energy", changes={"energy_dtype": "float16"}),
    Plant("branch-cut", V, "angle", changes={"negative_zero": True}),
    Plant("gelu-variant", V, "blocks.0.pwconv2", "input", {"gelu": "tanh"}),
    Plant("residual-missing", V, "blocks.0", changes={"residual": False}),
    Plant("padding-mode", V, "embed", mutate=computing("embed", padded(3, 3, "replicate")), mlx=mlx_padded(3, 3, "edge")),
    Plant("stride-padding", V, "embed", mutate=computing("embed", padded(4, 2)), mlx=mlx_padded(4, 2)),
    Plant("leaky-slope", H, "ups.0", "input", {"slope": 0.01}),
    Plant("leaky-slope", H, "conv_post", "input", {"final_slope": 0.1}),
    Plant("activation-missing", H, "", "output", {"final_tanh": False}),
    Plant("dilation", H, "resblocks.0.convs1.1", changes={"dilations": ((1, 2), (1, 2))}),
    Plant("stride-padding", H, "ups.0", mutate=computing("ups.0", cut(1, 3))),
    Plant("bias-missing", H, "conv_pre", mutate=setting("conv_pre", bias=None)),
    Plant("layout-conv1d", H, "resblocks.1.convs2.0", mutate=computing("resblocks.1.convs2.0", exchanged)),
    Plant("activation-extra", S, "", "output", {"final_tanh": True}),
    Plant("branch-sum-mean", S, "mrfs.0", "output", {"branches": "mean"}),
    Plant("residual-missing", S, "mrfs.0.convs.0", "output", {"residual": False}),
    Plant("leaky-slope", S, "mrfs.0.convs.0.conv2", "input", {"slope": 0.01}),
    Plant("norm-missing", S, "mrfs.0.convs.0.conv2", "input", {"norm": "none"}),
    Plant("norm-order", S, "mrfs.0.convs.0.conv2", "input", {"order": "conv-act-norm"}),
    Plant("activation-extra", S, "ups.0", "input", {"between": "leaky"}),
    Plant("dilation", S, "mrfs.0.convs.1.conv1", changes={"dilations": (1, 1)}),
)
