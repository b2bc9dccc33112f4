"""What `auscult run vocoder` has to know of BigVGAN."""

from __future__ import annotations

from auscult.families.bigvgan.config import Config
from auscult.families.vocoders import VocoderInput

MELS = ("bigvgan", "bigvgan-22k", "bigvgan-44k", "hifigan")
CONFIG_NAMES = {
    "upsample_rates": ("upsample_rates",),
    "dilations": ("resblock_dilation_sizes",),
    "snake_logscale": ("snake_logscale",),
    "final_tanh": ("use_tanh_at_final",),
}
SAMPLE_RATE = 24000


def name_input(config: Config) -> VocoderInput:  # noqa: ARG001
    """See `auscult.families.vocoders.Vocoder`."""
    return "mel"
