"""NaN or Inf among the samples: one operation overflowed, and everything behind it is lost."""

from __future__ import annotations

from auscult.symptoms import Suspect

SYMPTOM = "non-finite-sound"
FOLLOWS = True
SUSPECTS = (
    Suspect(("non-finite",), "the weights hold NaN or Inf already", needs="weights"),
    Suspect(
        ("precision-overflow", "precision-drift"),
        "an exponential or a square (Snake's, an attention's) overflows in half precision",
        needs="traces",
    ),
    Suspect(("lossy",), "a cast to a narrower format overflowed", needs="weights"),
)
