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

from collections.abc import Iterator, Sequence

from auscult.finding import Severity
from auscult.recipe.op import Op
from auscult.recipe.ops.parallel import Parallel
from auscult.rules.diff.evidence.operations import make_check, make_operation_claim
from auscult.rules.diff.subject import DiffSubject

CODE = "LAY012"
NAME = "gate-order"
REQUIRES = DiffSubject
PRECEDENCE = 22
SUMMING = frozenset(("sum", "cast", "split", "route", "concat", "reshape"))
"""Operations that leave the gates in their order."""


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
    return not all(_adds_biases_up(match.ops) for match in matches)


def _adds_biases_up(ops: Sequence[Op]) -> bool:
    """Whether biases are added, gate by gate, and stay in their order."""
    names = set(_iter_operation_names(ops))
    return "sum" in names and names <= SUMMING


def _iter_operation_names(ops: Sequence[Op]) -> Iterator[str]:
    for op in ops:
        if isinstance(op, Parallel):
            for _sources, _targets, branch_ops in op.branches:
                yield from _iter_operation_names(branch_ops)
        else:
            yield op.op


def _describe(subject: DiffSubject) -> str:
    if _has_other_order(subject):
        return "the gates of recurrent layers lie in another order (or two biases are one)"
    return (
        "the two biases of recurrent layers are one, their sum (in a GRU, but for the last gate's)"
    )


claim = make_operation_claim(NAME)
check = make_check(
    CODE,
    NAME,
    _describe,
    severity=_judge_severity,
    rank=9,
    summary="reorder the gates",
)
