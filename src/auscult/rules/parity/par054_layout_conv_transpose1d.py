"""A transposed convolution reads its kernel in another layout.

**What it finds.** The layer's output with input and output channels exchanged, or with the kernel read in another
order of axes.

**What you hear.** Noise with a trace of the content; every shape is legal where the channels are square.

**Why it happens.** torch keeps (in, out, k), MLX (out, k, in).

**Blind spots.** Only layouts that keep the shape.

**How it is measured.** The mistake is applied to what the reference took or knew at that place; it counts only if it
gives the candidate's output within the noise floor, and if no simpler mistake does. Others that do so as simply are
named as rivals.

**Fix.** The reference's form, as a hint for the code. Safety: lossy (equal within the number format).

**References.** ml-explore/mlx, ConvTranspose1d; torch.nn.ConvTranspose1d.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding
from auscult.rules.explained import iter_parity_findings
from auscult.rules.parity.subject import CompareSubject

CODE = "PAR054"
NAME = "layout-conv-transpose1d"
REQUIRES = CompareSubject


def check(subject: CompareSubject) -> Iterable[Finding]:
    yield from iter_parity_findings(subject, CODE, NAME, rank=8)
