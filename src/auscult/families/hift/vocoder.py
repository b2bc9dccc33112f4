"""What `auscult run vocoder` has to know of HiFT."""

from __future__ import annotations

from auscult.families.hift.config import Config
from auscult.families.vocoders import VocoderInput

MELS = ("chatterbox",)
CONFIG_NAMES = {
    "upsample_rates": ("upsample_rates",),
    "slope": ("lrelu_slope",),
    "sample_rate": ("sampling_rate", "sample_rate"),
}
SAMPLE_RATE = 24000


def name_input(config: Config) -> VocoderInput:  # noqa: ARG001
    """See `auscult.families.vocoders.Vocoder`."""
    return "mel"
