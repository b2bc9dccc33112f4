"""Names and shapes of Chatterbox's S3Gen, in torch's naming and in mlx-audio's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal

from auscult.families._plan import ANY_SHAPE, Plan, Planner, extract_shapes
from auscult.families._score import SignatureFact
from auscult.families._shapes import Shapes
from auscult.families.chatterbox_s3gen.config import Config, Flow, Speaker, Tokenizer
from auscult.families.chatterbox_s3gen.naming import MLX_BUFFERS, to_mlx
from auscult.families.chatterbox_s3gen.parts import plan_flow, plan_speaker, plan_tokenizer
from auscult.families.hift import signature as hift
from auscult.weights import Shape

ESTIMATOR = "flow.decoder.estimator"
EVIDENCE = (
    SignatureFact("no `flow.decoder.estimator`", any_of=(f"{ESTIMATOR}.",)),
    SignatureFact("no `flow.encoder`", any_of=("flow.encoder.",)),
)


def infer(shapes: Shapes) -> Config | None:
    """See `auscult.families.signature`."""
    if not shapes.has("flow."):
        return None
    mlx = shapes.has(
        f"{ESTIMATOR}.mid_blocks_", f"{ESTIMATOR}.down_blocks_", "flow.encoder.encoders_"
    )
    naming: Literal["torch", "mlx-audio"] = "mlx-audio" if mlx else "torch"
    return Config(
        naming=naming,
        flow=_infer_flow(shapes, naming),
        mel2wav=hift.infer(shapes, "mel2wav."),
        speaker=_infer_speaker(shapes, naming) if shapes.has("speaker_encoder.") else None,
        tokenizer=_infer_tokenizer(shapes) if shapes.has("tokenizer.") else None,
    )


def _infer_flow(shapes: Shapes, naming: str) -> Flow:
    def name(torch_name: str) -> str:
        return to_mlx(torch_name) if naming == "mlx-audio" else torch_name

    usual = Flow()
    mid = [f"{ESTIMATOR}.mid_blocks.{block}" for block in range(usual.mid_blocks)]
    layers = [f"flow.encoder.encoders.{layer}" for layer in range(usual.layers[0])]
    first = f"{ESTIMATOR}.down_blocks.0.0.block1.block.0.weight"
    return Flow(
        tokens=shapes.size(("flow.input_embedding.weight", 0), default=usual.tokens),
        width=shapes.size(
            ("flow.input_embedding.weight", 1), ("flow.encoder_proj.weight", 1), default=usual.width
        ),
        mel_bins=shapes.size(
            ("flow.encoder_proj.weight", 0), ("flow.encoder_proj.bias", 0), default=usual.mel_bins
        ),
        heads=shapes.size(
            *((name(f"{layer}.self_attn.pos_bias_u"), 0) for layer in layers), default=usual.heads
        ),
        hidden=shapes.size(
            *((name(f"{layer}.feed_forward.w_1.weight"), 0) for layer in layers),
            default=usual.hidden,
        ),
        layers=(
            _count(shapes, name("flow.encoder.encoders.0.")),
            _count(shapes, name("flow.encoder.up_encoders.0.")),
        ),
        channels=shapes.size(
            (f"{ESTIMATOR}.final_proj.weight", 1), (name(first), 0), default=usual.channels
        ),
        inputs=shapes.size(
            (name(first), 1), (f"{ESTIMATOR}.time_mlp.linear_1.weight", 1), default=usual.inputs
        ),
        time=shapes.size(
            (f"{ESTIMATOR}.time_mlp.linear_1.weight", 0),
            (f"{ESTIMATOR}.time_mlp.linear_1.bias", 0),
            default=usual.time,
        ),
        mid_blocks=_count(
            shapes, f"{ESTIMATOR}.mid_blocks{'_' if naming == 'mlx-audio' else '.'}0."
        ),
        transformers=max(_count(shapes, name(f"{block}.1.0.")) for block in mid),
        attention=shapes.size(
            *((name(f"{block}.1.0.attn1.to_q.weight"), 0) for block in mid), default=usual.attention
        ),
        feed_forward=shapes.size(
            *((name(f"{block}.1.0.ff.net.0.proj.weight"), 0) for block in mid),
            default=usual.feed_forward,
        ),
        meanflow=f"{ESTIMATOR}.time_embed_mixer.weight" in shapes,
    )


def _count(shapes: Shapes, first: str) -> int:
    """How many follow `first`, a name part that ends in 0 and a dot, with the number counted up."""
    stem = first[:-2]
    count = 0
    while shapes.has(f"{stem}{count}.") or shapes.has(f"{stem}{count + 1}."):
        count += 1
    return count


def _infer_speaker(shapes: Shapes, naming: str) -> Speaker:
    def weight(torch_name: str) -> str:
        name = f"{stem}.{torch_name}.weight"
        return to_mlx(name) if naming == "mlx-audio" else name

    usual, stem = Speaker(), "speaker_encoder.xvector"
    if naming == "mlx-audio":
        blocks = tuple(
            shapes.count(f"speaker_encoder.blocks.{block}.layers.") for block in range(3)
        )
    else:
        blocks = tuple(_dense(shapes, block) for block in (1, 2, 3))
    head = shapes.size(
        ("speaker_encoder.head.conv1.weight", 0),
        ("speaker_encoder.head.conv2.weight", 0),
        default=usual.head,
    )
    picture = shapes.size((weight("tdnn.linear"), 1), default=usual.mel_bins // 8 * head)
    first, second = "block1.tdnnd1", "block2.tdnnd1"
    local = [(weight(f"{layer}.cam_layer.linear_local"), 0) for layer in (first, second)]
    return Speaker(
        head=head,
        mel_bins=8 * picture // max(head, 1),
        initial=shapes.size((weight("tdnn.linear"), 0), default=usual.initial),
        growth=shapes.size(*local, default=usual.growth),
        bottleneck=shapes.size(
            *((weight(f"{layer}.linear1"), 0) for layer in (first, second)),
            default=usual.bottleneck,
        ),
        blocks=blocks,
        embedding=shapes.size((weight("dense.linear"), 0), default=usual.embedding),
    )


def _dense(shapes: Shapes, block: int) -> int:
    stem = f"speaker_encoder.xvector.block{block}.tdnnd"
    layer = 0
    while shapes.has(f"{stem}{layer + 1}.") or shapes.has(f"{stem}{layer + 2}."):
        layer += 1
    return layer


def _infer_tokenizer(shapes: Shapes) -> Tokenizer:
    usual = Tokenizer()
    stem = "tokenizer.encoder"
    return Tokenizer(
        width=shapes.size(
            (f"{stem}.conv1.weight", 0), (f"{stem}.conv1.bias", 0), default=usual.width
        ),
        layers=shapes.count(f"{stem}.blocks."),
        mel_bins=shapes.size((f"{stem}.conv1.weight", 1), default=usual.mel_bins),
        hidden=shapes.size(
            (f"{stem}.blocks.0.mlp.0.weight", 0),
            (f"{stem}.blocks.0.mlp.0.bias", 0),
            default=usual.hidden,
        ),
        memory=shapes.size((f"{stem}.blocks.0.attn.fsmn_block.weight", 2), default=usual.memory),
        levels=shapes.size(
            ("tokenizer.quantizer._codebook.project_down.weight", 0), default=usual.levels
        ),
    )


@lru_cache(maxsize=8)
def plan(config: Config) -> Plan:
    """See `auscult.families.signature`."""
    planner = Planner()
    if config.tokenizer:
        plan_tokenizer(planner, config.tokenizer)
    if config.speaker:
        plan_speaker(planner, config.speaker)
    plan_flow(
        planner,
        config.flow,
        embedding=config.speaker.embedding if config.speaker else Speaker().embedding,
    )
    if config.mel2wav:
        # torch's numbering of `condnet`, from which the port's follows
        vocoder = hift.plan(replace(config.mel2wav, f0_step=2))
        planner.include(
            "mel2wav.",
            {name: planned for name, planned in vocoder.items() if name != "stft_window"},
        )
    if config.naming == "torch":
        return planner.plan
    mlx = {
        to_mlx(name): planned for name, planned in planner.plan.items() if planned.kind != "counter"
    }
    renamed = Planner()
    renamed.include("", mlx)
    for name in MLX_BUFFERS:
        renamed.tensor(name, ANY_SHAPE, "buffer", optional=True)
    return renamed.plan


def expected(config: Config) -> dict[str, Shape]:
    """See `auscult.families.signature`."""
    return extract_shapes(plan(config))


def transposed(name: str) -> bool:
    """See `auscult.families.signature`. Three of the 347 three-dimensional weights outside the tokenizer."""
    return name.startswith("mel2wav.ups.")


def undetermined(config: Config) -> Mapping[str, tuple[Any, ...]]:
    """The solver's guidance and schedule, the norms' epsilons, the time embedding's scale, and HiFT's own."""
    own = {
        "flow.guidance": (0.7, 0.0),
        "flow.time_scale": (1000.0, 1.0),
        "flow.layer_eps": (1e-12, 1e-5),
    }
    return own | {
        f"mel2wav.{name}": values
        for name, values in (hift.undetermined(config.mel2wav) if config.mel2wav else {}).items()
    }


def variant(config: Config) -> str | None:
    """Chatterbox's, or Turbo's."""
    if config.flow == Flow():
        return "chatterbox"
    return "chatterbox Turbo" if config.flow == Flow(meanflow=True) else None
