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
    change_mlx_class,
    pad_mlx_conv,
    reorder_mlx_rows,
    set_mlx_attributes,
    set_mlx_training,
)
from corpus.computation.torch_mutations import (
    Mutation,
    add_eps_outside_root,
    apply_onnx_gate_order,
    cut_transposed_conv,
    drop_hidden_bias,
    drop_last_blocks,
    exchange_gates,
    exchange_weight_axes,
    halve_precision,
    make_twin_units,
    normalize_by_rms,
    normalize_strided_groups,
    pad_conv,
    replace_forward,
    reset_before_hidden,
    set_attributes,
    set_training,
    transpose_linear,
)


@dataclass(frozen=True)
class PlantedMistake:
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
        description = "-".join(f"{key}={value}" for key, value in self.changes.items())
        return f"{self.cause}/{self.network}/{description or self.path}"


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
PLANTS: tuple[PlantedMistake, ...] = (
    PlantedMistake("bos-missing", T, "embed", "input", {"start": False}),
    PlantedMistake("position-offset", T, "positions", "input", {"first_position": 1}),
    PlantedMistake("mask-not-applied", T, "blocks.0", "input", {"zero_pads": False}),
    PlantedMistake("factor", T, "blocks.0", "input", {"embedding_factor": 24**0.5}),
    PlantedMistake("norm-order", T, "blocks.0.attn", "input", {"pre_norm": False}),
    PlantedMistake("residual-missing", T, "blocks.0.norm2", "input", {"residual": False}),
    PlantedMistake("attention-scale", T, ATTENTION, "input", {"scale": "one"}),
    PlantedMistake("attention-scale", T, ATTENTION, "input", {"scale": "model"}),
    PlantedMistake("attention-mask", T, ATTENTION, "input", {"mask": "drop"}),
    PlantedMistake("attention-mask", T, ATTENTION, "input", {"mask": "causal"}),
    PlantedMistake("attention-mask", T, ATTENTION, "input", {"mask": "add"}),
    PlantedMistake("rope-convention", T, ATTENTION, "input", {"rope": "interleaved"}),
    PlantedMistake("rope-convention", T, "blocks.0.attn.q_norm", "input", {"rope_first": True}),
    PlantedMistake("gelu-variant", T, "blocks.0.dropout", "input", {"gelu": "tanh"}),
    PlantedMistake("activation-missing", T, "blocks.0.dropout", "input", {"gelu": "none"}),
    PlantedMistake(
        "activation-missing", T, "blocks.0.pointwise", "input", {"conv_activation": False}
    ),
    PlantedMistake(
        "layer-norm-eps",
        T,
        "blocks.0.norm1",
        mutate=set_attributes("blocks.0.norm1", eps=1e-6),
        mlx=set_mlx_attributes(eps=1e-6),
    ),
    PlantedMistake(
        "layer-norm-eps",
        T,
        "blocks.0.norm1",
        mutate=set_attributes("blocks.0.norm1", eps=1e-12),
        mlx=set_mlx_attributes(eps=1e-12),
    ),
    PlantedMistake(
        "layer-norm-eps",
        T,
        "blocks.0.norm1",
        mutate=replace_forward("blocks.0.norm1", add_eps_outside_root),
    ),
    PlantedMistake(
        "norm-convention",
        T,
        "blocks.1.norm2",
        mutate=replace_forward("blocks.1.norm2", normalize_by_rms),
    ),
    PlantedMistake(
        "dropout-active",
        T,
        "blocks.0.dropout",
        mutate=set_training("blocks.0.dropout"),
        mlx=set_mlx_training,
    ),
    PlantedMistake(
        "batch-norm-train-mode",
        T,
        "blocks.0.batch_norm",
        mutate=set_training("blocks.0.batch_norm"),
        mlx=set_mlx_training,
    ),
    PlantedMistake(
        "padding-mode",
        T,
        "blocks.0.depthwise",
        mutate=replace_forward("blocks.0.depthwise", pad_conv(2, 2, "reflect")),
    ),
    PlantedMistake(
        "padding-mode",
        T,
        "blocks.1.depthwise",
        mutate=replace_forward("blocks.1.depthwise", pad_conv(4, 0)),
        mlx=pad_mlx_conv(4, 0),
    ),
    PlantedMistake(
        "stride-padding",
        T,
        "blocks.0.depthwise",
        mutate=replace_forward("blocks.0.depthwise", pad_conv(3, 1)),
        mlx=pad_mlx_conv(3, 1),
    ),
    PlantedMistake(
        "dilation",
        T,
        "blocks.0.depthwise",
        mutate=replace_forward("blocks.0.depthwise", pad_conv(4, 4, dilation=2)),
        mlx=set_mlx_attributes(padding=4, dilation=2),
    ),
    PlantedMistake(
        "layout-linear", T, "blocks.1.attn.to_v", mutate=transpose_linear("blocks.1.attn.to_v")
    ),
    PlantedMistake("relative-shift", C, RELATIVE, "input", {"shift": "unshifted"}),
    PlantedMistake("relative-shift", C, RELATIVE, "input", {"shift": "one late"}),
    PlantedMistake("relative-bias", C, RELATIVE, "input", {"biases": "v, u"}),
    PlantedMistake("relative-bias", C, RELATIVE, "input", {"biases": "none"}),
    PlantedMistake("attention-scale", C, RELATIVE, "input", {"scale": "one"}),
    PlantedMistake(
        "time-embedding-scale", F, "estimator.time_embedding", changes={"time_scale": 1.0}, call=1
    ),
    PlantedMistake(
        "time-embedding-order", F, "estimator.time_embedding", changes={"time_order": "cos-sin"}
    ),
    PlantedMistake("number-embedding", F, "number", changes={"number_scale": 1.0}),
    PlantedMistake("number-embedding", F, "number", changes={"number_order": "cos-sin-x"}),
    PlantedMistake(
        "number-embedding", F, "number", changes={"number_order": "cos-sin-x", "number_scale": 1.0}
    ),
    PlantedMistake("skip-order", F, "estimator.conv1", "input", {"concat": (1, 0, 2)}),
    PlantedMistake("skip-order", F, "estimator.mix", "input", {"skip": (1, 0)}),
    PlantedMistake("branch-missing", F, "estimator.conv1", "input", {"blank": 1}),
    PlantedMistake("upsample-mode", F, "up", "input", {"upsample": "linear"}),
    PlantedMistake("upsample-mode", F, "up", "input", {"upsample": "zeros"}),
    PlantedMistake("padding-mode", F, "estimator.conv1", "input", {"causal": False}),
    PlantedMistake("padding-mode", F, "estimator.conv1", "input", {"causal_mode": "replicate"}),
    PlantedMistake(
        "dilation",
        F,
        "estimator.conv2",
        mutate=replace_forward("estimator.conv2", pad_conv(1, 1)),
        mlx=set_mlx_attributes(padding=1, dilation=1),
    ),
    PlantedMistake(
        "group-norm-convention",
        F,
        "estimator.norm1",
        mutate=replace_forward("estimator.norm1", normalize_strided_groups),
        mlx=set_mlx_attributes(pytorch_compatible=False),
    ),
    PlantedMistake("cfg-formula", F, "estimator", "input", {"cfg": "w"}, call=1),
    PlantedMistake("sampler-mismatch", F, "estimator", "input", {"method": "midpoint"}, call=1),
    PlantedMistake("sigma-schedule", F, "estimator", "input", {"schedule": "linear"}, call=1),
    PlantedMistake("velocity-zero", F, "estimator", "output", {"velocity": 0.0}),
    PlantedMistake("noise-differs", F, "estimator", "input", {"seed": 3}),
    PlantedMistake("transform-invented", F, "", "output", {"transform": True}),
    PlantedMistake("channels-reversed", F, "", "output", {"reversed": True}),
    PlantedMistake("activation-missing", R, "lstm", "input", {"conv_activation": False}),
    PlantedMistake("residual-missing", R, "norm", "input", {"residual": False}),
    PlantedMistake("time-reversed", R, "lstm", "input", {"backwards": True}),
    PlantedMistake(
        "gru-reset",
        R,
        "gru",
        mutate=replace_forward("gru", reset_before_hidden),
        mlx=change_mlx_class(HiddenFirst),
    ),
    PlantedMistake("gate-order", R, "gru", mutate=replace_forward("gru", exchange_gates)),
    PlantedMistake(
        "gate-order",
        R,
        "lstm",
        mutate=replace_forward("lstm", apply_onnx_gate_order),
        mlx=reorder_mlx_rows((0, 2, 3, 1)),
    ),
    PlantedMistake("bias-missing", R, "gru", mutate=replace_forward("gru", drop_hidden_bias)),
    PlantedMistake("activation-missing", R, "", "output", {"final": "none"}),
    PlantedMistake("activation-extra", R, "", "output", {"final": "clamp"}),
    PlantedMistake(
        "dropout-active", R, "dropout", mutate=set_training("dropout"), mlx=set_mlx_training
    ),
    PlantedMistake(
        "layer-norm-eps",
        R,
        "norm",
        mutate=set_attributes("norm", eps=1e-2),
        mlx=set_mlx_attributes(eps=1e-2),
    ),
    PlantedMistake("chaotic", R, "units", "input", mutate=halve_precision, prepare=make_twin_units),
    PlantedMistake("istft-normalisation", V, "istft", changes={"window_sum": "none"}),
    PlantedMistake("istft-trim", V, "istft", changes={"trim": "none"}),
    PlantedMistake("istft-window", V, "istft", changes={"window": "hamming"}),
    PlantedMistake("branch-sum-mean", V, "post", "input", {"branch_mean": False}),
    PlantedMistake("branch-missing", V, "post", "input", {"branches": (0, 2)}),
    PlantedMistake("leaky-slope", V, "post", "input", {"slope": 0.01}),
    PlantedMistake("precision-drift", V, "phase", changes={"phase_dtype": "float16"}),
    PlantedMistake("precision-drift", V, "phase", changes={"phase_dtype": "bfloat16"}),
    PlantedMistake("precision-overflow", V, "energy", changes={"energy_dtype": "float16"}),
    PlantedMistake("branch-cut", V, "angle", changes={"negative_zero": True}),
    PlantedMistake("gelu-variant", V, "blocks.0.pwconv2", "input", {"gelu": "tanh"}),
    PlantedMistake("residual-missing", V, "blocks.0", changes={"residual": False}),
    PlantedMistake(
        "padding-mode",
        V,
        "embed",
        mutate=replace_forward("embed", pad_conv(3, 3, "replicate")),
        mlx=pad_mlx_conv(3, 3, "edge"),
    ),
    PlantedMistake(
        "stride-padding",
        V,
        "embed",
        mutate=replace_forward("embed", pad_conv(4, 2)),
        mlx=pad_mlx_conv(4, 2),
    ),
    PlantedMistake("leaky-slope", H, "ups.0", "input", {"slope": 0.01}),
    PlantedMistake("leaky-slope", H, "conv_post", "input", {"final_slope": 0.1}),
    PlantedMistake("activation-missing", H, "", "output", {"final_tanh": False}),
    PlantedMistake("dilation", H, "resblocks.0.convs1.1", changes={"dilations": ((1, 2), (1, 2))}),
    PlantedMistake(
        "stride-padding", H, "ups.0", mutate=replace_forward("ups.0", cut_transposed_conv(1, 3))
    ),
    PlantedMistake(
        "branch-missing", H, "ups.1", "input", mutate=replace_forward("", drop_last_blocks)
    ),
    PlantedMistake("bias-missing", H, "conv_pre", mutate=set_attributes("conv_pre", bias=None)),
    PlantedMistake(
        "layout-conv1d",
        H,
        "resblocks.1.convs2.0",
        mutate=replace_forward("resblocks.1.convs2.0", exchange_weight_axes),
    ),
    PlantedMistake("activation-extra", S, "", "output", {"final_tanh": True}),
    PlantedMistake("branch-sum-mean", S, "mrfs.0", "output", {"branches": "mean"}),
    PlantedMistake("residual-missing", S, "mrfs.0.convs.0", "output", {"residual": False}),
    PlantedMistake("leaky-slope", S, "mrfs.0.convs.0.conv2", "input", {"slope": 0.01}),
    PlantedMistake("norm-missing", S, "mrfs.0.convs.0.conv2", "input", {"norm": "none"}),
    PlantedMistake("norm-order", S, "mrfs.0.convs.0.conv2", "input", {"order": "conv-act-norm"}),
    PlantedMistake("activation-extra", S, "ups.0", "input", {"between": "leaky"}),
    PlantedMistake("dilation", S, "mrfs.0.convs.1.conv1", changes={"dilations": (1, 1)}),
)
