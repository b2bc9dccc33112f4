"""Left and right are exchanged."""

from __future__ import annotations

from auscult.symptoms import Suspect

SYMPTOM = "channel-swap"
SUSPECTS: tuple[Suspect, ...] = ()
WRITING = "exchange the channels when writing; check the order in which the decoder gives them"
