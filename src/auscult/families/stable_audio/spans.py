"""Cutting a long sequence into parts that overlap by as much as the layers behind them see, so that nothing changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import NamedTuple

DILATIONS = (1, 3, 9)
"""Of the three residual units of every block, kernel 7."""
WHOLE_BLOCKS = 2
"""Decoder blocks that run on the whole latent; what comes after them is long, and runs in parts."""
PART = 512
"""Frames of a part, at the rate behind the whole blocks."""
CONV_REACH = 3
"""Frames that a convolution of kernel 7 sees to either side."""


class Span(NamedTuple):
    """One part: read source[start:stop], of what comes out keep [skip : skip + keep] frames of the source's rate."""

    start: int
    stop: int
    skip: int
    keep: int


def spans(length: int, size: int, margin: int) -> Iterator[Span]:
    """Parts of at most `size` frames, read with `margin` more to either side where there is any."""
    for begin in range(0, length, size):
        end = min(begin + size, length)
        start = max(begin - margin, 0)
        yield Span(start, min(end + margin, length), begin - start, end - begin)


def decoder_margin(strides: Sequence[int]) -> int:
    """Frames of its input that one output of these decoder blocks and the last convolution sees to either side.

    Args:
        strides: Of the blocks from here to the audio, in the order in which they run.
    """
    reach = float(CONV_REACH)
    for stride in reversed(strides):
        reach += CONV_REACH * sum(DILATIONS)
        # an output of a transposed convolution of kernel 2s sees the inputs one stride before and behind its own
        reach = reach / stride + 1
    return ceil(reach) + 1
