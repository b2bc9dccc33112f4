"""What `auscult run vocoder` has to know of CodeHiFiGAN."""

from __future__ import annotations

from auscult.families.codehifigan.config import Config
from auscult.families.hifigan.vocoder import CONFIG_NAMES
from auscult.families.vocoders import VocoderInput

__all__ = ["CONFIG_NAMES", "MELS", "SAMPLE_RATE", "name_input"]

MELS: tuple[str, ...] = ()
SAMPLE_RATE = 16000


def name_input(config: Config) -> VocoderInput:  # noqa: ARG001
    """See `auscult.families.vocoders.Vocoder`."""
    return "units"
