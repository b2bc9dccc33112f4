"""The STFT has another window.

**What it finds.** A spectrogram, or what is made from it, under another window: symmetric for periodic, Hamming for Hann, or none.

**What you hear.** Little by itself. A network that was trained on the other features sounds muffled or hoarse.

**Why it happens.** `torch.hann_window` is periodic by default, `numpy.hanning` is symmetric; `torch.stft` without a window takes
none, librosa and Kaldi have their own.

**Blind spots.** The reference has to be live and has to call `torch.stft`. Other windows than Hann and Hamming are not tried.

**How it is measured.** The reference's own code is run again with another window of the same length handed to `torch.stft`; that has to
give the candidate's tensor. Code that calls `torch.istft` too gets the window there as well.

**Example.**

```python
# torch, wrong
window = torch.hann_window(n_fft, periodic=False)
# torch, right
window = torch.hann_window(n_fft)
# MLX, wrong
window = mx.array(np.hanning(n_fft))
# MLX, right
window = mx.array(np.hanning(n_fft + 1)[:-1])
```

**Fix.** Take the reference's window. Safety: lossy (equal within the number format).

**References.** torch.stft; scipy.signal.get_window.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches.windows import explain_function_windows

CODE = "PAR067"
NAME = "stft-window"
RANK = 22


def explain_by_rerun(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Another window of the analysis."""
    for functions in (("stft",), ("stft", "istft")):
        yield from explain_function_windows(case, floor, NAME, functions)
