"""Hyper-parameters of Vocos. Source: gemelo-ai/vocos (models.py, heads.py) and its published configs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BOOK_SIZE = 1024
"""Rows of one codebook of EnCodec. Defined by facebookresearch/encodec."""
FIRST_BANDWIDTH_BOOKS = 2
"""Codebooks of the first row of the adaptive norms (1.5 kbit/s); each further row has twice as many.

Defined by the published config of vocos-encodec-24khz: 1.5, 3, 6 and 12 kbit/s at 0.75 kbit/s a book.
"""
UNUSED_PREFIXES = ("feature_extractor.mel_spec.", "head.istft.")
"""Buffers of the mel front end, and the window, that files hold and that a model makes anew."""


@dataclass(frozen=True)
class Config:
    """Defaults are vocos-mel-24khz. The second block of fields is in no tensor.

    Attributes:
        n_fft: Of the inverse STFT; the head has n_fft + 2 outputs.
        bandwidths: Rows of the adaptive layer norms; 0 for plain ones.
        codebook_rows: Of the EnCodec features; 0 where the input is mel.
        mel_n_fft: Of the mel front end, where its buffers are in the file; 0 otherwise.
        hop_length: Of the inverse STFT.
        padding: `center` cuts half a window at both ends, `same` so much that a frame gives a hop.
    """

    inputs: int = 100
    width: int = 512
    hidden: int = 1536
    layers: int = 8
    kernel_size: int = 7
    n_fft: int = 1024
    bandwidths: int = 0
    codebook_rows: int = 0
    mel_n_fft: int = 1024
    layer_scale: bool = True

    hop_length: int = 256
    padding: Literal["center", "same"] = "center"

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return self.hop_length

    @property
    def mel_bins(self) -> int:
        """Bands of the mel that goes in; 0 where codes go in."""
        if self.codebook_rows:
            return 0
        return self.inputs

    def choose_bandwidth(self, books: int | None) -> int:
        """The row of the adaptive norms for that many codebooks; the last where they are not known."""
        rows = range(self.bandwidths)
        matching = [row for row in rows if FIRST_BANDWIDTH_BOOKS * 2**row == books]
        if matching:
            return matching[0]
        return self.bandwidths - 1


PUBLISHED = {
    "mel, 24 kHz": Config(),
    "encodec, 24 kHz": Config(
        inputs=128,
        width=384,
        hidden=1152,
        n_fft=1280,
        bandwidths=4,
        codebook_rows=16384,
        mel_n_fft=0,
        hop_length=320,
        padding="same",
    ),
}
