"""Pairs that were made after the tool was last changed for a pair of this table, so that none of it was tuned to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.real_ports.pair import Fault, Pair
from benchmarks.real_ports.pairs.exports import TRANSFORMER, export
from benchmarks.real_ports.pairs.language_models import build_pair
from benchmarks.real_ports.pairs.planted import plant
from benchmarks.real_ports.pairs.rounded import export_faulty, lose_query_bias, round_mlx
from benchmarks.real_ports.weights import draw_ids, draw_normal

Build = Callable[[], tuple[Any, tuple[Any, ...]]]


def unispeech() -> tuple[Any, tuple[Any, ...]]:
    from transformers import UniSpeechSatConfig, UniSpeechSatModel

    from benchmarks.real_ports.pairs.exports import CONVOLUTIONS

    config = UniSpeechSatConfig(**TRANSFORMER, **CONVOLUTIONS, intermediate_size=32)
    return UniSpeechSatModel(config), (draw_normal(1, 800),)


def data2vec() -> tuple[Any, tuple[Any, ...]]:
    from transformers import Data2VecAudioConfig, Data2VecAudioModel

    config = Data2VecAudioConfig(
        **TRANSFORMER,
        intermediate_size=32,
        conv_dim=(8, 8, 8),
        conv_stride=(5, 2, 2),
        conv_kernel=(10, 3, 3),
        num_feat_extract_layers=3,
        num_conv_pos_embeddings=2,
        num_conv_pos_embedding_groups=2,
        conv_pos_kernel_size=5,
    )
    return Data2VecAudioModel(config), (draw_normal(1, 800),)


def parakeet() -> tuple[Any, tuple[Any, ...]]:
    from transformers import ParakeetEncoder, ParakeetEncoderConfig

    config = ParakeetEncoderConfig(
        **TRANSFORMER,
        intermediate_size=64,
        subsampling_factor=4,
        subsampling_conv_channels=8,
        num_mel_bins=16,
        max_position_embeddings=64,
    )
    return ParakeetEncoder(config), (draw_normal(1, 40, 16),)


def moonshine() -> tuple[Any, tuple[Any, ...]]:
    from transformers import MoonshineConfig, MoonshineModel

    config = MoonshineConfig(
        vocab_size=20,
        hidden_size=40,
        intermediate_size=32,
        encoder_num_hidden_layers=2,
        decoder_num_hidden_layers=1,
        encoder_num_attention_heads=2,
        decoder_num_attention_heads=2,
    )
    return MoonshineModel(config).encoder, (draw_normal(1, 3000),)


def dac_decoder() -> tuple[Any, tuple[Any, ...]]:
    from transformers import DacConfig, DacModel

    config = DacConfig(
        encoder_hidden_size=8,
        decoder_hidden_size=32,
        hidden_size=32,
        codebook_size=16,
        codebook_dim=4,
        n_codebooks=2,
        downsampling_ratios=[2, 4],
        upsampling_ratios=[4, 2],
    )
    return DacModel(config).decoder, (draw_normal(1, 32, 20),)


def speech_to_text() -> tuple[Any, tuple[Any, ...]]:
    from transformers import Speech2TextConfig, Speech2TextModel

    config = Speech2TextConfig(
        vocab_size=20,
        d_model=16,
        encoder_layers=2,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        max_source_positions=40,
        conv_channels=16,
        input_feat_per_channel=10,
    )
    return Speech2TextModel(config).encoder, (draw_normal(1, 40, 10),)


def t5_encoder() -> tuple[Any, tuple[Any, ...]]:
    from transformers import T5Config, T5EncoderModel

    config = T5Config(
        vocab_size=40,
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=2,
        num_heads=2,
        feed_forward_proj="gated-gelu",
    )
    return T5EncoderModel(config), (draw_ids(40, 1, 11),)


def scale_input(build: Build, factor: float) -> Build:
    """The same model on a quiet recording."""

    def make() -> tuple[Any, tuple[Any, ...]]:
        model, (waveform,) = build()
        return model, (waveform * factor,)

    return make


def hubert() -> tuple[Any, tuple[Any, ...]]:
    from benchmarks.real_ports.pairs.exports import hubert as build

    return build()


MODELS: dict[str, Build] = {
    "UniSpeech-SAT": unispeech,
    "Data2Vec's audio encoder": data2vec,
    "FastConformer of Parakeet": parakeet,
    "Moonshine's encoder": moonshine,
    "DAC's decoder": dac_decoder,
    "Speech2Text's encoder": speech_to_text,
    "T5's encoder": t5_encoder,
    "HuBERT on a quiet recording": scale_input(hubert, 1e-3),
}
EXPORTS = [
    Pair(
        f"{name}: transformers against its ONNX, {'dynamo' if dynamo else 'torchscript'}",
        export(build, dynamo=dynamo),
    )
    for name, build in MODELS.items()
    for dynamo in (False, True)
]
PORTS = [
    build_pair("Mistral", "llama"),
    build_pair("Cohere2", "cohere2", head_dim=8, sliding_window=64, sliding_window_pattern=2),
    build_pair("SeedOss", "seed_oss", head_dim=8, pad_token_id=0),
    build_pair("Ernie4_5", "ernie4_5", head_dim=8),
    round_mlx("language_models", "Cohere:", "bfloat16"),
]


def double_attention_scale(port: Any) -> None:
    port.layers[1].self_attn.scale *= 2


def set_behind_norm_eps(port: Any) -> None:
    port.layers[0].post_feedforward_layernorm.eps = 1e-2


def clip_for_tanh(port: Any) -> None:
    port.use_tanh_at_final = False


def lose_up_bias(port: Any) -> None:
    import mlx.core as mx

    port.ups[1][0].bias = mx.zeros_like(port.ups[1][0].bias)


PLANTED = [
    plant(
        "language_models",
        "Granite:",
        double_attention_scale,
        Fault((r"model\.layers\.1\.self_attn(\.o_proj)?",), ("attention-scale",)),
        "another scale of attention",
    ),
    plant(
        "language_models",
        "Gemma2:",
        set_behind_norm_eps,
        Fault((r"model\.layers\.0\.post_feedforward_layernorm",), ("layer-norm-eps",)),
        "another eps",
    ),
    plant(
        "vocoders",
        "BigVGAN:",
        clip_for_tanh,
        Fault((r"\(model\)",), ("activation-wrong", "activation-missing")),
        "a clamp for tanh",
    ),
    plant(
        "vocoders",
        "BigVGAN:",
        lose_up_bias,
        Fault((r"ups\.1(\.0)?",), ("bias-missing",)),
        "a bias of zero",
    ),
    export_faulty(
        "SEW",
        lose_query_bias,
        (r"encoder\.layers\.1\.attention\.q_proj",),
        "bias-missing",
        "a bias of zero",
        dynamo=True,
    ),
    export_faulty(
        "SpeechT5's HiFi-GAN",
        lambda model: setattr(model.resblocks[3].convs1[1], "padding_mode", "reflect"),
        (r"resblocks\.3\.convs1\.1",),
        "padding-mode",
        "another padding",
        dynamo=False,
    ),
]
PAIRS = [replace(pair, held_back=True) for pair in (*EXPORTS, *PORTS, *PLANTED)]
