"""A layer owns other weights than the reference's.

**What it finds.** A layer with an error of its own whose parameters are not the reference's, in any
order of axes or number format, and do not look freshly drawn either.

**What you hear.** Another voice; noise where few layers are concerned.

**Why it happens.** Another checkpoint was loaded, such as an earlier one of the same training. Or a
weight was scaled or edited on the way, or a loader left it out although the layer was trained
elsewhere.

**Blind spots.** Traces that hold no fingerprints of the weights. A fused or folded weight is not
recognised from a trace alone.

**How it is measured.** Bit patterns of the parameters without regard to order are compared. For
rounded ones, size, mean and root mean square have to agree within 1e-5 (one format) or 1e-2 (two
formats) of the root mean square.

**Example.**

```python
# torch, wrong
model.load_state_dict(torch.load("step_100000.pth"))
# torch, right
model.load_state_dict(torch.load("step_250000.pth"))
# MLX, wrong
model.load_weights("step_100000.safetensors")
# MLX, right
model.load_weights("step_250000.safetensors")
```

**Fix.** Compare the weights with `auscult diff`, which names what happened to them. Safety: guess.
"""

from __future__ import annotations

CODE = "PAR098"
NAME = "other-weights"
RANK = 7
FOUND_BY = ("comparison/unloaded.py",)
