"""The run shows that only part of the weights was loaded.

**What it finds.** A model of which some layers own the reference's weights, while others look
freshly drawn.

**What you hear.** Buzz or noise, over content that may still be recognised.

**Why it happens.** `load_state_dict` copies the tensors that fit before it raises an exception for
those that do not; a caller that catches it goes on with a mixed model. A renamed part of the model
has the same effect under a lenient loader.

**Blind spots.** Statistics alone cannot tell a badly trained layer from an untrained one.

**How it is measured.** Traces hold a fingerprint of each layer's weights. Some layers have the
reference's. This one has not, has an error of its own, and the rms of its largest weight is within
3 % of what a constructor draws, uniform in ±1/sqrt(fan-in), or all values of a tensor are one
number.

**Example.**

```python
# torch, wrong
try:
    model.load_state_dict(weights)
except RuntimeError:
    pass  # half of the tensors are copied by now
# torch, right
model.load_state_dict(weights)
# MLX, wrong
model.load_weights("part.safetensors", strict=False)
# MLX, right
model.load_weights("model.safetensors")
```

**Fix.** Load the reference's weights into this layer. Safety: lossy (equal within the number
format).

**References.** torch.nn.Module.load_state_dict.
"""

from __future__ import annotations

CODE = "PAR057"
NAME = "partial-load"
RANK = 5
FOUND_BY = ("comparison/unloaded.py",)
