"""A GRU's reset gate acts at another place.

**What it finds.** The reset gate multiplying the state before the hidden weights, or what these gave.

**What you hear.** Content that decays into a mumble, the longer the utterance.

**Why it happens.** Both forms are called GRU: torch, MLX and cuDNN reset after the product; Cho et al., ONNX by default
(`linear_before_reset=0`) and Keras with `reset_after=False` before it.

**Blind spots.** One direction only, and states that start at zero.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** Cho et al. 2014; ONNX operator GRU, attribute linear_before_reset.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR061"
NAME = "gru-reset"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=17)
