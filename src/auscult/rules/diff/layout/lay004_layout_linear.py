"""The weights of linear layers are transposed.

**What it finds.** Matrices stored (in, out) where (out, in) is expected, or the reverse, the square
ones included. Also a square matrix that alone was left as it is where all its like are transposed.

**What you hear.** Square projections (attention, most of them) load without an error and compute
with the transpose: text that no one can follow, melted prosody, noise.

**Why it happens.** Hugging Face's GPT-2 `Conv1D` and Keras' `Dense` store (in, out); ONNX exports
MatMul operands so. A port that transposes "all the 2-D weights", or none, is wrong for a file that
has both kinds.

**Blind spots.** A symmetric matrix.

**How it is measured.** Against the other side's values: the permutation after which they are equal,
bit for bit or within a number format's error. Where one side is code with fresh weights, by shapes
and the kind of layer, and square weights follow the layout that the others show (`same_shape`
counts them; confidence 0.7). No threshold. A square matrix that lies as the reference's does is an
error where the matrices that the same operators take are transposed.

**Example.** GPT-2 stores its projections as (in, out), and a port copies them into Linear layers:

    linear.weight.data = state["c_attn.weight"]  # wrong: raises, or is transposed where square
    linear.weight.data = state["c_attn.weight"].T  # right: (out, in)

**Fix.** The permutation, as a recipe; every bit is kept. Safety: safe (guess where only square
shapes were at hand).

**References.** torch.nn.Linear (out, in); transformers.pytorch_utils.Conv1D (in, out).
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.align.records import Match
from auscult.facts.words import format_count
from auscult.finding import Finding, Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.layout_finding import build_layout_finding
from auscult.rules.diff.evidence.permutations import find_permuted_places
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject

CODE = "LAY004"
NAME = "layout-linear"
REQUIRES = DiffSubject
PRECEDENCE = 20


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:  # noqa: ARG001
    return find_permuted_places(subject, ("linear", "embedding", "recurrent", "other"))


def check(subject: DiffSubject) -> Iterable[Finding]:
    places = subject.places.get(NAME, ())
    if places:
        yield build_layout_finding(CODE, NAME, "matrix", subject, places)
    straight = [match for match in subject.alignment.matches if _is_left_straight(match)]
    if straight:
        yield _describe_straight(straight)


def _is_left_straight(match: Match) -> bool:
    """Whether it is a matrix that lies as the reference's does, although its like show that it has to be transposed."""
    return match.fault and not match.ops and match.cause is None


def _describe_straight(matches: list[Match]) -> Finding:
    matrices = format_count(len(matches), "square matrix")
    return Finding(
        CODE,
        NAME,
        Severity.ERROR,
        tuple(name for match in matches for name in match.b),
        f"{matrices} of the candidate left in the reference's order, where those that are used alike are transposed:"
        f" the candidate computes with the transpose ({matches[0].b[-1]} = {matches[0].a[-1]})",
        evidence={"axes": {"[1, 0]": len(matches)}, "same_shape": len(matches)},
        rank=33,
    )
