"""Pearson correlation of the aligned waveforms."""

from __future__ import annotations

from collections.abc import Iterator

from auscult.sound.correlation import centred_correlation
from auscult.sound.figures import Figure, SoundPair


def measure(pair: SoundPair) -> Iterator[Figure]:
    yield Figure(
        "correlation", centred_correlation(pair.candidate, pair.wanted), "", "higher", "waveform"
    )
