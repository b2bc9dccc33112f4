"""The inverse STFT divides by another window sum.

**What it finds.** A waveform with a gain that is constant or has the period of the hop: overlapped
frames were divided by another sum of windows, or by none.

**What you hear.** Too loud or too quiet; a tone at the frame rate.

**Why it happens.** Frames that were windowed twice and overlapped have to be divided by the sum of
the squared windows. `torch.istft` does so; a hand-written overlap-add has to do it itself.

**Blind spots.** The spectrum has to be the input of a module, or the module has to own its window. At
the ends of the signal the sum of windows is small, and a port may differ there alone.

**How it is measured.** The spectrum at hand (magnitude and phase, real and imaginary part, or
complex) is inverted with five windows, four divisors (sum of squared windows, sum of windows, n_fft
/ hop, none) and four cuts. One gives the reference's signal, and one with another divisor the
candidate's. Of a module that owns a window and makes its spectrum inside, the reference's signal
times the quotient of two divisors gives the candidate's, sample for sample. At layers whose name speaks of a waveform, a gain over the whole signal counts too.

**Example.**

```python
# torch, wrong
y = overlap_add(frames * window)
# torch, right
y = overlap_add(frames * window) / overlap_add(window.square().expand_as(frames))
# MLX, wrong
y = overlap_add(frames * window)
# MLX, right
y = overlap_add(frames * window) / overlap_add(mx.broadcast_to(window * window, frames.shape))
```

**Fix.** Divide by the summed squared window. Safety: lossy (equal within the number format).

**References.** torch.istft; gemelo-ai/vocos.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import gains, inverse_stft, lags, window_sums

CODE = "PAR045"
NAME = "istft-normalisation"
RANK = 20
SEARCHES = (gains.SEARCH, inverse_stft.SEARCH, window_sums.SEARCH)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Another divisor of the overlapped frames, or a gain over a waveform."""
    for difference in inverse_stft.find_inverse_stft_differences(case, floor):
        if "by" in difference.unequal:
            candidate = inverse_stft.describe_divisor(difference.candidate)
            reference = inverse_stft.describe_divisor(difference.reference)
            message = (
                f"it divides the overlapped frames by {candidate}, the reference by {reference}"
            )
            yield difference.to_explanation(NAME, message)
    for change in window_sums.find_window_sum_changes(case, floor):
        yield Explanation(
            NAME,
            {"reference": change.reference, "candidate": change.candidate, "hop": change.hop},
            change.residual,
            f"it divides the overlapped frames by {change.candidate}, the reference by {change.reference}",
            fix=f"divide by {change.reference}",
        )
    fit = gains.fit_gain_and_offset(case, floor)
    if fit is not None and fit.gain > 0 and lags.is_wave_layer(case):
        yield Explanation(
            NAME,
            {"gain": fit.gain},
            fit.gain_residual,
            f"its signal is {fit.gain:.4g} times the reference's",
            fix=f"divide by the summed squared window (gain {1 / fit.gain:.4g})",
            complexity=2,
        )
