"""The parts of S3Gen, tensor by tensor, under torch's names."""

from __future__ import annotations

from auscult.families._plan import Planner
from auscult.families.chatterbox_s3gen.config import Flow, Speaker, Tokenizer


def plan_tokenizer(planner: Planner, config: Tokenizer) -> None:
    """`tokenizer.*`; the released file may lack its two buffers."""
    width = config.width
    planner.tensor("tokenizer._mel_filters", (config.mel_bins, 201), "buffer", optional=True)
    planner.tensor("tokenizer.window", (400,), "buffer", optional=True)
    planner.conv1d("tokenizer.encoder.conv1", config.mel_bins, width, 3)
    planner.conv1d("tokenizer.encoder.conv2", width, width, 3)
    for layer in range(config.layers):
        name = f"tokenizer.encoder.blocks.{layer}"
        for part, bias in (("query", True), ("key", False), ("value", True), ("out", True)):
            planner.linear(f"{name}.attn.{part}", width, width, bias=bias)
        planner.conv1d(
            f"{name}.attn.fsmn_block", width, width, config.memory, groups=width, bias=False
        )
        planner.norm(f"{name}.attn_ln", width)
        planner.linear(f"{name}.mlp.0", width, config.hidden)
        planner.linear(f"{name}.mlp.2", config.hidden, width)
        planner.norm(f"{name}.mlp_ln", width)
    planner.linear("tokenizer.quantizer._codebook.project_down", width, config.levels)


