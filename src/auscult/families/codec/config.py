"""Hyper-parameters of auscult's codec."""

from __future__ import annotations

from dataclasses import dataclass
from math import log2, prod
from typing import Literal

End = Literal["none", "tanh", "clamp"]


@dataclass(frozen=True)
class Config:
    """The defaults are the Telugu codec that comes with the package. The fields up to `code_dim` show in the
    tensors' shapes (but for the sample rate), the others do not.

    Attributes:
        widths: Channels of the encoder from the waveform inwards, one more than there are strides; the decoder mirrors them.
            A first width of 1 leaves out the convolution at the full rate: the first strided convolution then reads the
            waveform itself, as a lapped transform does, which is what makes a codec cheap.
        strides: Of the encoder, from the waveform inwards. Each strided convolution's kernel is twice its stride.
        units: Residual units before each stride.
        core: Residual units between the innermost convolution and the code, on both sides.
        kernel: Of the first convolution of a residual unit (odd).
        latent: Width of what is quantised.
        books, book_size: Residual codebooks and the codes in each (a power of two).
        code_dim: Width of the codes, 0 for `latent`. Where it is smaller, each book works behind two projections.
        dilations: Of a stage's residual units, used in turn; `core_dilations` likewise.
        activation: In front of every convolution but the outermost.
        end: What stands after the last convolution: nothing, tanh, or a cut at ±1.
        causal: Whether a frame depends on the past only, which is what streaming needs.
        delay: Samples by which the decoder lags behind, which is how far ahead a causal codec can look. The codec pads a
            recording by as much and cuts it off again; only a stream notices.
        average: Books per frame on average, where loud groups of frames use more of them than quiet ones: a group uses books
            until what is left is below a level that all groups share. 0: every frame uses all books.
        group: Frames that use the same number of books.
        level: RMS in dBFS to which a recording is brought before it is encoded; its gain is kept in the file. None: as it is.
    """

    sample_rate: int = 16000
    widths: tuple[int, ...] = (1, 256)
    strides: tuple[int, ...] = (80,)
    units: int = 0
    core: int = 4
    kernel: int = 3
    latent: int = 80
    books: int = 12
    book_size: int = 1024
    code_dim: int = 0

    dilations: tuple[int, ...] = (1, 3, 9)
    core_dilations: tuple[int, ...] = (1, 2, 4, 8)
    activation: Literal["snake", "elu"] = "snake"
    end: End = "none"
    causal: bool = True
    delay: int = 160
    level: float | None = -23.0
    average: float = 7.9
    group: int = 4

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return prod(self.strides)

    @property
    def bits(self) -> int:
        """Bits of one code."""
        return int(log2(self.book_size))

    @property
    def bits_per_second(self) -> float:
        """Of the codes and, where their number varies, of saying how many there are."""
        per_frame = (
            self.average * self.bits + self.depth_bits / self.group
            if self.average
            else self.books * self.bits
        )
        return per_frame * self.sample_rate / self.hop

    @property
    def depth_bits(self) -> int:
        """Bits that say how many books a group uses."""
        return self.books.bit_length() if self.average else 0

    @property
    def step(self) -> int:
        """Samples that are coded together: a hop, or a group of them."""
        return self.hop * (self.group if self.average else 1)
