"""The gates of an LSTM or GRU lie in another order, or its two biases are one.

**What it finds.** LSTM gates i, f, g, o (PyTorch, MLX) against i, o, f, c (ONNX); GRU r, z, n
against z, r, n; bias_ih + bias_hh in one bias (MLX, Keras, OpenVINO, ncnn). An error where the
gates of a bias lie in another order than those of its layer's weights.

**What you hear.** The recurrent layer saturates or forgets: flat prosody, monotone or garbled
speech. All shapes are legal.

**Why it happens.** ONNX and Keras order the gates in their own way.

**Blind spots.** Needs a reference. The GRU variants that apply the reset gate before or after the
product have the same weights.

**How it is measured.** The reordered matrix equals the other side's, bit for bit or within a number
format's error. It is an error where the names say which frameworks the two sides are of, and the order
is not theirs; biases that are only added up inform.

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
    if not _has_other_order(subject):
        return Severity.INFO
    return Severity.WARNING


def _has_other_order(subject: DiffSubject) -> bool:
    """Whether gates were reordered or taken apart, and not only biases added up."""
    matches = [place.match for place in subject.places.get(NAME, ()) if place.match is not None]
    return any(not {op.op for op in match.ops} <= {"sum", "cast"} for match in matches)


def _describe(subject: DiffSubject) -> str:
    if _has_other_order(subject):
        return "the gates of recurrent layers lie in another order (or two biases are one)"
    return "the two biases of recurrent layers are one, their sum"


claim = make_operation_claim(NAME)
check = make_check(
    CODE,
    NAME,
    _describe,
    severity=_judge_severity,
    rank=9,
    summary="reorder the gates",
)
