"""Cutting a long sequence into parts that overlap by as much as the layers behind them see, so that nothing changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import NamedTuple

DILATIONS = (1, 3, 9)
"""Of the three residual units of every block, kernel 7."""
WHOLE_BLOCKS = 2
"""Blocks next to the latent that run on the whole of it; those next to the audio are long, and run in parts."""
PART = 512
"""Frames of a part, at the rate between the two."""
CONV_REACH = 3
"""Frames that a convolution of kernel 7 sees to either side."""
UNITS_REACH = CONV_REACH * sum(DILATIONS)
"""The same of a block's three residual units."""


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
        reach += UNITS_REACH
        # an output of a transposed convolution of kernel 2s sees the inputs one stride before and behind its own
        reach = reach / stride + 1
    return ceil(reach) + 1


def encoder_margin(strides: Sequence[int]) -> int:
    """Frames of its output to either side of which the audio is seen by one output of the first convolution and these blocks.

    Args:
        strides: Of the blocks from the audio to here, in the order in which they run.
    """
    reach, rate = float(CONV_REACH), 1
    for stride in strides:
        # a strided convolution of kernel 2s sees at most 2s inputs to either side of the first of its own stride
        reach += rate * (UNITS_REACH + 2 * stride)
        rate *= stride
    return ceil(reach / rate)
