"""How far ggml's block types move a value, so that a quantised weight can be held against its original.

The errors were measured with `ggml_quantize_chunk` of whisper.cpp's ggml 0.13.1 and the gguf package's
`dequantize`, on matrices of 128 x 1024 values: normal, heavy-tailed, uniform, Laplace, smooth, shifted,
and with channels of unequal size; with and without an importance matrix of ones, two seeds each.
`python -m benchmarks.ggml_errors` measures them again.
"""

from __future__ import annotations

from dataclasses import dataclass

MARGIN = 1.25
"""Factor on the measured errors. Measured on rows of the same matrices that have nothing to do with
each other: their rms error is 1.5 times (q2_k) to 150 times (q8_0) the measured one, and more for
normal values. With channels of unequal size the types of one and two bits (iq1_s, iq1_m, iq2_xxs,
tq1_0, tq2_0) do not tell them apart."""


@dataclass(frozen=True)
class BlockError:
    """Errors as shares of the largest dequantised magnitude in a run of values.

    Attributes:
        run: Values in a run.
        peak: Largest error of one value.
        rms: Largest rms error of a matrix.
    """

    run: int
    peak: float
    rms: float


BLOCK_ERRORS = {
    "q4_0": BlockError(32, 0.136, 0.039),
    "q4_1": BlockError(32, 0.110, 0.036),
    "q5_0": BlockError(32, 0.066, 0.019),
    "q5_1": BlockError(32, 0.053, 0.017),
    "q8_0": BlockError(32, 0.0044, 0.0023),
    "q2_k": BlockError(256, 0.441, 0.132),
    "q3_k": BlockError(256, 0.248, 0.068),
    "q4_k": BlockError(256, 0.121, 0.031),
    "q5_k": BlockError(256, 0.064, 0.016),
    "q6_k": BlockError(256, 0.029, 0.008),
    "iq2_xxs": BlockError(256, 0.813, 0.180),
    "iq2_xs": BlockError(256, 0.790, 0.142),
    "iq3_xxs": BlockError(256, 0.670, 0.090),
    "iq1_s": BlockError(256, 1.057, 0.269),
    "iq4_nl": BlockError(32, 0.150, 0.041),
    "iq3_s": BlockError(256, 0.365, 0.085),
    "iq2_s": BlockError(256, 0.569, 0.111),
    "iq4_xs": BlockError(256, 0.144, 0.036),
    "iq1_m": BlockError(256, 1.094, 0.231),
    "tq1_0": BlockError(256, 0.500, 0.346),
    "tq2_0": BlockError(256, 0.500, 0.346),
    "mxfp4": BlockError(32, 0.333, 0.111),
    "nvfp4": BlockError(32, 0.167, 0.078),
}
"""Per block type. Measured on the matrices above: the values themselves. Margin: MARGIN."""
