"""The run shows weights that were never loaded.

**What it finds.** A model of which no layer owns the reference's weights, and whose weights look
freshly drawn.

**What you hear.** Noise.

**Why it happens.** A lenient loader ignores names that it does not know. With a prefix such as
`module.` in front, it knows none.

**Blind spots.** Statistics alone cannot tell a badly trained layer from an untrained one.

**How it is measured.** Traces hold a fingerprint of each layer's weights (size, format, mean, root
mean square and bit patterns). No layer with a counterpart has the reference's. The rms of the
largest weight is within 3 % of what a constructor draws, uniform in ±1/sqrt(fan-in), or all values
of a tensor are one number.

**Example.**

```python
# torch, wrong
model.load_state_dict({f"module.{name}": w for name, w in weights.items()}, strict=False)
# torch, right
model.load_state_dict(weights)
# MLX, wrong
model.load_weights([(f"module.{name}", w) for name, w in weights.items()], strict=False)
# MLX, right
model.load_weights(list(weights.items()))
```

**Fix.** Load the reference's weights. Safety: lossy (equal within the number format).
"""

from __future__ import annotations

CODE = "PAR056"
NAME = "untrained"
RANK = 5
FOUND_BY = ("comparison/unloaded.py",)
