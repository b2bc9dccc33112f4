"""Sample rates that recordings and models of sound have."""

from __future__ import annotations

STANDARD_RATES = (
    *(8000, 11025, 12000, 16000, 20000, 22050, 24000, 32000),
    *(40000, 44100, 48000, 88200, 96000, 192000),
)
"""In Hz, ascending. 20,000 is that of early Tacotron and WaveRNN recipes, 40,000 that of RVC's models."""
