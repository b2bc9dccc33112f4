"""The bins of a one-sided spectrum are not counted twice.

**What it finds.** A waveform of half the level, made from the bins 0 to n_fft / 2 without those that mirror them.

**What you hear.** Too quiet by 6 dB; where a network follows, a wrong voice.

**Why it happens.** `irfft` takes half a spectrum and adds the mirrored half itself. An inverse written as a product with cosines and
sines, as exporters and runtimes without complex numbers have it, has to count every bin but the first and the last twice.

**Blind spots.** The reference has to call `torch.istft` or `torch.fft.irfft`, and has to be live.

**How it is measured.** The reference's own code is run again with the inner bins of the spectrum halved; that has to give the
candidate's tensor.

**Example.**

```python
# torch, wrong
frame = (re @ cosines - im @ sines) / n_fft
# torch, right
twice = torch.ones(n_fft // 2 + 1)
twice[1:-1] = 2
frame = ((re * twice) @ cosines - (im * twice) @ sines) / n_fft
# MLX, wrong
frame = (re @ cosines - im @ sines) / n_fft
# MLX, right
frame = mx.fft.irfft(re + 1j * im, n_fft)
```

**Fix.** Count the bins between the first and the last twice. Safety: lossy (equal within the number format).

**References.** torch.fft.irfft; torch.istft, onesided.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches.functions import CodeChange, explain_code_changes
from auscult.facts.function_changes import CallChange
from auscult.weights import Array

CODE = "PAR066"
NAME = "istft-one-sided"
RANK = 20
BIN_AXES = {"istft": -2, "fft_irfft": -1}
"""Where these functions have their bins, by default."""


def explain_by_rerun(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """An inverse transform of a spectrum whose inner bins are halved."""
    changes = [
        CodeChange(
            "adds the mirrored bins",
            "leaves the mirrored bins out",
            "count the bins between the first and the last twice",
            (CallChange(function, computed={"input": _make_halving(axis)}),),
        )
        for function, axis in BIN_AXES.items()
    ]
    yield from explain_code_changes(case, floor, NAME, changes)


def _make_halving(default_axis: int) -> Any:
    def halve_inner_bins(spectrum: Array, arguments: Mapping[str, Any]) -> Array:
        axis = int(arguments.get("dim", default_axis))
        bins = [slice(None)] * spectrum.ndim
        bins[axis] = slice(1, -1)
        halved = spectrum.copy()
        halved[tuple(bins)] *= 0.5
        return halved

    return halve_inner_bins