def plan_speaker(planner: Planner, config: Speaker) -> None:
    """`speaker_encoder.*`."""
    head = "speaker_encoder.head"
    planner.conv2d(f"{head}.conv1", 1, config.head, (3, 3), bias=False)
    planner.batch_norm(f"{head}.bn1", config.head)
    for layer in (1, 2):
        for block in (0, 1):
            _plan_residual(
                planner, f"{head}.layer{layer}.{block}", config.head, shortcut=block == 0
            )
    planner.conv2d(f"{head}.conv2", config.head, config.head, (3, 3), bias=False)
    planner.batch_norm(f"{head}.bn2", config.head)
    xvector = "speaker_encoder.xvector"
    # three strides of 2 along frequency leave an eighth of the bins, each with the head's channels
    planner.conv1d(
        f"{xvector}.tdnn.linear", config.head * config.mel_bins // 8, config.initial, 5, bias=False
    )
    planner.batch_norm(f"{xvector}.tdnn.nonlinear.batchnorm", config.initial)
    width = config.initial
    for block, layers in enumerate(config.blocks, 1):
        for layer in range(1, layers + 1):
            _plan_dense(planner, f"{xvector}.block{block}.tdnnd{layer}", width, config)
            width += config.growth
        planner.batch_norm(f"{xvector}.transit{block}.nonlinear.batchnorm", width)
        planner.conv1d(f"{xvector}.transit{block}.linear", width, width // 2, 1, bias=False)
        width //= 2
    planner.batch_norm(f"{xvector}.out_nonlinear.batchnorm", width)
    planner.conv1d(f"{xvector}.dense.linear", 2 * width, config.embedding, 1, bias=False)
    planner.batch_norm(f"{xvector}.dense.nonlinear.batchnorm", config.embedding, affine=False)


def _plan_residual(planner: Planner, name: str, width: int, *, shortcut: bool) -> None:
    for i in (1, 2):
        planner.conv2d(f"{name}.conv{i}", width, width, (3, 3), bias=False)
        planner.batch_norm(f"{name}.bn{i}", width)
    if shortcut:
        planner.conv2d(f"{name}.shortcut.0", width, width, (1, 1), bias=False)
        planner.batch_norm(f"{name}.shortcut.1", width)


def _plan_dense(planner: Planner, name: str, width: int, config: Speaker) -> None:
    planner.batch_norm(f"{name}.nonlinear1.batchnorm", width)
    planner.conv1d(f"{name}.linear1", width, config.bottleneck, 1, bias=False)
    planner.batch_norm(f"{name}.nonlinear2.batchnorm", config.bottleneck)
    planner.conv1d(
        f"{name}.cam_layer.linear_local", config.bottleneck, config.growth, 3, bias=False
    )
    planner.conv1d(f"{name}.cam_layer.linear1", config.bottleneck, config.bottleneck // 2, 1)
    planner.conv1d(f"{name}.cam_layer.linear2", config.bottleneck // 2, config.growth, 1)


def plan_flow(planner: Planner, config: Flow, *, embedding: int) -> None:
    """`flow.*`; `embedding` is the speaker vector's size."""
    width = config.width
    planner.embedding("flow.input_embedding", config.tokens, width)
    planner.linear("flow.spk_embed_affine_layer", embedding, config.mel_bins)
    encoder = "flow.encoder"
    for embed in ("embed", "up_embed"):
        planner.linear(f"{encoder}.{embed}.out.0", width, width)
        planner.norm(f"{encoder}.{embed}.out.1", width)
    planner.norm(f"{encoder}.after_norm", width)
    planner.conv1d(f"{encoder}.pre_lookahead_layer.conv1", width, width, 4)
    planner.conv1d(f"{encoder}.pre_lookahead_layer.conv2", width, width, 3)
    planner.conv1d(f"{encoder}.up_layer.conv", width, width, 5)
    for part, layers in zip(("encoders", "up_encoders"), config.layers, strict=True):
        for layer in range(layers):
            _plan_conformer(planner, f"{encoder}.{part}.{layer}", config)
    planner.linear("flow.encoder_proj", width, config.mel_bins)
    _plan_estimator(planner, "flow.decoder.estimator", config)


def _plan_conformer(planner: Planner, name: str, config: Flow) -> None:
    width = config.width
    for bias in ("pos_bias_u", "pos_bias_v"):
        planner.tensor(f"{name}.self_attn.{bias}", (config.heads, width // max(config.heads, 1)))
    for part in ("linear_q", "linear_k", "linear_v", "linear_out"):
        planner.linear(f"{name}.self_attn.{part}", width, width)
    planner.linear(f"{name}.self_attn.linear_pos", width, width, bias=False)
    planner.linear(f"{name}.feed_forward.w_1", width, config.hidden)
    planner.linear(f"{name}.feed_forward.w_2", config.hidden, width)
    planner.norm(f"{name}.norm_ff", width)
    planner.norm(f"{name}.norm_mha", width)


def _plan_estimator(planner: Planner, name: str, config: Flow) -> None:
    channels, inputs = config.channels, config.inputs
    planner.linear(f"{name}.time_mlp.linear_1", inputs, config.time)
    planner.linear(f"{name}.time_mlp.linear_2", config.time, config.time)
    if config.meanflow:
        planner.linear(f"{name}.time_embed_mixer", 2 * config.time, config.time, bias=False)
    stages = [("down_blocks.0", inputs)]
    stages += [(f"mid_blocks.{block}", channels) for block in range(config.mid_blocks)]
    stages += [("up_blocks.0", 2 * channels)]
    for stage, source in stages:
        _plan_resnet(planner, f"{name}.{stage}.0", source, config)
        for layer in range(config.transformers):
            _plan_transformer(planner, f"{name}.{stage}.1.{layer}", config)
        if not stage.startswith("mid"):
            planner.conv1d(f"{name}.{stage}.2", channels, channels, 3)
    planner.conv1d(f"{name}.final_block.block.0", channels, channels, 3)
    planner.norm(f"{name}.final_block.block.2", channels)
    planner.conv1d(f"{name}.final_proj", channels, config.mel_bins, 1)


def _plan_resnet(planner: Planner, name: str, source: int, config: Flow) -> None:
    channels = config.channels
    planner.linear(f"{name}.mlp.1", config.time, channels)
    for block, width in (("block1", source), ("block2", channels)):
        planner.conv1d(f"{name}.{block}.block.0", width, channels, 3)
        planner.norm(f"{name}.{block}.block.2", channels)
    planner.conv1d(f"{name}.res_conv", source, channels, 1)


def _plan_transformer(planner: Planner, name: str, config: Flow) -> None:
    channels = config.channels
    planner.norm(f"{name}.norm1", channels)
    for part in ("to_q", "to_k", "to_v"):
        planner.linear(f"{name}.attn1.{part}", channels, config.attention, bias=False)
    planner.linear(f"{name}.attn1.to_out.0", config.attention, channels)
    planner.norm(f"{name}.norm3", channels)
    planner.linear(f"{name}.ff.net.0.proj", channels, config.feed_forward)
    planner.linear(f"{name}.ff.net.2", config.feed_forward, channels)
