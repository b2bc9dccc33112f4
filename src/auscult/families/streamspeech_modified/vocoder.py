"""What `auscult run vocoder` has to know of the modified StreamSpeech generator."""

from __future__ import annotations

from auscult.families.streamspeech_modified.config import Config
from auscult.families.vocoders import VocoderInput

MELS = ("hifigan-16k", "hifigan")
CONFIG_NAMES = {"upsample_rates": ("upsample_rates",), "dilations": ("dilations",)}
SAMPLE_RATE = 16000


def name_input(config: Config) -> VocoderInput:  # noqa: ARG001
    """See `auscult.families.vocoders.Vocoder`."""
    return "mel"
