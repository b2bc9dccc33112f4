"""What public packages compute otherwise than those that they are ports of, seen while the pairs were made."""

from __future__ import annotations

MISMATCHES = (
    "mlx-audio 0.6.2, Vocos' head: a symmetric Hann window, and the overlapped frames divided by the sum of the window; vocos "
    "0.1.0 has a periodic window and divides by the sum of its square. 27 % apart at the output for a hop of n_fft / 4.",
    "mlx-audio 0.6.2, SNAC's transposed convolutions: `groups` is handed over in the place of `output_padding`, so that each gives "
    "one sample more than snac 1.2.1 (for odd strides the two agree).",
    "mlx-audio 0.6.2, SNAC's `__call__`: the quantiser's output goes to the decoder with channels second where channels last are "
    "expected, and raises; `encode` and `decode` are right.",
    "mlx-lm 0.32.2, Gemma and Starcoder2: the exact GELU, where transformers 5.23.0 has the tanh form by default (1e-4 at the output).",
    "mlx-lm 0.32.2, GPT-NeoX: GELU's tanh form, where transformers 5.23.0 has the exact one by default; and an inner size of 4 x "
    "hidden size whatever the configuration says.",
    "mlx-audio 0.6.2, Moonshine: the rotary part of a head is rounded down to an even size, in transformers 5.23.0 up; the same for "
    "the released models, 3e-5 apart in small ones with heads of 8.",
    "torch 2.13.0's ONNX exporter (dynamo): `split` and `chunk` lose the name of the module that calls them; everything else keeps it.",
)
"""One sentence each, with versions and the size of the difference."""
