"""The gates of an LSTM or GRU are taken in another order.

**What it finds.** Rows of the weights taken for other gates: i, f, g, o against i, o, f, c; r, z, n against z, r, n.

**What you hear.** Silence, a drone, or a mumble.

**Why it happens.** Every framework stacks the gates in an order of its own, and all orders have one shape.

**Blind spots.** One direction only, and states that start at zero. `auscult diff` sees weights that were stored in another order.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** ONNX operators LSTM and GRU; torch.nn.LSTM, torch.nn.GRU.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR062"
NAME = "gate-order"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=17)
