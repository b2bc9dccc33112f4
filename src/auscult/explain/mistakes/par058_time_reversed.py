"""Frames are in reverse order.

**What it finds.** The reference's tensor with its frames in reverse order, the last one first.

**What you hear.** Sound that runs backwards, or content that is garbled where a single layer is
concerned.

**Why it happens.** The backward half of a bidirectional layer reads its frames in reverse and has
to give them back in order. One of the two flips is easily forgotten, or done over the wrong axis.

**Blind spots.** None known.

**How it is measured.** The reference's tensor is flipped along each axis that is not its channel
axis. It has to be the candidate's within the noise floor. A recurrent layer of two directions is
run from its own weights with the backward direction's frames not flipped before it, not flipped
back, or neither.

**Example.**

```python
# torch, wrong
y = backward_rnn(x.flip(1))
# torch, right
y = backward_rnn(x.flip(1)).flip(1)
# MLX, wrong
y = backward_rnn(x[:, ::-1])
# MLX, right
y = backward_rnn(x[:, ::-1])[:, ::-1]
```

**Fix.** Flip the frames back. Safety: lossy (equal within the number format).
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import directions, reversals

CODE = "PAR058"
NAME = "time-reversed"
RANK = 25
SEARCHES = (reversals.SEARCH, directions.SEARCH)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The reference's tensor with its frames the other way round."""
    for axis, residual in reversals.measure_flips(case, floor).items():
        if axis != reversals.get_channel_axis(case):
            yield Explanation(
                NAME,
                {"axis": axis},
                residual,
                "its frames run backwards",
                fix=f"flip axis {axis}",
                complexity=2,
            )
    directions_trial = directions.read_directions(case, floor)
    if directions_trial is not None:
        yield from directions_trial.iter_fitting(NAME)
