"""The gates of an LSTM or GRU lie in another order, or its two biases are one.

**What it finds.** LSTM gates i, f, g, o (PyTorch, MLX) against i, o, f, c (ONNX); GRU r, z, n against z, r, n; bias_ih +
bias_hh in one bias (MLX, Keras).

**What you hear.** The recurrent layer saturates or forgets: flat prosody, monotone or garbled speech. All shapes are
legal.

**Why it happens.** ONNX and Keras order the gates in their own way.

**Blind spots.** Needs a reference. The GRU variants that apply the reset gate before or after the product have the same
weights.

**How it is measured.** The reordered matrix equals the other side's, bit for bit or within a number format's error.

**Fix.** The reordering or sum, as a recipe. A sum of biases cannot be taken apart, and need not be. Safety: safe, lossy
for the sum.

**References.** ONNX operators LSTM and GRU; torch.nn.LSTM; mlx.nn.LSTM.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Severity
from auscult.rules.claims import OpenItems
from auscult.rules.operations import operation_finding, places_of
from auscult.rules.subject import DiffSubject, Place

CODE = "LAY012"
NAME = "gate-order"
REQUIRES = DiffSubject
PRECEDENCE = 22


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[Place]:  # noqa: ARG001
    return places_of(subject, NAME)


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if places:
        yield operation_finding(
            CODE,
            NAME,
            "the gates of recurrent layers lie in another order (or two biases are one)",
            places,
            severity=Severity.ERROR if any(p.match and p.match.fault for p in places) else Severity.WARNING,
            rank=9,
            summary="reorder the gates",
        )
