"""The inverse STFT has another window.

**What it finds.** A periodic in place of a symmetric window, Hann in place of Hamming, or no
window.

**What you hear.** A faint tone at the frame rate.

**Why it happens.** `torch.hann_window` is periodic by default, `scipy.signal.windows.hann` and
`numpy.hanning` are symmetric. The two differ by one sample in the period.

**Blind spots.** Other windows than Hann and Hamming are not tried.

**How it is measured.** The spectrum at hand is inverted with a Hann and a Hamming window, both
periodic and symmetric, and with none. One gives the reference's signal and another the candidate's,
with the same divisor and the same cut. Where the spectrum is made inside, the live reference's own code is
run again with these windows, handed to `torch.istft` or stored in a buffer that is called a window. From traces alone it is said where a
module owns nothing but a window, and not the reference's.

**Example.**

```python
# torch, wrong
window = torch.hann_window(1024, periodic=False)
# torch, right
window = torch.hann_window(1024)
# MLX, wrong
window = mx.array(np.hanning(1024))
# MLX, right
window = mx.array(np.hanning(1025)[:-1])
```

**Fix.** Take the reference's window. Safety: lossy (equal within the number format).

**References.** scipy.signal.get_window.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import inverse_stft, windows

CODE = "PAR047"
NAME = "istft-window"
RANK = 22
SEARCHES = (inverse_stft.SEARCH,)
FOUND_BY = ("comparison/unloaded.py",)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Another window, all else being equal."""
    for difference in inverse_stft.find_inverse_stft_differences(case, floor):
        if difference.unequal == ("window",):
            candidate, reference = difference.candidate.window, difference.reference.window
            message = f"its window is {candidate}, the reference's {reference}"
            yield difference.to_explanation(NAME, message)


def explain_by_rerun(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """Another window handed to the transform, or stored where the code reads its own."""
    yield from windows.explain_function_windows(case, floor, NAME, ("istft",))
    if case.rerun is not None and "stft" not in case.rerun.read_functions():
        yield from windows.explain_stored_windows(case, floor, NAME)
