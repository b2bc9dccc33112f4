"""Speech models of transformers against their own ONNX exports, by torch's two exporters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.real_ports.pair import Pair, Sides
from benchmarks.real_ports.weights import (
    draw_ids,
    draw_normal,
    fuse_weight_norms,
    number_inputs,
    randomise,
)

TRANSFORMER = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
CONVOLUTIONS = {
    "conv_dim": (8, 8, 8),
    "conv_stride": (5, 2, 2),
    "conv_kernel": (10, 3, 3),
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}


def export(
    build: Callable[[], tuple[Any, tuple[Any, ...]]], *, dynamo: bool
) -> Callable[[Path], Sides]:
    """The module against its ONNX file."""

    def make(folder: Path) -> Sides:
        import torch

        model, arguments = build()
        model = randomise(fuse_weight_norms(model))
        file = folder / "model.onnx"
        tensors = tuple(torch.as_tensor(array) for array in arguments)
        with torch.no_grad():
            torch.onnx.export(model, tensors, str(file), dynamo=dynamo, opset_version=20)
        return Sides(model, str(file), number_inputs(*arguments))

    return make


def hubert() -> tuple[Any, tuple[Any, ...]]:
    from transformers import HubertConfig, HubertModel

    config = HubertConfig(**TRANSFORMER, **CONVOLUTIONS, intermediate_size=32)
    return HubertModel(config), (draw_normal(1, 800),)


def wavlm() -> tuple[Any, tuple[Any, ...]]:
    from transformers import WavLMConfig, WavLMModel

    config = WavLMConfig(**TRANSFORMER, **CONVOLUTIONS, intermediate_size=32, num_buckets=16)
    return WavLMModel(config), (draw_normal(1, 800),)


def wav2vec2() -> tuple[Any, tuple[Any, ...]]:
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    config = Wav2Vec2Config(
        **TRANSFORMER,
        **CONVOLUTIONS,
        intermediate_size=32,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        vocab_size=12,
    )
    return Wav2Vec2ForCTC(config), (draw_normal(1, 800),)


def univnet() -> tuple[Any, tuple[Any, ...]]:
    from transformers import UnivNetConfig, UnivNetModel

    config = UnivNetConfig(
        model_in_channels=8,
        model_hidden_channels=8,
        num_mel_bins=10,
        resblock_kernel_sizes=[3, 3],
        resblock_stride_sizes=[4, 2],
        resblock_dilation_sizes=[[1, 3], [1, 3]],
        kernel_predictor_num_blocks=1,
        kernel_predictor_hidden_channels=8,
    )
    return UnivNetModel(config), (draw_normal(1, 12, 10), draw_normal(1, 12, 8, seed=3))


def speecht5_vocoder() -> tuple[Any, tuple[Any, ...]]:
    from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig

    config = SpeechT5HifiGanConfig(
        model_in_dim=10,
        upsample_initial_channel=16,
        upsample_rates=[4, 2],
        upsample_kernel_sizes=[8, 4],
        resblock_kernel_sizes=[3, 5],
        resblock_dilation_sizes=[[1, 3], [1, 3]],
        normalize_before=True,
    )
    return SpeechT5HifiGan(config), (draw_normal(1, 14, 10),)


def whisper_encoder() -> tuple[Any, tuple[Any, ...]]:
    from transformers import WhisperConfig, WhisperModel

    config = WhisperConfig(
        d_model=16,
        encoder_layers=2,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        num_mel_bins=10,
        max_source_positions=20,
        vocab_size=20,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
    )
    return WhisperModel(config).encoder, (draw_normal(1, 10, 40),)


def clap_audio() -> tuple[Any, tuple[Any, ...]]:
    from transformers import ASTConfig, ASTModel

    config = ASTConfig(
        **TRANSFORMER,
        intermediate_size=32,
        patch_size=4,
        frequency_stride=4,
        time_stride=4,
        max_length=24,
        num_mel_bins=16,
    )
    return ASTModel(config), (draw_normal(1, 24, 16),)


def wav2vec2_bert() -> tuple[Any, tuple[Any, ...]]:
    from transformers import Wav2Vec2BertConfig, Wav2Vec2BertModel

    config = Wav2Vec2BertConfig(
        **TRANSFORMER,
        intermediate_size=32,
        feature_projection_input_dim=12,
        conv_depthwise_kernel_size=5,
        left_max_position_embeddings=6,
        right_max_position_embeddings=3,
    )
    return Wav2Vec2BertModel(config), (draw_normal(1, 15, 12),)


def sew() -> tuple[Any, tuple[Any, ...]]:
    from transformers import SEWConfig, SEWModel

    config = SEWConfig(**TRANSFORMER, **CONVOLUTIONS, intermediate_size=32, squeeze_factor=2)
    return SEWModel(config), (draw_normal(1, 800),)


def speecht5_encoder() -> tuple[Any, tuple[Any, ...]]:
    from transformers import SpeechT5Config

    config = SpeechT5Config(
        vocab_size=20,
        hidden_size=16,
        encoder_layers=2,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        conv_dim=(8, 8),
        conv_stride=(5, 2),
        conv_kernel=(10, 3),
        num_feat_extract_layers=2,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
    )
    from transformers.models.speecht5.modeling_speecht5 import SpeechT5EncoderWithTextPrenet

    return SpeechT5EncoderWithTextPrenet(config), (draw_ids(20, 1, 11),)


def musicgen_decoder() -> tuple[Any, tuple[Any, ...]]:
    from transformers import MusicgenDecoderConfig, MusicgenForCausalLM

    config = MusicgenDecoderConfig(
        vocab_size=20,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        ffn_dim=32,
        num_codebooks=4,
        pad_token_id=20,
        use_cache=False,
    )
    return MusicgenForCausalLM(config), (draw_ids(20, 4, 9),)


def bark_fine() -> tuple[Any, tuple[Any, ...]]:
    from transformers import BarkCoarseConfig, BarkCoarseModel

    config = BarkCoarseConfig(
        block_size=32,
        input_vocab_size=24,
        output_vocab_size=24,
        num_layers=2,
        num_heads=2,
        hidden_size=16,
        use_cache=False,
    )
    return BarkCoarseModel(config), (draw_ids(24, 1, 9),)


def fastspeech2() -> tuple[Any, tuple[Any, ...]]:
    from transformers import Wav2Vec2ConformerConfig, Wav2Vec2ConformerModel

    config = Wav2Vec2ConformerConfig(
        **TRANSFORMER,
        **CONVOLUTIONS,
        intermediate_size=32,
        position_embeddings_type="rotary",
        conv_depthwise_kernel_size=5,
    )
    return Wav2Vec2ConformerModel(config), (draw_normal(1, 800),)


MODELS: dict[str, Callable[[], tuple[Any, tuple[Any, ...]]]] = {
    "HuBERT": hubert,
    "WavLM": wavlm,
    "Wav2Vec2": wav2vec2,
    "UnivNet": univnet,
    "SpeechT5's HiFi-GAN": speecht5_vocoder,
    "Whisper's encoder": whisper_encoder,
    "Audio Spectrogram Transformer": clap_audio,
    "Wav2Vec2-BERT": wav2vec2_bert,
    "SEW": sew,
    "SpeechT5's text encoder": speecht5_encoder,
    "MusicGen's decoder": musicgen_decoder,
    "Bark's coarse model": bark_fine,
    "Wav2Vec2-Conformer": fastspeech2,
}
PAIRS = [
    Pair(
        f"{name}: transformers against its ONNX, {'dynamo' if dynamo else 'torchscript'}",
        export(build, dynamo=dynamo),
    )
    for name, build in MODELS.items()
    for dynamo in (False, True)
]
