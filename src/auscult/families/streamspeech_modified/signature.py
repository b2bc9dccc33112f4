"""Names and shapes of the modified StreamSpeech generator."""

from __future__ import annotations

from auscult.families.streamspeech_modified.config import Config, choices, variants
from auscult.weights import Shape

__all__ = ["NAME", "Config", "choices", "expected", "variants"]

NAME = "streamspeech-modified"


def expected(config: Config) -> dict[str, Shape]:
    """Every tensor of the model, in state-dict order."""
    channels = config.channels
    shapes: dict[str, Shape] = {
        "initial_conv.weight": (channels[0], config.mel_bins, config.initial_kernel_size),
        "initial_conv.bias": (channels[0],),
    }
    for index, kernel in enumerate(config.upsample_kernel_sizes):
        source, target = channels[index], channels[index + 1]
        shapes[f"ups.{index}.conv.weight"] = (source, target, kernel)
        shapes[f"ups.{index}.conv.bias"] = (target,)
        for name, width in (("speaker_proj", config.speaker_dim), ("emotion_proj", config.emotion_dim)):
            shapes[f"ups.{index}.{name}.weight"] = (target, width)
            shapes[f"ups.{index}.{name}.bias"] = (target,)
    for index in range(config.mrf_count):
        for branch, kernel in enumerate(config.mrf_kernel_sizes):
            for conv in ("conv1", "conv2"):
                shapes[f"mrfs.{index}.convs.{branch}.{conv}.weight"] = (channels[index], channels[index], kernel)
                shapes[f"mrfs.{index}.convs.{branch}.{conv}.bias"] = (channels[index],)
    shapes["final_conv.weight"] = (1, channels[-1], config.final_kernel_size)
    shapes["final_conv.bias"] = (1,)
    return shapes
