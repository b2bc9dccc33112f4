"""The gates of an LSTM or GRU lie in another order, or its two biases are one.

**What it finds.** LSTM gates i, f, g, o (PyTorch, MLX) against i, o, f, c (ONNX); GRU r, z, n
against z, r, n; bias_ih + bias_hh in one bias (MLX, Keras).

**What you hear.** The recurrent layer saturates or forgets: flat prosody, monotone or garbled
speech. All shapes are legal.

**Why it happens.** ONNX and Keras order the gates in their own way.

**Blind spots.** Needs a reference. The GRU variants that apply the reset gate before or after the
product have the same weights.

**How it is measured.** The reordered matrix equals the other side's, bit for bit or within a number
format's error.

**Example.** ONNX's LSTM weight (i, o, f, c) goes into PyTorch's (i, f, g, o) as it is:

    lstm.weight_ih_l0.data = onnx_w  # wrong
    i, o, f, c = onnx_w.chunk(4)
    lstm.weight_ih_l0.data = torch.cat([i, f, c, o])  # right

**Fix.** The reordering or sum, as a recipe. A sum of biases cannot be taken apart, and need not be.
Safety: safe, lossy for the sum.

**References.** ONNX operators LSTM and GRU; torch.nn.LSTM; mlx.nn.LSTM.
"""

from __future__ import annotations

from auscult.finding import Severity
from auscult.rules.diff.evidence.operations import make_check, make_operation_claim
from auscult.rules.diff.subject import DiffSubject

CODE = "LAY012"
NAME = "gate-order"
REQUIRES = DiffSubject
PRECEDENCE = 22


def _judge_severity(subject: DiffSubject) -> Severity:
    places = subject.places.get(NAME, ())
    if any(place.match and place.match.fault for place in places):
        return Severity.ERROR
    return Severity.WARNING


claim = make_operation_claim(NAME)
check = make_check(
    CODE,
    NAME,
    "the gates of recurrent layers lie in another order (or two biases are one)",
    severity=_judge_severity,
    rank=9,
    summary="reorder the gates",
)
