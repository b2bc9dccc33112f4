"""The inverse STFT cuts other samples off.

**What it finds.** A waveform that is late or early, or longer or shorter, by the part of a window
that is cut off at its ends.

**What you hear.** A lag of half a window; often nothing, until the sound is joined with another
stream.

**Why it happens.** `center=True` pads half a window on the way in, which has to be cut off on the
way out. "Same" padding cuts (n_fft - hop) / 2, and streaming code cuts nothing at the start.

**Blind spots.** None known.

**How it is measured.** The spectrum at hand is inverted with five windows, four divisors and four
cuts: half a window at both ends, (n_fft - hop) / 2 at both ends, none, and a window at the end
alone. One gives the reference's signal, and one with another cut the candidate's. At layers whose
name speaks of a waveform, the reference's signal with a lag or of another length counts too.

**Example.**

```python
# torch, wrong
y = torch.istft(spectrum, 1024, 256, window=window, center=True)
# torch, right
y = same_padded_istft(spectrum)  # cuts (n_fft - hop) / 2
# MLX, wrong
y = overlapped[:, n_fft // 2 : -(n_fft // 2)]
# MLX, right
y = overlapped[:, (n_fft - hop) // 2 : -((n_fft - hop) // 2)]
```

**Fix.** Cut what the reference cuts. Safety: lossy (equal within the number format).

**References.** torch.istft; gemelo-ai/vocos.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import inverse_stft, lags

CODE = "PAR046"
NAME = "istft-trim"
RANK = 20
SEARCHES = (inverse_stft.SEARCH, lags.SEARCH)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Another cut under the same divisor, or a waveform with a lag."""
    for difference in inverse_stft.find_inverse_stft_differences(case, floor):
        if "trim" in difference.unequal and "by" not in difference.unequal:
            candidate, reference = difference.candidate.trim, difference.reference.trim
            yield difference.to_explanation(NAME, f"it cuts {candidate}, the reference {reference}")
    lag = lags.find_lag(case, floor)
    if lag is not None and lags.is_wave_layer(case):
        yield lag.to_explanation(NAME)
