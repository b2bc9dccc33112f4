"""Every mistake of computation, planted: in which network, by which change, and at which place it must be found.

The place is the first in the order of execution: the module's output where the module itself is wrong, what reaches a module
where the code between modules is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from corpus.computation.mlx_mutations import (
    HiddenFirst,
    mlx_class,
    mlx_padded,
    mlx_reordered,
    mlx_setting,
    mlx_training,
)
from corpus.computation.torch_mutations import (
    Mutation,
    as_linear,
    computing,
    cut,
    exchanged,
    fewer_blocks,
    gates_exchanged,
    half_biased,
    halved,
    hidden_first,
    onnx_gates,
    outside,
    padded,
    root_mean_square,
    setting,
    strided_groups,
    training,
    twin_units,
)


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


T, C, F, R, V, H, S = (
    "transformer",
    "conformer",
    "flow",
    "recurrent",
    "istft-vocoder",
    "hifigan",
    "streamspeech-modified",
)
ATTENTION, RELATIVE = "blocks.0.attn.to_out", "blocks.0.attn.linear_out"
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
    Plant(
        "layer-norm-eps",
        T,
        "blocks.0.norm1",
        mutate=setting("blocks.0.norm1", eps=1e-6),
        mlx=mlx_setting(eps=1e-6),
    ),
    Plant(
        "layer-norm-eps",
        T,
        "blocks.0.norm1",
        mutate=setting("blocks.0.norm1", eps=1e-12),
        mlx=mlx_setting(eps=1e-12),
    ),
    Plant("layer-norm-eps", T, "blocks.0.norm1", mutate=computing("blocks.0.norm1", outside)),
    Plant(
        "norm-convention", T, "blocks.1.norm2", mutate=computing("blocks.1.norm2", root_mean_square)
    ),
    Plant(
        "dropout-active",
        T,
        "blocks.0.dropout",
        mutate=training("blocks.0.dropout"),
        mlx=mlx_training,
    ),
    Plant(
        "batch-norm-train-mode",
        T,
        "blocks.0.batch_norm",
        mutate=training("blocks.0.batch_norm"),
        mlx=mlx_training,
    ),
    Plant(
        "padding-mode",
        T,
        "blocks.0.depthwise",
        mutate=computing("blocks.0.depthwise", padded(2, 2, "reflect")),
    ),
    Plant(
        "padding-mode",
        T,
        "blocks.1.depthwise",
        mutate=computing("blocks.1.depthwise", padded(4, 0)),
        mlx=mlx_padded(4, 0),
    ),
    Plant(
        "stride-padding",
        T,
        "blocks.0.depthwise",
        mutate=computing("blocks.0.depthwise", padded(3, 1)),
        mlx=mlx_padded(3, 1),
    ),
    Plant(
        "dilation",
        T,
        "blocks.0.depthwise",
        mutate=computing("blocks.0.depthwise", padded(4, 4, dilation=2)),
        mlx=mlx_setting(padding=4, dilation=2),
    ),
    Plant("layout-linear", T, "blocks.1.attn.to_v", mutate=as_linear("blocks.1.attn.to_v")),
    Plant("relative-shift", C, RELATIVE, "input", {"shift": "unshifted"}),
    Plant("relative-shift", C, RELATIVE, "input", {"shift": "one late"}),
    Plant("relative-bias", C, RELATIVE, "input", {"biases": "v, u"}),
    Plant("relative-bias", C, RELATIVE, "input", {"biases": "none"}),
    Plant("attention-scale", C, RELATIVE, "input", {"scale": "one"}),
    Plant(
        "time-embedding-scale", F, "estimator.time_embedding", changes={"time_scale": 1.0}, call=1
    ),
    Plant("time-embedding-order", F, "estimator.time_embedding", changes={"time_order": "cos-sin"}),
    Plant("number-embedding", F, "number", changes={"number_scale": 1.0}),
    Plant("number-embedding", F, "number", changes={"number_order": "cos-sin-x"}),
    Plant(
        "number-embedding", F, "number", changes={"number_order": "cos-sin-x", "number_scale": 1.0}
    ),
    Plant("skip-order", F, "estimator.conv1", "input", {"concat": (1, 0, 2)}),
    Plant("skip-order", F, "estimator.mix", "input", {"skip": (1, 0)}),
    Plant("branch-missing", F, "estimator.conv1", "input", {"blank": 1}),
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
    Plant("gru-reset", R, "gru", mutate=computing("gru", hidden_first), mlx=mlx_class(HiddenFirst)),
    Plant("gate-order", R, "gru", mutate=computing("gru", gates_exchanged)),
    Plant(
        "gate-order",
        R,
        "lstm",
        mutate=computing("lstm", onnx_gates),
        mlx=mlx_reordered((0, 2, 3, 1)),
    ),
    Plant("bias-missing", R, "gru", mutate=computing("gru", half_biased)),
    Plant("activation-missing", R, "", "output", {"final": "none"}),
    Plant("activation-extra", R, "", "output", {"final": "clamp"}),
    Plant("dropout-active", R, "dropout", mutate=training("dropout"), mlx=mlx_training),
    Plant("layer-norm-eps", R, "norm", mutate=setting("norm", eps=1e-2), mlx=mlx_setting(eps=1e-2)),
    Plant("chaotic", R, "units", "input", mutate=halved, prepare=twin_units),
    Plant("istft-normalisation", V, "istft", changes={"window_sum": "none"}),
    Plant("istft-trim", V, "istft", changes={"trim": "none"}),
    Plant("istft-window", V, "istft", changes={"window": "hamming"}),
    Plant("branch-sum-mean", V, "post", "input", {"branch_mean": False}),
    Plant("branch-missing", V, "post", "input", {"branches": (0, 2)}),
    Plant("leaky-slope", V, "post", "input", {"slope": 0.01}),
    Plant("precision-drift", V, "phase", changes={"phase_dtype": "float16"}),
    Plant("precision-drift", V, "phase", changes={"phase_dtype": "bfloat16"}),
    Plant("precision-overflow", V, "energy", changes={"energy_dtype": "float16"}),
    Plant("branch-cut", V, "angle", changes={"negative_zero": True}),
    Plant("gelu-variant", V, "blocks.0.pwconv2", "input", {"gelu": "tanh"}),
    Plant("residual-missing", V, "blocks.0", changes={"residual": False}),
    Plant(
        "padding-mode",
        V,
        "embed",
        mutate=computing("embed", padded(3, 3, "replicate")),
        mlx=mlx_padded(3, 3, "edge"),
    ),
    Plant(
        "stride-padding", V, "embed", mutate=computing("embed", padded(4, 2)), mlx=mlx_padded(4, 2)
    ),
    Plant("leaky-slope", H, "ups.0", "input", {"slope": 0.01}),
    Plant("leaky-slope", H, "conv_post", "input", {"final_slope": 0.1}),
    Plant("activation-missing", H, "", "output", {"final_tanh": False}),
    Plant("dilation", H, "resblocks.0.convs1.1", changes={"dilations": ((1, 2), (1, 2))}),
    Plant("stride-padding", H, "ups.0", mutate=computing("ups.0", cut(1, 3))),
    Plant("branch-missing", H, "ups.1", "input", mutate=computing("", fewer_blocks)),
    Plant("bias-missing", H, "conv_pre", mutate=setting("conv_pre", bias=None)),
    Plant(
        "layout-conv1d",
        H,
        "resblocks.1.convs2.0",
        mutate=computing("resblocks.1.convs2.0", exchanged),
    ),
    Plant("activation-extra", S, "", "output", {"final_tanh": True}),
    Plant("branch-sum-mean", S, "mrfs.0", "output", {"branches": "mean"}),
    Plant("residual-missing", S, "mrfs.0.convs.0", "output", {"residual": False}),
    Plant("leaky-slope", S, "mrfs.0.convs.0.conv2", "input", {"slope": 0.01}),
    Plant("norm-missing", S, "mrfs.0.convs.0.conv2", "input", {"norm": "none"}),
    Plant("norm-order", S, "mrfs.0.convs.0.conv2", "input", {"order": "conv-act-norm"}),
    Plant("activation-extra", S, "ups.0", "input", {"between": "leaky"}),
    Plant("dilation", S, "mrfs.0.convs.1.conv1", changes={"dilations": (1, 1)}),
)
