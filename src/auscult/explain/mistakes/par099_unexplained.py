"""A layer computes something else, and no known mistake reproduces it.

**What it finds.** A layer whose own error, on the reference's inputs, is above the noise floor, and
that none of the known mistakes explains.

**What you hear.** That depends on the layer: a small error is not heard, a large one late in the
model is.

**Why it happens.** A mistake that has no page here yet, two mistakes in one place, or weights that
are not the same.

**Blind spots.** It says where, not why.

**How it is measured.** Every other mistake was tried on the place, unless the budget of places was
spent before. Correlation, gain, offset, lag, the axis along which the error is least even, and
saturation are given as evidence for up to eight layers.

**Example.**

```python
# torch, wrong
y = F.silu(conv(x)).clamp(-3, 3) * 1.3  # three changes at once
# torch, right
y = F.gelu(conv(x))
# MLX, wrong
y = mx.clip(nn.silu(conv(x)), -3, 3) * 1.3
# MLX, right
y = nn.gelu(conv(x))
```

**Fix.** None is offered. Compare the weights of both sides first (`auscult diff`), then look at the
code of this layer. Safety: not repairable.
"""

from __future__ import annotations

CODE = "PAR099"
NAME = "unexplained"
RANK = 45
FOUND_BY = ("rules/parity.py",)
