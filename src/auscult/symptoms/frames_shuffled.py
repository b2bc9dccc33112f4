"""The right pieces in the wrong order."""

from __future__ import annotations

from auscult.symptoms import Suspect

SYMPTOM = "frames-shuffled"
SUSPECTS = (
    Suspect(
        ("position-offset", "rope-convention", "skip-order", "attention-mask"),
        "attention sees positions that are not the frames' own",
        needs="traces",
    ),
    Suspect(
        ("layout-fortran",),
        "a row-major buffer read as column-major exchanges frames and channels",
        needs="weights",
    ),
)
WRITING = "join chunks in the order in which they were made"
