"""Loud noise with the rhythm of speech: the two bytes of each sample are exchanged."""

from __future__ import annotations

from auscult.symptoms import Suspect

SYMPTOM = "byte-order"
SUSPECTS: tuple[Suspect, ...] = ()
WRITING = "read or write the samples in the byte order of the format (WAV: little-endian)"
