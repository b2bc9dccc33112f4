"""Column-major bytes were read as row-major.

**What it finds.** Weights of the right shape whose elements are in the order of a column-major
(Fortran) array, or of a transposed view that was saved without being made contiguous.

**What you hear.** Noise: every weight is at the wrong place, with the right statistics.

**Why it happens.** A home-made .npy reader ignores `fortran_order`; `safetensors.numpy.save_file`
writes the memory of a transposed view in its own order under the view's shape.

**Blind spots.** A square matrix alone is reported as transposed (`layout-linear`), which is the
same. Needs a reference; statistics cannot show it, since no value changes.

**How it is measured.** The values of one side, read in the other order, equal the other side's bit
for bit. No threshold.

**Example.** A transposed view is written as it lies in memory:

    save_file({"weight": weight.T}, path)  # wrong: the memory of `weight` under the shape of `weight.T`
    save_file({"weight": np.ascontiguousarray(weight.T)}, path)  # right

**Fix.** Read the bytes in the other order, as a recipe; every bit is kept. Safety: safe.

**References.** NumPy .npy format, `fortran_order`; numpy.ascontiguousarray.
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Severity
from auscult.rules.diff.claims import OpenItems
from auscult.rules.diff.evidence.operations import (
    find_caused_places,
    make_check,
    make_constant_severity,
)
from auscult.rules.diff.evidence.permutations import find_fortran_squares
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject

CODE = "LAY006"
NAME = "layout-fortran"
REQUIRES = DiffSubject
PRECEDENCE = 30
DIVERGES = True


def claim(subject: DiffSubject, items: OpenItems) -> Iterable[ClaimedPlace]:  # noqa: ARG001
    yield from find_caused_places(subject, NAME)
    yield from (ClaimedPlace(match.b, match) for match in find_fortran_squares(subject))


check = make_check(
    CODE,
    NAME,
    "column-major values were read as row-major: right shape, scrambled order",
    severity=make_constant_severity(Severity.ERROR),
    rank=9,
    summary="read the values in column-major order",
)
