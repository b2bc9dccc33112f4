"""Peaks that jump to the other end of the range: integers overflowed where they should have been limited."""

from __future__ import annotations

from auscult.symptoms import Suspect

SYMPTOM = "wrap-around"
SUSPECTS: tuple[Suspect, ...] = ()
WRITING = "limit to ±1 before converting to integers, and scale by 32767"
