"""Channels are in reverse order.

**What it finds.** The reference's tensor with its channels in reverse order, the last one first.

**What you hear.** A spectrum upside down: hiss where the voice should be deep.

**Why it happens.** Image code reads rows from the top, and a spectrogram that was drawn with its
low bands at the bottom comes back flipped. Mel banks and quantiser stages are listed from either
end.

**Blind spots.** None known.

**How it is measured.** The reference's tensor is flipped along its channel axis: the last one of
linear, recurrent, attention and layer norm modules, the second one of others. It has to be the
candidate's within the noise floor.

**Example.**

```python
# torch, wrong
mel = torch.from_numpy(picture[::-1].copy())
# torch, right
mel = torch.from_numpy(picture)
# MLX, wrong
mel = mx.array(picture)[::-1]
# MLX, right
mel = mx.array(picture)
```

**Fix.** Flip the channels back. Safety: lossy (equal within the number format).
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import reversals

CODE = "PAR052"
NAME = "channels-reversed"
RANK = 25
SEARCHES = (reversals.SEARCH,)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The reference's tensor with its channels the other way round."""
    for axis, residual in reversals.measure_flips(case, floor).items():
        if axis == reversals.get_channel_axis(case):
            yield Explanation(
                NAME,
                {"axis": axis},
                residual,
                "its channels run backwards",
                fix=f"flip axis {axis}",
                complexity=2,
            )
