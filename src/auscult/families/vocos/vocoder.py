"""What `auscult run vocoder` has to know of Vocos."""

from __future__ import annotations

from auscult.families.vocoders import VocoderInput
from auscult.families.vocos.config import Config

MELS = ("vocos",)
CONFIG_NAMES = {"hop_length": ("hop_length",), "padding": ("padding",)}
SAMPLE_RATE = 24000


def name_input(config: Config) -> VocoderInput:
    """See `auscult.families.vocoders.Vocoder`."""
    if config.codebook_rows:
        return "codes"
    return "mel"
