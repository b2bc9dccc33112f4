"""Speech recognisers: transformers and the original packages against MLX ports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.real_ports.pair import Fault, Pair, Sides
from benchmarks.real_ports.weights import (
    draw_ids,
    draw_normal,
    load_mlx,
    number_inputs,
    randomise,
    read_state,
    rename,
)

CONVOLUTIONS = {
    "conv_dim": (8, 8, 8),
    "conv_stride": (5, 2, 2),
    "conv_kernel": (10, 3, 3),
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}


def wav2vec2(norm: str) -> Any:
    def make(_folder: Path) -> Sides:
        from mlx_audio.stt.models.wav2vec.wav2vec import ModelConfig
        from mlx_audio.stt.models.wav2vec.wav2vec import Wav2Vec2Model as Port
        from transformers import Wav2Vec2Config, Wav2Vec2Model

        config = Wav2Vec2Config(
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            feat_extract_norm=norm,
            do_stable_layer_norm=norm == "layer",
            conv_bias=norm == "layer",
            **CONVOLUTIONS,
        )
        model = randomise(Wav2Vec2Model(config))
        port = Port(ModelConfig.from_dict(config.to_dict()))
        state = rename(
            read_state(model, layout="mlx"),
            {
                "parametrizations.weight.original0": "weight_g",
                "parametrizations.weight.original1": "weight_v",
            },
        )
        load_mlx(port, state, ignore=("masked_spec_embed",))
        return Sides(model, port, number_inputs(draw_normal(1, 800)))

    return make


def moonshine_encoder(hidden_size: int) -> Any:
    """The encoder, whose heads turn 0.9 of their size; that is no even number for heads of 8."""

    def make(_folder: Path) -> Sides:
        return _build_moonshine(hidden_size)

    return make


def _build_moonshine(hidden_size: int) -> Sides:
    from mlx_audio.stt.models.moonshine.config import ModelConfig
    from mlx_audio.stt.models.moonshine.moonshine import MoonshineEncoder as Port
    from transformers import MoonshineConfig, MoonshineModel

    config = MoonshineConfig(
        vocab_size=20,
        hidden_size=hidden_size,
        intermediate_size=32,
        encoder_num_hidden_layers=2,
        decoder_num_hidden_layers=1,
        encoder_num_attention_heads=2,
        decoder_num_attention_heads=2,
    )
    model = randomise(MoonshineModel(config)).encoder
    port = load_mlx(Port(ModelConfig.from_dict(config.to_dict())), read_state(model, layout="mlx"))
    return Sides(model, port, number_inputs(draw_normal(1, 3000)))


def whisper_sizes() -> dict[str, int]:
    return {
        "n_mels": 10,
        "n_audio_ctx": 20,
        "n_audio_state": 16,
        "n_audio_head": 2,
        "n_audio_layer": 2,
        "n_vocab": 30,
        "n_text_ctx": 12,
        "n_text_state": 16,
        "n_text_head": 2,
        "n_text_layer": 2,
    }


def whisper_mlx(_folder: Path) -> Sides:
    """OpenAI's against Apple's, which keeps its position tables in float16 unless told otherwise."""
    import mlx.core as mx
    import mlx_whisper.whisper as port_package
    from whisper.model import ModelDimensions, Whisper

    model = randomise(Whisper(ModelDimensions(**whisper_sizes())))
    state = rename(
        read_state(model, layout="mlx"),
        {"mlp.0": "mlp1", "mlp.2": "mlp2"},
    )
    port = port_package.Whisper(port_package.ModelDimensions(**whisper_sizes()), mx.float32)
    load_mlx(
        port,
        state | {"alignment_heads": _alignment_heads(port)},
        ignore=("encoder.positional_embedding", "mask"),
    )
    mel, tokens = draw_normal(1, 10, 40), draw_ids(30, 1, 7)
    return Sides(
        model, port, number_inputs(mel, tokens), number_inputs(mel.swapaxes(1, 2).copy(), tokens)
    )


def _alignment_heads(port: Any) -> Any:
    import numpy as np

    return np.array(port.alignment_heads)


def parakeet(_folder: Path) -> Sides:
    """transformers' FastConformer encoder against mlx-audio's."""
    from mlx_audio.stt.models.parakeet.conformer import Conformer, ConformerArgs
    from transformers import ParakeetEncoder, ParakeetEncoderConfig

    config = ParakeetEncoderConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        subsampling_factor=4,
        subsampling_conv_channels=8,
        num_mel_bins=16,
        max_position_embeddings=64,
        scale_input=True,
    )
    model = randomise(ParakeetEncoder(config))
    port = Conformer(
        ConformerArgs(
            feat_in=16,
            n_layers=2,
            d_model=16,
            n_heads=2,
            ff_expansion_factor=4,
            subsampling_factor=4,
            self_attention_model="rel_pos",
            subsampling="dw_striding",
            conv_kernel_size=9,
            subsampling_conv_channels=8,
            pos_emb_max_len=64,
            xscaling=True,
        )
    )
    state = rename(
        read_state(model, layout="mlx"),
        {
            "subsampling.layers": "pre_encode.conv",
            "subsampling.linear": "pre_encode.out",
            "self_attn.q_proj": "self_attn.linear_q",
            "self_attn.k_proj": "self_attn.linear_k",
            "self_attn.v_proj": "self_attn.linear_v",
            "self_attn.o_proj": "self_attn.linear_out",
            "self_attn.relative_k_proj": "self_attn.linear_pos",
            "self_attn.bias_u": "self_attn.pos_bias_u",
            "self_attn.bias_v": "self_attn.pos_bias_v",
            "conv.norm": "conv.batch_norm",
        },
    )
    load_mlx(port, state, ignore=("num_batches_tracked", "inv_freq"))
    return Sides(model, port, number_inputs(draw_normal(1, 40, 16)))


def audio_encoder(kind: str) -> Any:
    """The Whisper-like encoders of Qwen2-Audio and Voxtral: transformers against mlx-audio."""

    def make(_folder: Path) -> Sides:
        import importlib

        import transformers

        sizes = {"num_mel_bins": 10, "max_source_positions": 20}
        theirs = {
            **sizes,
            "encoder_layers": 2,
            "encoder_attention_heads": 2,
            "encoder_ffn_dim": 32,
            "d_model": 16,
        }
        mel = draw_normal(1, 10, 40)
        if kind == "Qwen2Audio":
            package = importlib.import_module("mlx_audio.stt.models.qwen2_audio.qwen2_audio")
            config = transformers.Qwen2AudioEncoderConfig(**theirs)
            port = package.Qwen2AudioEncoder(package.EncoderConfig(**theirs))
            their_mel = mel
        else:
            package = importlib.import_module("mlx_audio.stt.models.voxtral.voxtral")
            own = {
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "intermediate_size": 32,
                "hidden_size": 16,
            }
            config = transformers.VoxtralEncoderConfig(**sizes, **own)
            port = package.Encoder(package.AudioConfig(**theirs))
            their_mel = mel.swapaxes(1, 2).copy()
        model = randomise(getattr(transformers, f"{kind}Encoder")(config))
        state = read_state(model, layout="mlx")
        if kind == "Qwen2Audio":
            rows = model.embed_positions.weight.shape[0]
            state["embed_positions.weight"] = _copy_table(model.embed_positions, port, rows)
        load_mlx(port, state, ignore=("embed_positions.weight",))
        return Sides(model, port, number_inputs(mel), number_inputs(their_mel))

    return make


def _copy_table(embedding: Any, port: Any, rows: int) -> Any:
    """Put the port's fixed sinusoids into the reference: a trained table holds them."""
    import numpy as np
    import torch

    table = np.array(port.embed_positions)[:rows]
    with torch.no_grad():
        embedding.weight.copy_(torch.tensor(table))
    return table


PAIRS = [
    Pair(
        "Wav2Vec2, group norm: transformers against mlx-audio",
        wav2vec2("group"),
        needs=("mlx-audio",),
    ),
    Pair(
        "Wav2Vec2, layer norms: transformers against mlx-audio",
        wav2vec2("layer"),
        needs=("mlx-audio",),
    ),
    Pair(
        "Moonshine's encoder: transformers against mlx-audio",
        moonshine_encoder(40),
        needs=("mlx-audio",),
    ),
    Pair(
        "Moonshine's encoder with heads of 8: transformers against mlx-audio",
        moonshine_encoder(16),
        (Fault((r"layers\.\d\.self_attn(\.o_proj)?",), ("rope-convention",)),),
        "the first tensor apart is what reaches o_proj: transformers turns 8 of 8 values (0.9 * 8, upwards), the port 6",
        needs=("mlx-audio",),
    ),
    Pair(
        "Whisper: openai-whisper against mlx-whisper",
        whisper_mlx,
        needs=("openai-whisper", "mlx-whisper", "tiktoken"),
    ),
    Pair(
        "FastConformer of Parakeet: transformers against mlx-audio", parakeet, needs=("mlx-audio",)
    ),
]
