"""What `auscult run vocoder` has to know of HiFi-GAN."""

from __future__ import annotations

from auscult.families.hifigan.config import Config
from auscult.families.vocoders import VocoderInput

MELS = (
    "hifigan",
    "hifigan-16k",
    "tacotron2",
    "speecht5",
    "parallel-wavegan-22k",
    "parallel-wavegan",
)
CONFIG_NAMES = {
    "upsample_rates": ("upsample_rates", "upsample_scales", "upsample_factors"),
    "dilations": ("resblock_dilation_sizes", "resblock_dilations"),
    "slope": ("leaky_relu_slope", "negative_slope"),
}
SAMPLE_RATE = 22050


def name_input(config: Config) -> VocoderInput:  # noqa: ARG001
    """See `auscult.families.vocoders.Vocoder`."""
    return "mel"
