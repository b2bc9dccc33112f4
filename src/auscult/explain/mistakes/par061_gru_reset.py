"""A GRU's reset gate acts at another place.

**What it finds.** A reset gate that multiplies the state before the hidden weights, in place of
what these gave, or the reverse.

**What you hear.** Content that decays into a mumble, the more the longer the utterance.

**Why it happens.** Both forms are called GRU. torch, MLX and cuDNN reset after the product. Cho et
al., ONNX by default (`linear_before_reset=0`) and Keras with `reset_after=False` reset before it.

**Blind spots.** One direction only, and states that start at zero.

**How it is measured.** The layer's own weights, run in torch's form, give the reference's output.
Run with the reset gate before the hidden product, with or without the hidden side's bias, they give
the candidate's.

**Example.**

```python
# torch, wrong
n = torch.tanh(x @ w_n.T + b_n + (r * h) @ u_n.T + c_n)
# torch, right
n = torch.tanh(x @ w_n.T + b_n + r * (h @ u_n.T + c_n))
# MLX, wrong
n = mx.tanh(x @ w_n.T + b_n + (r * h) @ u_n.T + c_n)
# MLX, right
n = mx.tanh(x @ w_n.T + b_n + r * (h @ u_n.T + c_n))
```

**Fix.** Reset where the reference does. Safety: lossy (equal within the number format).

**References.** Cho et al. 2014; ONNX operator GRU, attribute linear_before_reset.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import recurrent

CODE = "PAR061"
NAME = "gru-reset"
RANK = 17
SEARCHES = (recurrent.SEARCH,)
FIX = "n = tanh(W x + b + r * (U h + c)): linear_before_reset=1, reset_after=True"


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The layer with its reset gate before the hidden product."""
    trial = recurrent.read_recurrent(case, floor)
    if trial is None or trial.usual.order != recurrent.GRU_GATES:
        return
    early_reset = replace(trial.usual, reset="before")
    variants = [early_reset, replace(early_reset, hidden_bias=False)]
    for cell, residual in trial.iter_fitting(variants):
        message = (
            f"its reset gate acts {cell.reset} the hidden product, the reference's"
            f" {trial.usual.reset}"
        )
        yield trial.to_explanation(NAME, cell, residual, message, FIX)
