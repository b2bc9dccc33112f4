"""Vocoders: transformers against coqui-tts, the originals against mlx-audio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.real_ports.pair import Pair, Sides
from benchmarks.real_ports.weights import (
    draw_normal,
    load_mlx,
    number_inputs,
    randomise,
    read_state,
    rename,
)


def coqui_hifigan(_folder: Path) -> Sides:
    """coqui's generator against transformers'; coqui's last convolution may do without a bias."""
    from transformers import SpeechT5HifiGan, SpeechT5HifiGanConfig
    from TTS.vocoder.models.hifigan_generator import HifiganGenerator

    reference = HifiganGenerator(
        10, 1, "1", [[1, 3, 5], [1, 3, 5]], [3, 5], [8, 4], 16, [4, 2], inference_padding=0
    )
    reference = randomise(reference)
    config = SpeechT5HifiGanConfig(
        model_in_dim=10,
        upsample_initial_channel=16,
        upsample_rates=[4, 2],
        upsample_kernel_sizes=[8, 4],
        resblock_kernel_sizes=[3, 5],
        resblock_dilation_sizes=[[1, 3, 5], [1, 3, 5]],
        normalize_before=False,
    )
    port = SpeechT5HifiGan(config)
    port.apply_weight_norm()
    import torch

    state = rename(read_state(reference), {"ups.": "upsampler."})
    own = port.state_dict()
    missing = set(own) - set(state) - {"mean", "scale"}
    if missing or set(state) - set(own):
        raise ValueError(f"{sorted(missing)[:4]} {sorted(set(state) - set(own))[:4]}")
    port.load_state_dict({name: torch.tensor(array) for name, array in state.items()}, strict=False)
    mel = draw_normal(1, 10, 14)
    return Sides(
        reference, port.eval(), number_inputs(mel), number_inputs(mel.swapaxes(1, 2).copy())
    )


def bigvgan(_folder: Path) -> Sides:
    """NVIDIA's against mlx-audio's, without weight norm in either."""
    from bigvgan.bigvgan import BigVGAN
    from bigvgan.env import AttrDict
    from mlx_audio.codec.models.bigvgan.bigvgan import BigVGAN as Port
    from mlx_audio.codec.models.bigvgan.bigvgan import BigVGANConfig

    sizes: dict[str, Any] = {
        "num_mels": 10,
        "upsample_rates": [4, 2],
        "upsample_kernel_sizes": [8, 4],
        "upsample_initial_channel": 16,
        "resblock": "1",
        "resblock_kernel_sizes": [3, 5],
        "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5]],
        "activation": "snakebeta",
        "snake_logscale": True,
    }
    model = randomise(BigVGAN(AttrDict(sizes)))
    state = read_state(model, layout="mlx")
    state = {
        name: array.swapaxes(1, 2) if name.endswith("filter") else array
        for name, array in state.items()
    }
    port = load_mlx(Port(BigVGANConfig(**sizes)), state)
    return Sides(model, port, number_inputs(draw_normal(1, 10, 12)))


PAIRS = [
    Pair("HiFi-GAN: coqui-tts against transformers", coqui_hifigan, needs=("coqui-tts",)),
    Pair("BigVGAN: bigvgan against mlx-audio", bigvgan, needs=("bigvgan", "mlx-audio")),
]
