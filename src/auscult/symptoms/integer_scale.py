"""The level is off by a power of two: integers taken for floats, or 16 bits taken for 24 or 32."""

from __future__ import annotations

from auscult.symptoms import Suspect

SYMPTOM = "integer-scale"
SUSPECTS: tuple[Suspect, ...] = ()
WRITING = "divide by the full scale of the integer type that was read (32768 for 16 bits)"
